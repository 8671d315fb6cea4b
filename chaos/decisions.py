"""The decisions of tabs on the tools of one answer, compared with what was done."""

from typing import NamedTuple

from chaos.findings import OTHER_PARTS
from chaos.ledger import NOT_AS_DECIDED, TWO_DECISIONS, Ledger, Life, Violation
from chaos.parts import Json
from chaos.verdict import WITHOUT_CAUSE
from testbed.approvals import ASKED, CALLS, DONE


class Said(NamedTuple):
    """The reply of a tab to one request for approval; `reason` names the tab."""

    approved: bool
    reason: str


class Decisions:
    """The decisions on one answer of testbed.approvals, from any tab.

    left: whether the user left it undecided, so that what waits is denied.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.conversation = ""
        self.answer = ""
        self.left = False
        self._ledger = ledger
        self._said: dict[str, list[Said]] = {f"ask-{call}": [] for call in CALLS}
        self._seen: dict[str, Said] = {}

    def say(self, call: str, said: Said) -> Json:
        """Records a decision before it is sent; returns the approval as for `ai:continue`."""
        self._said[f"ask-{call}"].append(said)
        return {"id": f"ask-{call}", **said._asdict()}

    def see(self, parts: list[Json], where: str) -> None:
        """Checks that each call shows one decision, always the same, sent by one of the tabs."""
        for part in parts:
            approval = part.get("approval", {})
            if "approved" not in approval or self.left:
                continue
            said = Said(approval["approved"], approval.get("reason", ""))
            first = self._seen.setdefault(approval["id"], said)
            if said != first:
                details = f"{approval['id']}: {first}, later in {where} {said}"
                self.violation(TWO_DECISIONS, details)
            elif said not in self._said[approval["id"]]:
                self.violation(NOT_AS_DECIDED, f"{approval['id']}: {said} in {where}")

    def check(
        self,
        status: str,
        parts: list[Json],
        tabs: dict[str, tuple[str | None, list[Json]]],
        life: Life,
    ) -> None:
        """Checks that the tabs and the store agree, and match the decisions.

        status, parts: the stored ones.
        tabs: status and parts as each tab shows them.
        """
        for name, seen in tabs.items():
            if seen != (status, parts):
                details = f"{name}: {seen[0]} {seen[1]}, stored {status} {parts}"
                self.violation(OTHER_PARTS, details)
        self.see(parts, "the end")
        if self.left:
            done = [part for part in parts if part.get("state") == "output-available"]
            if done:
                self.violation(NOT_AS_DECIDED, f"nobody agreed to {done}")
        elif status == "complete":
            self._check_done(parts)
        if status != "complete" and not any(
            cause.explains(status, self.conversation, self.answer, life)
            for cause in self._ledger.causes
        ):
            self.violation(WITHOUT_CAUSE, status)

    def violation(self, kind: str, details: str) -> None:
        self._ledger.violations.append(Violation(kind, details, "", self.conversation, self.answer))

    def _check_done(self, parts: list[Json]) -> None:
        wanted: list[Json] = [{"type": "text", "text": ASKED}]
        for call in CALLS:
            approved, reason = self._seen[f"ask-{call}"]
            part = {
                "type": "tool-act",
                "toolCallId": call,
                "input": {"what": call},
                "approval": {"id": f"ask-{call}", "approved": approved, "reason": reason},
                "state": "output-available" if approved else "output-denied",
            }
            wanted.append(part | ({"output": {"by": reason}} if approved else {}))
        wanted.append({"type": "text", "text": DONE})
        if wanted != parts:
            self.violation(NOT_AS_DECIDED, f"should be {wanted}, is {parts}")
