"""The page in Chromium, as people use it, against the real parts."""

import pytest
from playwright.sync_api import Browser, expect

from testbed import machine
from testbed.deployment import Deployment
from testbed.nginx import nginx
from testbed.ports import free_port
from testbed.text import text
from tests.conftest import needs
from tests.page.browser import SLOW, Visitor, model_paused, model_saying, visiting, words


@pytest.mark.quick
def test_the_page_says_which_model_answers(visitor: Visitor) -> None:
    tab = visitor.open()
    expect(tab.page.get_by_text("test answers.")).to_be_visible()


def test_the_page_works_below_a_path(browser: Browser, origin: str, deployment: Deployment) -> None:
    needs(nginx=machine.nginx())
    port = free_port()
    http = f"""server {{
  listen 127.0.0.1:{port};
  location /chat/ {{
    proxy_pass {origin}/;
    proxy_http_version 1.1;
    proxy_set_header Origin {origin};
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
  }}
}}"""
    with (
        nginx(port, http, deployment.folder),
        visiting(browser, f"http://127.0.0.1:{port}/chat") as visitor,
    ):
        tab = visitor.open()
        tab.ask("/tokens 40")
        tab.wait_for_text()


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
    expect(tab.asked).to_have_text(SLOW)


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
        # another answer follows, which will leave
        for tab in (one, other):
            tab.look()
            expect(tab.answers).to_have_count(1)
            tab.wait_for("streaming")
    for tab in (one, other):
        tab.wait_for("complete")
        assert tab.copied_text() == text(90)


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
    expect(other.page.get_by_role("heading", name="Conversation not found")).to_be_visible()
    for seen in (tab, other):
        expect(seen.conversations).to_have_count(0)


def test_a_draft_stays_in_its_conversation(visitor: Visitor) -> None:
    tab = visitor.open()
    tab.ask("/tokens 9")
    tab.wait_for("complete")
    tab.button("New conversation").first.click()
    tab.field.fill("half a prompt")
    tab.conversations.get_by_role("link").click()
    expect(tab.answers).to_have_count(1)
    expect(tab.field).to_have_value("")
    tab.field.fill("another")
    tab.button("New conversation").first.click()
    expect(tab.field).to_have_value("half a prompt")
    tab.page.reload()
    expect(tab.field).to_have_value("half a prompt")
    tab.conversations.get_by_role("link").click()
    expect(tab.field).to_have_value("another")


def test_code_is_copied_by_its_button(visitor: Visitor, deployment: Deployment) -> None:
    tab = visitor.open()
    code = "if a < b:\n    print('x')"
    with model_saying(f"So:\n\n```python\n{code}\n```\n", deployment):
        tab.ask("Write code")
        tab.wait_for("complete")
    expect(tab.answer().locator(".hljs-keyword")).to_have_text("if")
    tab.button("Copy code").click()
    expect(tab.button("Copied")).to_have_text("Copied")
    assert tab.page.evaluate("navigator.clipboard.readText()") == code
    expect(tab.button("Copy code")).to_have_text("Copy")
