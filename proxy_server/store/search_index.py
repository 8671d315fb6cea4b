"""Objects that each database needs beside the table `searched`: index and triggers.

Migration 0008 runs these too. After a change here, write a migration for the change alone.
"""

_FORGET_MESSAGE = (
    "DELETE FROM searched WHERE conversation = OLD.conversation AND ordinal = OLD.ordinal;"
)
_FORGET_CONVERSATION = "DELETE FROM searched WHERE conversation = OLD.id;"
_FUNCTION = "CREATE FUNCTION {} RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {} RETURN NULL; END'"

SEARCH = {
    "sqlite": [
        # Words may be ASCII or not: this tokenizer splits at spaces only. Prefixes of three and
        # four characters get an index each; both lengths include the owner's mark.
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
        # A row's words are stored apart from it, so that reading many rows is cheap. Each search
        # reads the index's pending list, so that is kept short.
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
