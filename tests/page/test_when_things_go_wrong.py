"""How the page handles failures, refusals, outages and hostile text."""

import re

import pytest
from playwright.sync_api import WebSocket, WebSocketRoute, expect

from testbed.deployment import Deployment
from testbed.text import HOSTILE, text
from tests.page.browser import SLOW, Visitor, model_paused, words


def test_a_stranger_is_refused(visitor: Visitor, stranger: Visitor) -> None:
    own = visitor.open()
    own.ask("/tokens 9")
    own.wait_for("complete")
    conversation = own.page.url.partition("#")[2]
    foreign = stranger.open(f"#{conversation}")
    sentence = foreign.page.get_by_text("It was deleted, or it belongs to someone else.")
    expect(sentence).to_be_visible()
    expect(foreign.answers).to_have_count(0)
    expect(foreign.conversations).to_have_count(0)
    # bypassing the page: what anybody can type into a browser's console
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
    expect(tab.asked).to_have_text(f"/status {status}")
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
        # after that of the accepted prompt
        tab.button("Edit").last.click()
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


def test_websockets_that_are_blocked_later(visitor: Visitor) -> None:
    blocked = False
    sockets: list[WebSocketRoute] = []

    def pass_on(socket: WebSocketRoute) -> None:
        if blocked:
            socket.close()
            return
        sockets.append(socket)
        socket.connect_to_server()

    visitor.context.route_web_socket("**/connection/websocket", pass_on)
    tab = visitor.open()
    tab.ask("/tokens 9")
    tab.wait_for("complete")
    blocked = True
    with tab.page.expect_request("**/connection/http_stream"):
        sockets[-1].close()
    expect(tab.page.get_by_text("Reconnecting…")).to_have_count(0)
    tab.ask("/tokens 60")
    tab.wait_for("complete", 2)
    assert tab.copied_text(2) == text(60)


def test_a_page_that_was_opened_in_an_outage_gets_its_websocket(
    visitor: Visitor, deployment: Deployment
) -> None:
    sent: list[str] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framesent", lambda frame: sent.append(str(frame)))

    visitor.context.on("page", lambda page: page.on("websocket", listen))
    deployment.centrifugo.kill()
    tab = visitor.open()
    # when a websocket was refused again, another transport is next
    tab.page.wait_for_event("websocket")
    deployment.centrifugo.start()
    tab.ask("/tokens 9")
    tab.wait_for("complete")
    assert any("ai:send" in frame for frame in sent)


def test_prompts_that_wait_arrive_in_their_order(visitor: Visitor, deployment: Deployment) -> None:
    tab = visitor.open()
    tab.ask("/tokens 9")
    tab.wait_for("complete")
    deployment.centrifugo.kill()
    expect(tab.page.get_by_text("Reconnecting…")).to_be_visible()
    # together more than one message may have, and needing more than one attempt
    long = "x" * 40_000
    tab.ask(f"first {long}")
    tab.page.wait_for_timeout(3_000)
    tab.ask(f"second {long}")
    expect(tab.page.get_by_text("Sending…")).to_have_count(2)
    tab.page.wait_for_timeout(3_000)
    deployment.centrifugo.start()
    tab.wait_for("complete", 3)
    expect(tab.page.get_by_text("Sending…")).to_have_count(0)
    tab.page.reload()
    tab.wait_for("complete", 3)
    assert [shown.split()[0] for shown in tab.prompts.all_inner_texts()] == [
        "/tokens",
        "first",
        "second",
    ]


def test_a_prompt_beyond_the_limit_is_refused_and_harms_nothing(visitor: Visitor) -> None:
    tab = visitor.open()
    tab.ask("x" * 70_000)
    expect(tab.page.get_by_role("alert").filter(has_text="too long to send")).to_be_visible()
    tab.button("Discard").click()
    tab.ask("/tokens 9")
    tab.wait_for("complete")


def test_a_prompt_that_is_not_accepted_survives_a_reload(
    visitor: Visitor, deployment: Deployment
) -> None:
    tab = visitor.open()
    deployment.servers[0].stop()
    try:
        tab.ask("/tokens 9")
        expect(tab.page.get_by_text("Sending…")).to_be_visible()
        tab.button("Cancel").click()
        expect(tab.field).to_have_value("/tokens 9")
        expect(tab.prompts).to_have_count(0)
        tab.ask("/tokens 12")
        expect(tab.page.get_by_text("Sending…")).to_be_visible()
        tab.page.reload()
        expect(tab.asked).to_have_text("/tokens 12")
    finally:
        deployment.servers[0].start()
    tab.wait_for("complete")
    assert tab.copied_text() == text(12)
    expect(tab.conversations).to_have_count(1)


def test_a_conversation_that_is_found_before_the_reply_goes_on(visitor: Visitor) -> None:
    lost: list[str | bytes] = []

    def lose_one_reply(socket: WebSocketRoute) -> None:
        def receive(frame: str | bytes) -> None:
            if not lost and '"generation"' in str(frame):
                lost.append(frame)
            else:
                socket.send(frame)

        server = socket.connect_to_server()
        server.on_message(receive)

    visitor.context.route_web_socket("**/connection/websocket", lose_one_reply)
    tab = visitor.open()
    tab.ask("/tokens 250 rate=30")
    tab.conversations.get_by_role("link").click()
    tab.wait_for_text()
    tab.wait_for("complete")
    assert len(lost) == 1
    assert tab.copied_text() == text(250)
    tab.ask("/tokens 9")
    tab.wait_for("complete", 2)
    expect(tab.prompts).to_have_count(2)


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
