"""What the page does with failures, refusals, outages and hostile text."""

import re

import pytest
from playwright.sync_api import WebSocketRoute, expect

from testbed.deployment import Deployment
from testbed.text import HOSTILE, text
from tests.page.browser import SLOW, Visitor, model_paused, words

pytestmark = pytest.mark.timeout(120)


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
