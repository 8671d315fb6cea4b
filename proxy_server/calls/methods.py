"""The RPC methods: a table of request types and their handlers."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from proxy_server.access.callers import Caller
from proxy_server.access.limits import AddressLimiter
from proxy_server.calls.decisions import check_decisions
from proxy_server.calls.files import piece_from, upload_id_from
from proxy_server.calls.prompts import (
    check_id,
    check_key,
    data_from,
    page_size,
    parts_from,
    title_from,
)
from proxy_server.chat import Chat, Library, NewPrompt, Uploads
from proxy_server.errors import Malformed, NotFound
from proxy_server.protocol import requests
from proxy_server.protocol.encoding import decode_request, encode
from proxy_server.protocol.sessions import BEGINNING, Session
from proxy_server.protocol.turns import Decided

# Clients cut files into pieces of this size; the size of a reply is known too late to count it.
_PIECE_BYTES = 48_000

_MOST_HITS = 50


class Method(NamedTuple):
    """A request type and its handler.

    reads: whether it changes nothing, so that it may be canceled when the caller is gone.
    moves_files: whether its calls are counted by their bytes.
    """

    request: type[Any]
    answer: Callable[[Caller, Any], Awaitable[Any]]
    reads: bool = False
    moves_files: bool = False


class Methods:
    """The methods that a user may call; each raises a Refusal to refuse.

    namespace: of the RPC calls.
    max_prompt_bytes: of one prompt, as UTF-8.
    models: those that a prompt may name, the default first.
    """

    def __init__(
        self,
        chat: Chat,
        uploads: Uploads,
        library: Library,
        addresses: AddressLimiter,
        *,
        namespace: str,
        max_prompt_bytes: int,
        models: Sequence[requests.Model],
    ) -> None:
        self._chat = chat
        self._uploads = uploads
        self._library = library
        self._addresses = addresses
        self._models = requests.AllModels(models)
        self._max_prompt_bytes = max_prompt_bytes
        self.table = {
            f"{namespace}:{name}": method
            for name, method in {
                "send": Method(requests.Send, self._send),
                "open": Method(requests.Open, self._open, reads=True),
                "stop": Method(requests.Stop, self._stop),
                "regenerate": Method(requests.Regenerate, self._regenerate),
                "continue": Method(requests.Continue, self._continue),
                "choose": Method(requests.Choose, self._choose),
                "list": Method(requests.List, self._list, reads=True),
                "history": Method(requests.History, self._history, reads=True),
                "rename": Method(requests.Rename, self._rename),
                "delete": Method(requests.Delete, self._delete),
                "models": Method(requests.Models, self._all_models, reads=True),
                "upload": Method(requests.Upload, self._upload, moves_files=True),
                "download": Method(requests.Download, self._download, reads=True, moves_files=True),
                "archive": Method(requests.Archive, self._archive),
                "search": Method(requests.Search, self._search, reads=True),
            }.items()
        }

    def __contains__(self, name: str) -> bool:
        return name in self.table

    def only_reads(self, name: str) -> bool:
        method = self.table.get(name)
        return method is not None and method.reads

    def piece_bytes(self, name: str, data: bytes) -> int | None:
        """The size of the file piece that the call moves, as far as known in advance."""
        method = self.table.get(name)
        if method is None or not method.moves_files:
            return None
        return _PIECE_BYTES if method.reads else len(data) * 3 // 4

    async def call(self, caller: Caller, name: str, data: bytes) -> bytes:
        """Calls a method: JSON in, JSON out."""
        method = self.table.get(name)
        if method is None:
            raise NotFound("There is no such method.")
        request = decode_request(data, method.request)
        return encode(await method.answer(caller, request))

    async def _send(self, caller: Caller, request: requests.Send) -> Session:
        prompt = NewPrompt(
            parts=parts_from(request, self._max_prompt_bytes),
            conversation_id=request.conversation,
            key=request.key,
            message_id=request.id,
            model=request.model,
            when_busy=request.when_busy,
            replaces=request.replaces,
            data=data_from(request.data),
            meta=caller.meta,
            address=caller.address,
        )
        check_id("id", request.id)
        check_key(request.key)
        check_id("replaces", request.replaces)
        self._addresses.admit_prompt(caller.address)
        return await self._chat.send(caller.user, prompt)

    async def _open(self, caller: Caller, request: requests.Open) -> Session:
        if (request.conversation is None) == (request.key is None):
            raise Malformed("Give either the field conversation or the field key.")
        check_key(request.key)
        limit = page_size(request.limit)
        return await self._chat.open(caller.user, request.conversation, request.key, limit)

    async def _stop(self, caller: Caller, request: requests.Stop) -> requests.WasStopped:
        check_id("message", request.message)
        stopped = await self._chat.stop(caller.user, request.conversation, request.message)
        return requests.WasStopped(stopped)

    async def _regenerate(self, caller: Caller, request: requests.Regenerate) -> Session:
        check_id("message", request.message)
        check_id("id", request.id)
        self._addresses.admit_prompt(caller.address)
        return await self._chat.regenerate(
            caller.user,
            request.conversation,
            request.message,
            request.id,
            data=data_from(request.data),
            meta=caller.meta,
            address=caller.address,
        )

    async def _continue(self, caller: Caller, request: requests.Continue) -> Session:
        check_id("message", request.message)
        check_decisions(request, self._max_prompt_bytes)
        self._addresses.admit_prompt(caller.address)
        return await self._chat.decide(
            Decided(
                user=caller.user,
                conversation_id=request.conversation,
                message_id=request.message,
                approvals=request.approvals,
                outputs=request.outputs,
                since=BEGINNING,
                data=data_from(request.data),
                meta=caller.meta,
            ),
            caller.address,
        )

    async def _choose(self, caller: Caller, request: requests.Choose) -> Session:
        check_id("message", request.message)
        limit = page_size(request.limit)
        return await self._chat.choose(caller.user, request.conversation, request.message, limit)

    async def _list(self, caller: Caller, request: requests.List) -> requests.Listed:
        limit = page_size(request.limit)
        return await self._library.list(
            caller.user, limit, request.before, archived=request.archived
        )

    async def _history(self, caller: Caller, request: requests.History) -> requests.Page:
        limit = page_size(request.limit)
        return await self._library.history(caller.user, request.conversation, limit, request.before)

    async def _rename(self, caller: Caller, request: requests.Rename) -> requests.Done:
        await self._library.rename(caller.user, request.conversation, title_from(request.title))
        return requests.Done()

    async def _delete(self, caller: Caller, request: requests.Delete) -> requests.Done:
        await self._library.delete(caller.user, request.conversation)
        return requests.Done()

    async def _all_models(self, _: Caller, __: requests.Models) -> requests.AllModels:
        return self._models

    async def _upload(self, caller: Caller, request: requests.Upload) -> requests.Uploaded:
        return await self._uploads.put(caller.user, piece_from(request))

    async def _download(self, caller: Caller, request: requests.Download) -> requests.Downloaded:
        upload_id = upload_id_from(request.url)
        return await self._uploads.piece(caller.user, upload_id, request.part)

    async def _archive(self, caller: Caller, request: requests.Archive) -> requests.Done:
        await self._library.archive(caller.user, request.conversation, request.archived)
        return requests.Done()

    async def _search(self, caller: Caller, request: requests.Search) -> requests.Hits:
        limit = min(page_size(request.limit), _MOST_HITS)
        return await self._library.search(caller.user, request.query, limit, request.before)
