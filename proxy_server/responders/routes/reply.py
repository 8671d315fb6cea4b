"""A route's reply: a refusal, or an answer in one of the supported formats."""

from collections.abc import AsyncIterator, Sequence
from email.message import Message as Headers

import httpx2

from proxy_server.errors import ResponderFailed
from proxy_server.protocol.events import Event
from proxy_server.responders.model.failures import NO_SENSE, NOT_OURS, TOO_LONG
from proxy_server.responders.model.reasoning_tags import ReasoningTags
from proxy_server.responders.model.source import Source
from proxy_server.responders.routes.stream import RouteStream
from proxy_server.responders.routes.text import plain_text

_FIRST_OTHER = 300
_OLD_STREAM = "x-vercel-ai-data-stream"


def check_reply(response: httpx2.Response) -> None:
    """Raises ResponderFailed if the reply is not an answer."""
    status = response.status_code
    if status >= _FIRST_OTHER:
        raise ResponderFailed(f"status_{status}", _sentence(response), _details(response))


def stream_of(
    response: httpx2.Response, source: Source, tags: ReasoningTags
) -> AsyncIterator[Sequence[Event]]:
    """The stream for the reply's content type. Raises ResponderFailed for an unknown type."""
    said = Headers()
    said["content-type"] = response.headers.get("content-type", "")
    kind = said.get_content_type() if said["content-type"] else ""
    if _OLD_STREAM in response.headers:
        details = "the AI SDK's old data stream: use version 5 or newer"
        raise ResponderFailed("not_sse", NO_SENSE, details)
    if kind == "text/event-stream" or kind.endswith("json") or not kind:
        return RouteStream(source, tags)
    if not kind.startswith("text/") or kind == "text/html":
        raise ResponderFailed("not_sse", NO_SENSE, source.described)
    if not _says_its_end(response):
        details = f"plain text whose end cannot be told from a cut; {source.described}"
        raise ResponderFailed("no_length", NO_SENSE, details)
    return plain_text(source, str(said.get_param("charset") or "utf-8"))


def _says_its_end(response: httpx2.Response) -> bool:
    chunked = response.headers.get("transfer-encoding", "").lower().endswith("chunked")
    return chunked or "content-length" in response.headers


def _sentence(response: httpx2.Response) -> str:
    match response.status_code:
        case 413:
            return TOO_LONG
        case 429 | 503:
            after = response.headers.get("retry-after", "")
            when = f"in {after} seconds" if after.isdigit() else "in a moment"
            return f"No answer can be given at the moment. Try again {when}."
        case _:
            return NOT_OURS


def _details(response: httpx2.Response) -> str:
    status = response.status_code
    match status:
        case 301 | 302 | 307 | 308:
            return f"status {status}: redirects are followed only on the same host and port"
        case 401 | 403:
            return f"status {status}: does the route know one of RESPONDER_SECRETS?"
        case _:
            return f"status {status}"
