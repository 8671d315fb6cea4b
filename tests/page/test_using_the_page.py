"""The page in Chromium, as people use it, against the real parts."""

import pytest
from playwright.sync_api import expect

from testbed.deployment import Deployment
from testbed.text import text
from tests.page.browser import SLOW, Tab, Visitor, model_paused, words

pytestmark = pytest.mark.timeout(120)


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
