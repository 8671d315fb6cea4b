"""What each database needs beside the table `searched`, to look for words and to forget them.

Migration 0008 runs these too: who changes them writes a migration that brings the change alone.
"""

_FORGET_MESSAGE = (
    "DELETE FROM searched WHERE conversation = OLD.conversation AND ordinal = OLD.ordinal;"
)
_FORGET_CONVERSATION = "DELETE FROM searched WHERE conversation = OLD.id;"
_FUNCTION = "CREATE FUNCTION {} RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {} RETURN NULL; END'"

SEARCH = {
    "sqlite": [
        # Words stand in ASCII or beyond it: this tokenizer parts them at spaces alone. What many
        # words begin with, of three characters or four behind their owner's mark, has a list of its
        # own.
        """CREATE VIRTUAL TABLE search_words USING fts5(
            words, content='searched', content_rowid='id', tokenize='ascii', detail='none',
            columnsize=0, prefix='9 10'
        )""",
        """CREATE TRIGGER searched_added AFTER INSERT ON searched BEGIN
            INSERT INTO search_words (rowid, words) VALUES (NEW.id, NEW.words);
        END""",
        """CREATE TRIGGER searched_removed AFTER DELETE ON searched BEGIN
            INSERT INTO search_words (search_words, rowid, words)
            VALUES ('delete', OLD.id, OLD.words);
        END""",
        f"CREATE TRIGGER message_forgotten AFTER DELETE ON messages BEGIN {_FORGET_MESSAGE} END",
        f"""CREATE TRIGGER conversation_forgotten AFTER DELETE ON conversations
            BEGIN {_FORGET_CONVERSATION} END""",
    ],
    "postgresql": [
        # The words of a row stand apart from it, so that many rows are read at little cost; the
        # list of what is not sorted in yet, which each search reads, stays short.
        "ALTER TABLE searched SET (toast_tuple_target = 128)",
        """CREATE INDEX search_words ON searched USING gin (words)
            WITH (gin_pending_list_limit = 64)""",
        _FUNCTION.format("message_forgotten()", _FORGET_MESSAGE),
        _FUNCTION.format("conversation_forgotten()", _FORGET_CONVERSATION),
        """CREATE TRIGGER message_forgotten AFTER DELETE ON messages
            FOR EACH ROW EXECUTE FUNCTION message_forgotten()""",
        """CREATE TRIGGER conversation_forgotten AFTER DELETE ON conversations
            FOR EACH ROW EXECUTE FUNCTION conversation_forgotten()""",
    ],
}
"""By the name of the dialect."""
