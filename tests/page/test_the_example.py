"""The apps of `examples/` in a browser, during an answer: a reload, a cut, a second tab."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from testbed import frontend
from testbed.frontend import FRONTEND
from testbed.ports import free_port
from testbed.process import Process
from testbed.text import text
from tests.page.browser import WAIT_MILLISECONDS

EXAMPLES = FRONTEND.parent / "examples"
PROMPT = "/tokens 120 rate=30"


@pytest.fixture(scope="module", params=["use-chat", "assistant-ui"])
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An example, checked and built with the packages of the frontend's tests."""
    app: Path = tmp_path_factory.mktemp("example") / request.param
    shutil.copytree(EXAMPLES / app.name, app, ignore=shutil.ignore_patterns("node_modules", "dist"))
    (app / "node_modules").symlink_to(FRONTEND / "node_modules")
    frontend.build()
    subprocess.run(["npm", "run", "--silent", "build"], cwd=app, check=True, capture_output=True)
    return app


@pytest.fixture
def served(app: Path, origin: str, tmp_path: Path) -> Iterator[Process]:
    port = free_port()
    vite = str(FRONTEND / "node_modules" / ".bin" / "vite")
    command = [vite, "preview", str(app), "--host", "127.0.0.1"]
    environment = {"PORT": str(port), "CHAT_ORIGIN": origin}
    with Process("the example", command, port, tmp_path / "log", environment) as running:
        yield running


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context() as context:
        context.set_default_timeout(WAIT_MILLISECONDS)
        yield context


def ask(page: Page, prompt: str) -> None:
    page.get_by_role("textbox", name="Your prompt").fill(prompt)
    page.get_by_role("button", name="Send").click()


def shows(page: Page, answer: str, number: int = 0) -> None:
    page.bring_to_front()
    shown = page.get_by_role("article", name="Answer").nth(number).locator("p")
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    expect(shown).to_have_count(1)
    assert shown.text_content() == answer


def begun(page: Page) -> None:
    page.bring_to_front()
    expect(page.get_by_role("article", name="Answer").locator("p")).to_contain_text("14")


def test_an_answer_survives_a_reload_a_cut_and_a_second_tab(
    served: Process, context: BrowserContext
) -> None:
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{served.port}")
    ask(page, PROMPT)
    begun(page)
    other = context.new_page()
    other.goto(page.url)
    begun(other)
    served.kill()
    served.start()
    page.reload()
    begun(page)
    shows(page, text(120))
    shows(other, text(120))
    ask(other, "/tokens 7")
    shows(other, text(7), 1)
    shows(page, text(7), 1)
    expect(page.get_by_role("navigation").get_by_text(PROMPT)).to_be_visible()


def test_any_tab_stops_it(served: Process, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{served.port}")
    ask(page, "/tokens 2000 rate=20")
    begun(page)
    other = context.new_page()
    other.goto(page.url)
    begun(other)
    other.get_by_role("button", name="Stop").click()
    page.bring_to_front()
    expect(page.get_by_role("button", name="Send")).to_be_visible()
