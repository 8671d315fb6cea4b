"""What models receive of files, and what is said if they accept none."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from proxy_server.errors import CannotAnswer, ResponderFailed
from proxy_server.protocol.files import FileInfo, Files
from proxy_server.protocol.messages import FilePart, Message, Metadata, Part, Role, TextPart
from proxy_server.responders.files import with_contents
from proxy_server.responders.model.openai_chat import OpenAIChat
from proxy_server.responders.model.openai_client import Server
from proxy_server.responders.model.openai_responses import input_of
from proxy_server.responders.python.turn import Turn
from proxy_server.responders.responder import Prompt
from proxy_server.responders.routes.route import RouteResponder, TimeLimits
from tests.responders.model.streams import END, HELLO
from tests.responders.serving import serving

Json = dict[str, Any]

PNG = FilePart("image/png", "upload:png", "a.png")
PDF = FilePart("application/pdf", "upload:pdf", "a.pdf")
TEXT = FilePart("text/csv", "upload:text", 'a"b.csv')
GONE = FilePart("image/png", "upload:gone", "gone.png")
ZIP = FilePart("application/zip", "upload:zip", "a.zip")


class Uploaded:
    """The files of one user, by address."""

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        self._contents = contents

    async def about(self, url: str) -> FileInfo | None:
        found = self._contents.get(url)
        return None if found is None else FileInfo("", None, len(found))

    async def read(self, url: str) -> bytes | None:
        return self._contents.get(url)


FILES = Uploaded(
    {
        "upload:png": b"picture",
        "upload:pdf": b"%PDF",
        "upload:text": "\ufeffä;b\0".encode(),
        "upload:zip": b"PK",
    }
)


def message(role: Role, *parts: Part) -> Message:
    return Message("id", role, list(parts), Metadata(0))


def prompt(*history: Message, files: Files = FILES) -> Prompt:
    return Prompt("anna", "conversation", "answer", "test", history, files=files)


class Provider:
    """Refuses files of some kinds, as servers do, and answers everything else."""

    def __init__(self, status: int = 400, body: object = None, *, refuses: str = "never") -> None:
        self._refusal = (status, body)
        self._refuses = refuses
        self.asked: list[Json] = []

    async def complete(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(await request.json())
        if self._refuses in str(self.asked[-1]):
            status, body = self._refusal
            return web.json_response(body, status=status)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write("".join([HELLO, *END]).encode())
        return response


@asynccontextmanager
async def asking(provider: Provider, **settings: Any) -> AsyncIterator[OpenAIChat]:
    async with serving("/v1/chat/completions", provider.complete) as url:
        responder = OpenAIChat(Server(f"{url}/v1", "none", 1, 3, 3, **settings))
        try:
            yield responder
        finally:
            await responder.close()


async def answered(responder: OpenAIChat, *history: Message) -> None:
    async with responder.answer(prompt(*history)) as answer:
        async for _ in answer:
            pass


async def sentence_of(responder: OpenAIChat, *history: Message) -> str:
    with pytest.raises(ResponderFailed) as failed:
        await answered(responder, *history)
    return failed.value.sentence


async def test_images_are_given_as_images_texts_as_text_and_pdfs_as_files() -> None:
    provider = Provider()
    asked = message("user", TextPart("look"), PNG, PDF, TEXT)
    async with asking(provider) as responder:
        await answered(responder, asked)
    assert provider.asked[0]["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,cGljdHVyZQ=="}},
                {
                    "type": "file",
                    "file": {
                        "filename": "a.pdf",
                        "file_data": "data:application/pdf;base64,JVBERg==",
                    },
                },
                {"type": "text", "text": '<file name="a\'b.csv">\nä;b\n</file>'},
            ],
        }
    ]


async def test_the_responses_api_is_given_the_same_in_its_own_words() -> None:
    given = await with_contents([message("user", PNG, PDF, TEXT)], FILES, 1000)
    (item,) = input_of(given)
    assert [part["type"] for part in item["content"]] == ["input_image", "input_file", "input_text"]
    assert item["content"][1] == {
        "type": "input_file",
        "filename": "a.pdf",
        "file_data": "data:application/pdf;base64,JVBERg==",
    }


async def test_a_route_is_given_what_the_ai_sdk_can_read() -> None:
    """Data URLs as `useChat` posts them, and texts as text: few models accept them as files."""
    bodies: list[Json] = []

    async def reply(request: web.Request) -> web.Response:
        bodies.append(await request.json())
        return web.Response(text="Seen.")

    history = [message("user", PDF), message("user", TextPart("look"), PNG, TEXT, ZIP, GONE)]
    async with serving("/", reply) as url:
        limits = TimeLimits(first_token_seconds=5, idle_seconds=5)
        route = RouteResponder(url, [], limits, connections=1, file_bytes=20)
        async with route.answer(prompt(*history)) as answer:
            assert [event async for events in answer for event in events]
        with pytest.raises(ResponderFailed) as failed:
            async with route.answer(prompt(message("user", PNG, PNG, PNG))):
                raise AssertionError("its files are too large")
        await route.close()
    assert failed.value.reason == "files"
    [body] = bodies
    assert [sent["parts"] for sent in body["messages"]] == [
        [{"type": "text", "text": "[The file a.pdf is left out here.]"}],
        [
            {"type": "text", "text": "look"},
            {
                "type": "file",
                "mediaType": "image/png",
                "url": "data:image/png;base64,cGljdHVyZQ==",
                "filename": "a.png",
            },
            {"type": "text", "text": '<file name="a\'b.csv">\nä;b\n</file>'},
            {
                "type": "file",
                "mediaType": "application/zip",
                "url": "data:application/zip;base64,UEs=",
                "filename": "a.zip",
            },
            {"type": "text", "text": "[The file gone.png no longer exists.]"},
        ],
    ]


async def test_older_files_beyond_the_bound_are_left_out_and_said_to_be() -> None:
    history = [message("user", PNG), message("assistant", TextPart("ok")), message("user", PDF)]
    given = await with_contents(history, FILES, 4 + 6)
    assert given[0].parts == [TextPart("[The file a.png is left out here.]")]
    assert isinstance(given[2].parts[0], FilePart)
    # what is stored does not change
    assert history[0].parts == [PNG]
    with pytest.raises(ResponderFailed) as failed:
        await with_contents([message("user", PNG, PDF)], FILES, 10)
    assert failed.value.sentence.startswith("The files of this prompt have more than")


async def test_a_file_that_is_gone_is_said_to_be() -> None:
    given = await with_contents([message("user", GONE)], FILES, 1000)
    assert given[0].parts == [TextPart("[The file gone.png no longer exists.]")]


async def test_a_kind_that_no_model_takes_is_said_and_not_sent() -> None:
    provider = Provider()
    async with asking(provider) as responder:
        said = await sentence_of(responder, message("user", ZIP))
        assert said == "The model cannot read files of the type application/zip."
        assert provider.asked == []
        await answered(responder, message("user", ZIP), message("user", TextPart("and now")))


REFUSALS: Sequence[tuple[int, str]] = (
    (400, "Invalid content type. image_url is only supported by certain models."),
    (400, "test is not a multimodal model"),
    (404, "No endpoints found that support image input"),
    (422, "messages[0]: unknown variant `image_url`, expected `text`"),
    (400, "'messages.0.content' must be a string"),
)


@pytest.mark.parametrize(("status", "said"), REFUSALS)
async def test_a_model_that_takes_no_images_says_so(status: int, said: str) -> None:
    provider = Provider(status, {"error": {"message": said}}, refuses="image_url")
    async with asking(provider) as responder:
        sentence = await sentence_of(responder, message("user", TextPart("look"), PNG))
        assert sentence == "The model test cannot read images."
        # a conversation with older files goes on
        history = [
            message("user", TextPart("look"), PNG),
            message("assistant", TextPart("a cat")),
            message("user", TextPart("go on")),
        ]
        await answered(responder, *history)
    first = provider.asked[-1]["messages"][0]["content"]
    assert first == "look\n[The file a.png is left out here.]"


async def test_a_model_that_takes_no_pdfs_says_so() -> None:
    said = "Invalid value: 'file'. Supported values are: 'text', 'image_url'."
    provider = Provider(400, {"error": {"message": said}}, refuses="file_data")
    async with asking(provider) as responder:
        sentence = await sentence_of(responder, message("user", PDF))
    assert sentence == "The model test cannot read PDF files."


async def test_a_file_that_cannot_be_read_is_not_taken_for_one_that_is_not_taken() -> None:
    said = "The image data you provided does not represent a valid image."
    provider = Provider(400, {"error": {"message": said}}, refuses="image_url")
    async with asking(provider) as responder:
        sentence = await sentence_of(responder, message("user", PNG))
    assert sentence == "The model's provider cannot read one of the files."


async def test_a_responder_of_your_own_reads_the_bytes() -> None:
    turn = Turn.of(prompt(message("user", PNG, TEXT)))
    assert await turn.read("upload:png") == b"picture"
    assert await turn.read("data:text/plain,a%20b") == b"a b"
    assert await turn.read("data:text/plain;charset=utf-8;base64,YSBi") == b"a b"
    with pytest.raises(CannotAnswer):
        await turn.read("upload:gone")
    for url in ("https://example.com/a.png", "file:///etc/passwd", "data:;base64,a"):
        with pytest.raises(ValueError, match="only upload"):
            await turn.read(url)
