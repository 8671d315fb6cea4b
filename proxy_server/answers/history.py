"""The responder's input: the conversation before an answer, within a budget."""

from proxy_server.answers.patient_files import PatientFiles
from proxy_server.protocol.files import Files, upload_id_of
from proxy_server.protocol.messages import FilePart, Message, TextPart
from proxy_server.protocol.turns import FIRST_ANSWER, FIRST_PROMPT, Assignment
from proxy_server.responders.files import is_text
from proxy_server.store.database import Store
from proxy_server.store.files import UploadedFiles
from proxy_server.store.messages import page_before

_PAGE_MESSAGES = 50
_PAGE_BYTES = 256_000
# What an image counts as, whatever the length of its base64: models use some thousand tokens for
# it.
_IMAGE_CHARACTERS = 4_000
# How many bytes of a PDF count as one character: models get its pages as text and as images.
_PDF_BYTES = 25


class History:
    """Builds the history for every answer of this service.

    characters: the budget; what is not sent to the model does not count.
    """

    def __init__(self, store: Store, characters: int) -> None:
        self._store = store
        self._characters = characters

    def files_of(self, user: str) -> Files:
        """The files that a user's messages name."""
        return PatientFiles(UploadedFiles(self._store, user))

    async def of(self, assignment: Assignment) -> list[Message]:
        """The messages, oldest first; the last is the prompt, or the answer that goes on."""
        if assignment.trigger != "continue":
            return await self._before(assignment, self._characters)
        so_far = Message(
            assignment.message_id,
            "assistant",
            assignment.parts,
            assignment.metadata("streaming"),
        )
        cost = await _cost(so_far, self.files_of(assignment.user))
        return [*await self._before(assignment, self._characters - cost), so_far]

    async def _before(self, assignment: Assignment, left: int) -> list[Message]:
        """The messages up to the prompt, which is always included."""
        if assignment.ordinal == FIRST_ANSWER and assignment.prompt is not None:
            return [assignment.prompt]
        ordinal = assignment.ordinal
        chosen: list[Message] = []
        while ordinal > FIRST_PROMPT:
            page = await page_before(
                self._store, assignment.conversation_id, ordinal, _PAGE_MESSAGES, _PAGE_BYTES
            )
            if not page:
                break
            for _, message in reversed(page):
                left -= await _cost(message, self.files_of(assignment.user))
                if chosen and left < 0:
                    return chosen[::-1]
                chosen.append(message)
            ordinal = page[0][0]
        return chosen[::-1]


async def _cost(message: Message, files: Files) -> int:
    """The characters sent to the model; reasoning is not sent."""
    cost = 0
    for part in message.parts:
        if isinstance(part, TextPart):
            cost += len(part.text)
        elif isinstance(part, FilePart):
            cost += await _file_cost(part, files)
    return cost


async def _file_cost(part: FilePart, files: Files) -> int:
    if part.media_type.startswith("image/") or upload_id_of(part.url) is None:
        return _IMAGE_CHARACTERS
    info = await files.about(part.url)
    if info is None:
        return 0
    if is_text(part.media_type):
        return info.bytes
    return max(_IMAGE_CHARACTERS, info.bytes // _PDF_BYTES)
