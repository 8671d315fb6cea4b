"""Provider failures: a sentence for the user, and details without provider text for the log."""

import re
from collections.abc import Mapping
from typing import Any

import openai

from proxy_server.errors import ResponderFailed

BROKEN_OFF = "The model broke off its answer. Try again."
NO_SENSE = "The model's answer could not be read. Try again."
NO_ANSWER = "The model ended without an answer. Try again."
WITHHELD = "The provider's content filter withheld the answer."
NOT_OURS = "Something went wrong while the answer was being written. Try again."
NO_ANSWER_YET = "There was no answer. Try again."
TOO_LONG = "This conversation is too long for the model. Begin a new one."
_MODERATED = "The provider's moderation refused this prompt."
# A code, not a sentence that may quote the prompt.
_WORD = re.compile(r"[\w.:/\[\]-]{1,100}", re.ASCII)
_LENGTH = re.compile(
    r"context.?(length|window|size)|maximum.{0,20}(context|tokens|length)|too (long|many tokens)"
    r"|(reduce|shorten).{0,20}(length|messages|prompt)|exceed.{0,40}(context|tokens|length)"
    r"|max_model_len|input.{0,10}length",
    re.IGNORECASE,
)
_MODERATION = re.compile(
    r"moderat|content.?(policy|filter|management)|responsible.?ai|flagged|safety", re.IGNORECASE
)
_FILES = re.compile(
    r"image|vision|multi.?modal|modalit|\bpdf|\bfiles?\b|input_file|document"
    r"|content.{0,20}(string|part|type)",
    re.IGNORECASE,
)
_UNSUPPORTED = re.compile(
    r"(not|n't|only|no endpoints).{0,30}support|supported (values|types)|multi.?modal|vision"
    r"|unknown variant|at most 0|must be a string",
    re.IGNORECASE,
)
_UNREADABLE = re.compile(
    r"(invalid|valid|corrupt|damaged|parse|decode|process|download|open|read).{0,30}"
    r"(image|file|pdf|document|base64)|(image|file|pdf|document).{0,30}(invalid|corrupt|damaged)"
    r"|image_parse|password|too large",
    re.IGNORECASE,
)
_REQUEST_IDS = ("x-request-id", "request-id", "apim-request-id", "cf-ray")


def first_token_timeout(seconds: float) -> ResponderFailed:
    return ResponderFailed(
        "first_token_timeout",
        f"The model did not begin to answer within {seconds:g} seconds. Try again.",
        f"silent for {seconds:g} s (FIRST_TOKEN_SECONDS)",
    )


def idle_timeout(seconds: float) -> ResponderFailed:
    return ResponderFailed(
        "idle_timeout",
        f"The model fell silent for {seconds:g} seconds. Try again.",
        f"silent for {seconds:g} s (IDLE_SECONDS)",
    )


def codes(error: object) -> str:
    """A provider's error without its text, which may quote the prompt or the answer."""
    if isinstance(error, list) and error:
        return codes(error[0])
    if not isinstance(error, Mapping):
        return "no code"
    said = [f"{name} {value}" for name, value in _known_codes(error)]
    inner = error.get("error")
    if not said and isinstance(inner, Mapping | list):
        return codes(inner)
    return "; ".join(said) or "no code"


def refused(error: openai.APIError, model: str, files: str = "") -> ResponderFailed:
    """Turns an SDK error into our failure; `files` are the kinds that were sent, if any."""
    if not isinstance(error, openai.APIStatusError):
        sentence = "The model cannot be reached. Try again in a moment."
        return ResponderFailed("away", sentence, f"{type(error).__name__}: {error.message}")
    status = error.status_code
    details = [f"status {status}", codes(error.body)]
    details += [
        f"request {found}"
        for name in _REQUEST_IDS
        if (found := error.response.headers.get(name)) and _WORD.fullmatch(found)
    ]
    return ResponderFailed(f"status_{status}", _sentence(error, model, files), "; ".join(details))


def is_too_long(error: openai.APIStatusError) -> bool:
    """Whether the provider said that the conversation exceeds the model's context."""
    if error.status_code == 413:
        return True
    return error.status_code in (400, 422, 500) and bool(_LENGTH.search(_said(error)))


def takes_no_files(error: openai.APIStatusError) -> bool:
    """Whether the provider said that the model accepts no files, or none of that kind."""
    said = _said(error)
    return (
        error.status_code in (400, 404, 415, 422, 500, 501)
        and bool(_FILES.search(said))
        and (bool(_UNSUPPORTED.search(said)) or not _UNREADABLE.search(said))
    )


def _sentence(error: openai.APIStatusError, model: str, files: str) -> str:
    status = error.status_code
    if is_too_long(error):
        return TOO_LONG
    if status in (400, 403, 422, 451) and _MODERATION.search(_said(error)):
        return _MODERATED
    if files and takes_no_files(error):
        return f"The model {model} cannot read {files}."
    if files and status in (400, 415, 422) and _UNREADABLE.search(_said(error)):
        return "The model's provider cannot read one of the files."
    match status:
        case 401 | 403:
            return "The model's provider does not accept this service's key."
        case 402:
            return "The model's provider asks for payment first."
        case 404:
            return f"The model {model} is not available."
        case 429:
            after = error.response.headers.get("retry-after", "")
            when = f"in {after} seconds" if after.isdigit() else "in a moment"
            return f"The model is busy. Try again {when}."
        case 400 | 422:
            return "The model does not accept this conversation."
        case _:
            return "The model has a problem. Try again in a moment."


def _said(error: openai.APIStatusError) -> str:
    """All that the provider said, for searching."""
    return f"{error.message} {error.body}"


def _known_codes(error: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = []
    for name in ("type", "code", "param", "status", "loc"):
        value = error.get(name)
        if isinstance(value, list):
            value = ".".join(map(str, value))
        if value and isinstance(value, str | int) and _WORD.fullmatch(str(value)):
            found.append((name, str(value)))
    detail = error.get("detail")
    if isinstance(detail, list) and detail and isinstance(detail[0], Mapping):
        found += _known_codes(detail[0])
    return found
