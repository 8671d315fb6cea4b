"""What models receive of files: the content of images and PDFs, and texts as text."""

from base64 import b64encode
from collections.abc import Sequence

import msgspec

from proxy_server.errors import ResponderFailed
from proxy_server.protocol.files import Files, upload_id_of
from proxy_server.protocol.messages import FilePart, Message, Part, TextPart

PDF = "application/pdf"
_TEXTS = ("application/json", "application/xml", "application/yaml", "application/javascript")
_TEXT_ENDINGS = ("+json", "+xml", "+yaml")


def is_text(media_type: str) -> bool:
    """Whether a file of that media type can be read as text."""
    return media_type.startswith("text/") or (
        media_type in _TEXTS or media_type.endswith(_TEXT_ENDINGS)
    )


def kinds_of(history: Sequence[Message]) -> str:
    """The kinds of files in a conversation, as words for a sentence; empty if there are none."""
    kinds = {part.media_type for message in history for part in _files(message)}
    if not kinds:
        return ""
    if all(kind.startswith("image/") for kind in kinds):
        return "images"
    return "PDF files" if kinds == {PDF} else "files"


def only_older_have_files(history: Sequence[Message]) -> bool:
    """Whether only older messages have files: a model without files can answer the prompt."""
    return bool(kinds_of(history)) and not kinds_of(history[_prompt_of(history) :])


def without_files(history: Sequence[Message]) -> list[Message]:
    """The same conversation, with a line of text in place of each file."""
    return [
        msgspec.structs.replace(
            message,
            parts=[
                _note(part, "is left out here") if isinstance(part, FilePart) else part
                for part in message.parts
            ],
        )
        for message in history
    ]


async def with_contents(
    history: Sequence[Message], files: Files, most_bytes: int, *, of_any_kind: bool = False
) -> Sequence[Message]:
    """The conversation with the contents of its uploads: data URLs, and text for texts.

    Older files beyond `most_bytes`, and deleted ones, become a line that says so. Raises
    ResponderFailed if the prompt's own files cannot be given.
    of_any_kind: include files that no model's API accepts.
    """
    if not any(_is_upload(part) for message in history for part in message.parts):
        return history
    left = most_bytes
    found: list[Message] = []
    prompt = _prompt_of(history)
    for at, message in reversed([*enumerate(history)]):
        is_prompt = at == prompt
        parts: list[Part] = []
        for part in message.parts:
            if not isinstance(part, FilePart) or not _is_upload(part):
                parts.append(part)
                continue
            info = await files.about(part.url)
            left -= info.bytes if info else 0
            if left >= 0:
                parts.append(
                    await _given(part, files, is_prompt=is_prompt, of_any_kind=of_any_kind)
                )
            elif is_prompt:
                raise ResponderFailed(
                    "files",
                    "The files of this prompt have more than "
                    f"{most_bytes / 1_000_000:.3g} MB together. Send fewer or smaller ones.",
                )
            else:
                parts.append(_note(part, "is left out here"))
        found.append(msgspec.structs.replace(message, parts=parts))
    return found[::-1]


def _prompt_of(history: Sequence[Message]) -> int:
    """The index of the prompt: the last message, or before an answer that goes on."""
    users = [at for at, message in enumerate(history) if message.role == "user"]
    return users[-1] if users else 0


def _files(message: Message) -> list[FilePart]:
    return [part for part in message.parts if isinstance(part, FilePart)]


def _is_upload(part: Part) -> bool:
    return isinstance(part, FilePart) and upload_id_of(part.url) is not None


async def _given(part: FilePart, files: Files, *, is_prompt: bool, of_any_kind: bool) -> Part:
    kind = part.media_type
    if not (of_any_kind or kind == PDF or kind.startswith("image/") or is_text(kind)):
        if is_prompt:
            raise ResponderFailed("files", f"The model cannot read files of the type {kind}.")
        return _note(part, "is of a kind that cannot be given")
    content = await files.read(part.url)
    if content is None:
        return _note(part, "no longer exists")
    if is_text(kind):
        return TextPart(f'<file name="{_name(part)}">\n{_text(content)}\n</file>')
    return FilePart(kind, f"data:{kind};base64,{b64encode(content).decode()}", part.filename)


def _text(content: bytes) -> str:
    """Decodes UTF-8, or what a byte order mark says; undecodable bytes become U+FFFD."""
    marked = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    return content.decode("utf-16" if marked else "utf-8-sig", "replace").replace("\0", "")


def _note(part: FilePart, what: str) -> TextPart:
    return TextPart(f"[The file {_name(part)} {what}.]")


def _name(part: FilePart) -> str:
    return (part.filename or part.media_type).replace('"', "'")
