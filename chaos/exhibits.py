"""Compares what devices showed with what is stored."""

from chaos.findings import DIFFERING, LEFT_OPEN, LOST, Findings, common, likest, short
from chaos.ledger import FINAL, Exhibit, Ledger
from chaos.stored import Stored, mark_of, text_of
from testbed.connection import Json


class Exhibits:
    """Comparisons for one phase.

    not_compared: messages that may rightly be on one side only, because a call had no reply.
    """

    def __init__(self, ledger: Ledger, stored: Stored, findings: Findings) -> None:
        self._ledger = ledger
        self._stored = stored
        self._findings = findings
        self.not_compared = 0

    def judge(self, exhibit: Exhibit) -> None:
        messages = self._stored.conversations.get((exhibit.user, exhibit.conversation), [])
        stored = {message["id"]: message for message in messages}
        if exhibit.conversation not in self._ledger.deleted:
            self._on_one_side(exhibit, stored)
        for key, (role, text, status) in exhibit.shown.items():
            if key not in stored:
                continue
            where = (exhibit.user, exhibit.conversation, key)
            kept = text_of(stored[key]["parts"])
            self._findings.compare(kept, text, "stored", f"on the {exhibit.device}", *where)
            if key in exhibit.parts:
                found = exhibit.parts[key]
                self._findings.same_parts(
                    stored[key]["parts"], found, f"on the {exhibit.device}", where
                )
            kept_status = stored[key]["metadata"].get("status")
            if role == "assistant" and kept_status != status:
                details = f"stored as {kept_status}, {status} on the {exhibit.device}"
                self._findings.add(LEFT_OPEN if status not in FINAL else DIFFERING, details, *where)
        for key, texts in exhibit.read.items():
            for text in texts:
                self._read(exhibit, key, text, stored.get(key), messages)

    def _on_one_side(self, exhibit: Exhibit, stored: dict[str, Json]) -> None:
        """What is only stored or only shown, and could not have come or gone later."""
        name, where = exhibit.device, (exhibit.user, exhibit.conversation)
        missing = [key for key in exhibit.shown if key not in stored]
        # one that was regenerated later is missing, and another is in its place
        replaced = exhibit.doubt.anew and bool(missing)
        both = [key for key in exhibit.shown if key in stored]
        if both != [key for key in stored if key in exhibit.shown]:
            self._findings.add(DIFFERING, f"the {name} shows messages in another order", *where, "")
        for key, message in stored.items():
            if key in exhibit.shown:
                continue
            if exhibit.doubt.more or replaced:
                self.not_compared += 1
            else:
                length = len(text_of(message["parts"])) or 1
                self._findings.add(
                    LOST, f"stored, and not shown by the {name}", *where, key, length
                )
        for key in missing:
            if exhibit.doubt.anew:
                self.not_compared += 1
            else:
                length = len(exhibit.shown[key][1]) or 1
                self._findings.add(
                    LOST, f"shown by the {name}, and not stored", *where, key, length
                )

    def _read(
        self, exhibit: Exhibit, key: str, text: str, message: Json | None, messages: list[Json]
    ) -> None:
        """Every text that was read must be found in what is stored."""
        where = (exhibit.user, exhibit.conversation, key)
        name = f"read on the {exhibit.device}"
        row = self._stored.rows.get((exhibit.user, key))
        if message is not None or row is not None:
            kept = text_of(message["parts"]) if message is not None else row.text if row else ""
            if not kept.startswith(text):
                lost = len(text) - len(common(kept, text))
                at = len(text) - lost
                self._findings.compared += len(text)
                details = f"{name}, and not in what is stored: {short(text[at:])} at {at}"
                self._findings.add(LOST, details, *where, lost)
            return
        marks = {mark_of(text_of(m["parts"]), m["id"]) for m in messages if m["role"] == "user"}
        prompts = [(key, said) for key, (role, said, _) in exhibit.shown.items() if role == "user"]
        marks |= {mark_of(said, key) for key, said in prompts}
        # also messages of deleted conversations that had left the view
        known = self._ledger.prompts
        marks |= {prompt.mark for prompt in known if prompt.conversation == exhibit.conversation}
        sent = [one for mark in marks for one in self._stored.sent.get(mark, [])]
        if sent:
            self._findings.compare(likest(sent, text).text, text, "sent", name, *where, early=True)
