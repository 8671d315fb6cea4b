"""The page in Chromium, against the real parts."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Playwright, WebSocketRoute, expect, sync_playwright

from testbed import machine
from testbed.deployment import Deployment
from testbed.ports import free_port
from testbed.text import HOSTILE, text
from tests.browser import FRONTEND, WAIT_MILLISECONDS, Tab, Visitor, page_server, visiting

SETTINGS = {"PROMPTS_PER_MINUTE": "1000", "LEASE_SECONDS": "2", "SHUTDOWN_GRACE_SECONDS": "0.5"}
# slow enough that something can be done to it in the middle
SLOW = "/tokens 90 rate=30"
pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    # for this module alone: while it lives, no other event loop can run in the thread
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    found = machine.chromium()
    if found is None:
        pytest.skip("Chromium is not installed on this machine")
    expect.set_options(timeout=WAIT_MILLISECONDS)
    with playwright.chromium.launch(executable_path=found, args=["--no-sandbox"]) as launched:
        yield launched


@pytest.fixture(scope="module")
def page_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def deployment(page_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    origins = {"CENTRIFUGO_CLIENT_ALLOWED_ORIGINS": f"http://127.0.0.1:{page_port}"}
    folder = tmp_path_factory.mktemp("page")
    with Deployment(folder=folder, settings=SETTINGS, centrifugo_settings=origins) as running:
        yield running


@pytest.fixture(scope="module")
def origin(page_port: int, deployment: Deployment) -> Iterator[str]:
    subprocess.run(["npm", "run", "--silent", "build"], cwd=FRONTEND, check=True)
    with page_server(page_port, deployment.port, deployment.folder):
        yield f"http://127.0.0.1:{page_port}"


@pytest.fixture
def visitor(browser: Browser, origin: str) -> Iterator[Visitor]:
    with visiting(browser, origin) as visitor:
        yield visitor


@pytest.fixture
def stranger(browser: Browser, origin: str) -> Iterator[Visitor]:
    with visiting(browser, origin) as visitor:
        yield visitor


@contextmanager
def model_paused(deployment: Deployment) -> Iterator[None]:
    """The model says nothing meanwhile, however long that takes."""
    deployment.model.pause()
    try:
        yield
    finally:
        deployment.model.resume()


def words(shown: str) -> str:
    """What Markdown leaves of a text."""
    return re.sub(r"\W+", "", shown)


def test_an_answer_grows_and_ends_exactly(visitor: Visitor) -> None:
    tab = visitor.open()
    tab.ask("/tokens 200")
    tab.wait_for_text()
    before = tab.shown_text()
    expect(tab.answer().locator(".prose")).to_contain_text("99")
    assert len(tab.shown_text()) > len(before)
    tab.wait_for("complete")
    assert tab.copied_text() == text(200)
    assert words(tab.shown_text()) == words(text(200))


def test_stop_keeps_the_text(visitor: Visitor) -> None:
    tab = visitor.open()
    tab.ask("/stall 20")
    expect(tab.answer().locator(".prose")).to_contain_text("19")
    tab.button("Stop").click()
    tab.wait_for("stopped")
    expect(tab.answer()).to_contain_text("Stopped.")
    expect(tab.field).to_be_focused()
    assert tab.copied_text() == text(20)
    tab.ask("/tokens 9")
    tab.wait_for("complete", 2)
    assert tab.copied_text(2) == text(9)


def test_a_reload_shows_the_same(visitor: Visitor, deployment: Deployment) -> None:
    tab = visitor.open()
    tab.ask(SLOW)
    tab.wait_for_text()
    with model_paused(deployment):
        tab.page.reload()
        tab.wait_for("streaming")
        tab.wait_for_text()
    tab.wait_for("complete")
    assert tab.copied_text() == text(90)
    tab.page.reload()
    tab.wait_for("complete")
    assert tab.copied_text() == text(90)
    expect(tab.prompts).to_have_text(SLOW)


def test_two_tabs_of_a_visitor_are_in_step(visitor: Visitor, deployment: Deployment) -> None:
    one, other = visitor.open(), visitor.open()
    one.ask(SLOW)
    one.wait_for_text()
    with model_paused(deployment):
        other.conversations.get_by_role("link").click()
        other.wait_for("streaming")
    other.ask("/tokens 9")
    for tab in (one, other):
        tab.wait_for("complete", 1)
        tab.wait_for("complete", 2)
        assert tab.copied_text() == text(90)
    with model_paused(deployment):
        one.look()
        one.button("Regenerate").first.click()
        for tab in (one, other):
            tab.look()
            expect(tab.answers).to_have_count(1)
            tab.wait_for("streaming")
    for tab in (one, other):
        tab.wait_for("complete")
        assert tab.copied_text() == text(90)


def test_a_stranger_is_refused(visitor: Visitor, stranger: Visitor) -> None:
    own = visitor.open()
    own.ask("/tokens 9")
    own.wait_for("complete")
    conversation = own.page.url.partition("#")[2]
    foreign = stranger.open(f"#{conversation}")
    sentence = foreign.page.get_by_text("It was deleted, or it belongs to somebody else.")
    expect(sentence).to_be_visible()
    expect(foreign.answers).to_have_count(0)
    expect(foreign.conversations).to_have_count(0)
    # past the page: what anybody can type into a browser's console
    codes = foreign.page.evaluate(ASK_CENTRIFUGO, conversation)
    assert codes == {"connect": 0, "subscribe": 403, "open": 403, "stop": 403}


ASK_CENTRIFUGO = """conversation => new Promise((resolve, reject) => {
  const rpc = (method) => ({ rpc: { method, data: { conversation } } });
  const commands = {
    connect: { connect: {} },
    subscribe: { subscribe: { channel: `ai:${conversation}`, recover: true } },
    open: rpc("ai:open"),
    stop: rpc("ai:stop"),
  };
  const names = Object.keys(commands);
  const codes = {};
  const socket = new WebSocket(`ws://${location.host}/connection/websocket`);
  const send = (id) => socket.send(JSON.stringify({ id, ...commands[names[id - 1]] }));
  socket.onopen = () => send(1);
  socket.onerror = reject;
  socket.onmessage = ({ data }) => {
    const { id, error } = JSON.parse(data);
    if (id === undefined) return;
    codes[names[id - 1]] = error?.code ?? 0;
    if (id < names.length) return send(id + 1);
    socket.close();
    resolve(codes);
  };
})"""


@pytest.mark.parametrize("status", [401, 429, 500])
def test_a_refusing_model_is_said_in_a_sentence(visitor: Visitor, status: int) -> None:
    tab = visitor.open()
    tab.ask(f"/status {status}")
    tab.wait_for("failed")
    sentence = tab.answer().locator(".ending").inner_text()
    assert re.fullmatch(r"[A-Z][^{}<>\n]{10,120}\.", sentence)
    assert str(status) not in sentence
    expect(tab.prompts).to_have_text(f"/status {status}")
    expect(tab.button("Answer again")).to_be_visible()


def test_an_answer_that_failed_is_made_anew(visitor: Visitor, deployment: Deployment) -> None:
    tab = visitor.open()
    deployment.model.stop()
    try:
        tab.ask("/tokens 9")
        tab.wait_for("failed")
    finally:
        deployment.model.start()
    tab.button("Answer again").click()
    tab.wait_for("complete")
    expect(tab.answers).to_have_count(1)
    assert tab.copied_text() == text(9)


def test_a_refused_prompt_is_kept(visitor: Visitor, deployment: Deployment) -> None:
    tab = visitor.open()
    deployment.servers[0].stop()
    with deployment.server(PROMPTS_PER_MINUTE="1"):
        tab.ask("/tokens 9")
        tab.wait_for("complete")
        tab.ask("/tokens 12")
        expect(tab.page.get_by_role("alert").filter(has_text="Try again in")).to_be_visible()
        tab.button("Edit").click()
        expect(tab.field).to_have_value("/tokens 12")
        tab.ask("/tokens 15")
        expect(tab.button("Try again")).to_be_visible()
    deployment.servers[0].start()
    tab.button("Try again").click()
    tab.wait_for("complete", 2)
    assert tab.copied_text(2) == text(15)
    expect(tab.button("Try again")).to_have_count(0)


def test_prompts_wait_in_a_queue_and_can_be_cancelled(
    visitor: Visitor, deployment: Deployment
) -> None:
    tab, other = visitor.open(), visitor.open()
    tab.ask(SLOW)
    tab.wait_for_text()
    with model_paused(deployment):
        other.conversations.get_by_role("link").click()
        tab.ask("/tokens 9")
        tab.ask("/tokens 12")
        for seen in (tab, other):
            seen.wait_for("queued", 2)
            seen.wait_for("queued", 3)
        tab.answer(2).get_by_role("button", name="Cancel").click()
        for seen in (tab, other):
            seen.wait_for("stopped", 2)
    for seen in (tab, other):
        seen.wait_for("complete", 1)
        seen.wait_for("complete", 3)
        assert seen.copied_text(1) == text(90)
        assert seen.copied_text(3) == text(12)


def test_rename_and_delete(visitor: Visitor) -> None:
    tab, other = visitor.open(), visitor.open()
    tab.ask("/tokens 9")
    other.conversations.get_by_role("link").click()
    for seen in (tab, other):
        seen.wait_for("complete")
    tab.button("Rename /tokens 9").click()
    tab.page.get_by_role("textbox", name="Title").fill("A better title")
    tab.page.keyboard.press("Enter")
    for seen in (tab, other):
        seen.look()
        expect(seen.conversations).to_have_text("A better title")
        expect(seen.page).to_have_title("A better title")
    tab.look()
    tab.button("Delete A better title").click()
    tab.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(tab.page.get_by_role("heading", name="What would you like to know?")).to_be_visible()
    expect(tab.field).to_be_focused()
    other.look()
    expect(other.page.get_by_role("heading", name="This conversation is not here")).to_be_visible()
    for seen in (tab, other):
        expect(seen.conversations).to_have_count(0)


@pytest.mark.parametrize("transport", ["http_stream", "sse"])
def test_without_websockets(visitor: Visitor, transport: str) -> None:
    visitor.context.route_web_socket("**/connection/websocket", closed)
    if transport == "sse":
        visitor.context.route("**/connection/http_stream", lambda route: route.abort())
    tab = visitor.open()
    with tab.page.expect_request(f"**/connection/{transport}*"):
        tab.ask("/tokens 60")
    tab.wait_for("complete")
    assert tab.copied_text() == text(60)


def closed(socket: WebSocketRoute) -> None:
    socket.close()


def test_hostile_markdown_does_nothing(visitor: Visitor) -> None:
    tab = visitor.open()
    requests: list[str] = []
    tab.page.on("request", lambda request: requests.append(request.url))
    tab.ask("/hostile")
    tab.wait_for("complete")
    assert tab.copied_text() == HOSTILE
    expect(tab.answer()).to_contain_text("the end")
    for link in tab.answer().get_by_text(re.compile("^[ab]$")).all():
        link.click()
    expect(tab.answer().locator("img, svg, script, form, [onerror], [onload]")).to_have_count(0)
    expect(tab.answer().get_by_role("link")).to_have_text("c")
    assert tab.page.evaluate("globalThis.broken") is None
    assert all(url.startswith(visitor.origin) for url in requests)


def test_the_keyboard_suffices(visitor: Visitor) -> None:
    tab = visitor.open()
    keys = tab.page.keyboard
    expect(tab.field).to_be_focused()
    keys.type("one line")
    keys.press("Shift+Enter")
    keys.type("/another")
    expect(tab.field).to_have_value("one line\n/another")
    keys.press("Enter")
    tab.wait_for("complete")
    keys.type("/stall 20")
    keys.press("Enter")
    tab.wait_for_text(2)
    keys.press("Escape")
    tab.wait_for("stopped", 2)
    go_back_to(tab, "Regenerate")
    keys.press("Enter")
    tab.wait_for("streaming", 2)
    keys.press("Escape")
    tab.wait_for("stopped", 2)
    go_back_to(tab, "Rename one line /another")
    keys.press("Enter")
    keys.type("By hand")
    keys.press("Enter")
    expect(tab.conversations).to_have_text("By hand")
    expect(tab.button("Rename By hand")).to_be_focused()
    keys.press("Tab")
    keys.press("Enter")
    expect(tab.page.get_by_role("dialog")).to_be_visible()
    keys.press("Escape")
    expect(tab.button("Delete By hand")).to_be_focused()
    keys.press("Enter")
    expect(tab.page.get_by_role("dialog")).to_be_visible()
    keys.press("Enter")
    expect(tab.conversations).to_have_count(0)
    expect(tab.field).to_be_focused()
    expect(tab.field).to_have_value("")


def go_back_to(tab: Tab, name: str) -> None:
    """Presses Shift+Tab until the last button of that name has the focus."""
    for _ in range(20):
        tab.page.keyboard.press("Shift+Tab")
        if tab.button(name).last.evaluate("button => button === document.activeElement"):
            return
    pytest.fail(f"the keyboard does not reach {name}")


def test_a_killed_server_leaves_no_spinner(visitor: Visitor, deployment: Deployment) -> None:
    tab = visitor.open()
    tab.ask(SLOW)
    tab.wait_for_text()
    with model_paused(deployment):
        deployment.servers[0].kill()
        shown = tab.shown_text()
    deployment.servers[0].start()
    tab.wait_for("interrupted")
    kept = tab.copied_text()
    assert text(90).startswith(kept)
    assert words(kept).startswith(words(shown))
    tab.button("Answer again").click()
    tab.wait_for("complete")
    expect(tab.answers).to_have_count(1)
    assert tab.copied_text() == text(90)


def test_a_restarted_centrifugo_loses_nothing(visitor: Visitor, deployment: Deployment) -> None:
    tab = visitor.open()
    tab.ask(SLOW)
    tab.wait_for_text()
    with model_paused(deployment):
        deployment.centrifugo.kill()
        expect(tab.page.get_by_text("Reconnecting…")).to_be_visible()
    deployment.centrifugo.start()
    tab.wait_for("complete")
    assert tab.copied_text() == text(90)
    expect(tab.page.get_by_text("Reconnecting…")).to_have_count(0)
