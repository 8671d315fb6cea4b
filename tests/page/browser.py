"""The page in a real browser, in the terms of its users."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

from testbed.deployment import Deployment
from testbed.frontend import FRONTEND
from testbed.process import Process

AXE = FRONTEND / "node_modules" / "axe-core" / "axe.min.js"
WAIT_MILLISECONDS = 30_000
# slow enough to do something in the middle
SLOW = "/tokens 90 rate=30"


def page_server(port: int, centrifugo_port: int, folder: Path) -> Process:
    """Serves the built page as `make run` does, with Centrifugo's endpoints on the same origin."""
    return Process(
        "the page",
        [str(FRONTEND / "node_modules" / ".bin" / "vite"), "preview", str(FRONTEND / "page")],
        port,
        folder / "page.log",
        {
            "PAGE_HOST": "127.0.0.1",
            "PAGE_PORT": str(port),
            "CENTRIFUGO_URL": f"http://127.0.0.1:{centrifugo_port}",
        },
    )


@dataclass
class Tab:
    """One tab with the page in it."""

    page: Page

    @property
    def field(self) -> Locator:
        return self.page.get_by_role("textbox", name="Your prompt")

    @property
    def answers(self) -> Locator:
        return self.page.get_by_role("article", name="Answer")

    def answer(self, number: int = 1) -> Locator:
        """The answer at that index; it need not exist yet."""
        return self.answers.nth(number - 1)

    @property
    def prompts(self) -> Locator:
        return self.page.get_by_role("article", name="You")

    @property
    def asked(self) -> Locator:
        """The texts of the prompts, without the buttons beside them."""
        return self.prompts.locator("p")

    @property
    def conversations(self) -> Locator:
        return self.page.get_by_role("navigation").get_by_role("listitem")

    @property
    def announced(self) -> Locator:
        """What is announced about answers to screen readers."""
        return self.page.get_by_role("status", name="Answer")

    def violations(self) -> list[str]:
        """The violations that axe-core finds on the page as it is."""
        self.page.evaluate(AXE.read_text())
        found: list[str] = self.page.evaluate(
            "axe.run().then(({violations}) => violations.flatMap(({id, nodes}) =>"
            " nodes.map(({target}) => `${id}: ${target}`)))"
        )
        return found

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def ask(self, prompt: str) -> None:
        self.field.fill(prompt)
        self.field.press("Enter")

    def look(self) -> None:
        """Brings the tab to the front: in the background it renders only once a second."""
        self.page.bring_to_front()

    def wait_for(self, status: str, number: int = 1) -> None:
        self.look()
        expect(self.answer(number)).to_have_attribute("data-status", status)

    def wait_for_text(self, number: int = 1) -> None:
        """Waits until the answer has begun to grow."""
        expect(self.answer(number).locator(".prose")).to_contain_text("4")

    def shown_text(self, number: int = 1) -> str:
        return self.answer(number).locator(".prose").inner_text()

    def copied_text(self, number: int = 1) -> str:
        """The Markdown of an answer, by its copy button."""
        answer = self.answer(number)
        answer.locator(".actions").get_by_text("Copy", exact=True).click()
        expect(answer.get_by_text("Copied")).to_be_visible()
        text: str = self.page.evaluate("navigator.clipboard.readText()")
        return text


@dataclass
class Visitor:
    """One browser profile: its tabs are the same anonymous user."""

    context: BrowserContext
    origin: str
    faults: list[str] = field(default_factory=list)

    def open(self, fragment: str = "") -> Tab:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", self._heard)
        page.goto(f"{self.origin}/{fragment}")
        return Tab(page)

    def _heard(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            self.faults.append(message.text)


@contextmanager
def visiting(browser: Browser, origin: str) -> Iterator[Visitor]:
    """A visitor; fails if a script on the pages fails or violates the content security policy."""
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    context.set_default_timeout(WAIT_MILLISECONDS)
    visitor = Visitor(context, origin)
    yield visitor
    context.close()
    assert visitor.faults == []


@contextmanager
def model_paused(deployment: Deployment) -> Iterator[None]:
    """Pauses the model during the context, for any length of time."""
    deployment.model.pause()
    try:
        yield
    finally:
        deployment.model.resume()


@contextmanager
def model_saying(markdown: str, deployment: Deployment) -> Iterator[None]:
    """Answers every prompt with that text during the context, in place of the real model."""

    class Says(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            choice = {"index": 0, "delta": {"content": markdown}, "finish_reason": "stop"}
            event = json.dumps({"object": "chat.completion.chunk", "choices": [choice]})
            self.wfile.write(f"data: {event}\n\ndata: [DONE]\n\n".encode())

        def log_request(self, code: object = "-", size: object = "-") -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Says) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        deployment.servers[0].stop()
        try:
            with deployment.server(OPENAI_BASE_URL=f"http://127.0.0.1:{server.server_port}/v1"):
                yield
        finally:
            server.shutdown()
            deployment.servers[0].start()


def words(shown: str) -> str:
    """The words of a Markdown text."""
    return re.sub(r"\W+", "", shown)
