"""Edited prompts and versions on the page, by mouse and by keyboard, seen by another tab."""

from playwright.sync_api import Locator, expect

from testbed.text import text
from tests.page.browser import Tab, Visitor


def version(message: Locator) -> Locator:
    """What a screen reader reads about a message's versions."""
    return message.get_by_role("status", name="Version")


def edit(tab: Tab, number: int, changed: str) -> None:
    prompt = tab.prompts.nth(number - 1)
    prompt.hover()
    prompt.get_by_role("button", name="Edit").click()
    field = prompt.get_by_role("textbox", name="Edited prompt")
    expect(field).to_be_focused()
    field.fill(changed)
    field.press("Enter")


def test_an_edited_prompt_is_a_version_in_all_tabs(visitor: Visitor) -> None:
    one, other = visitor.open(), visitor.open()
    one.ask("/tokens 9")
    one.wait_for("complete")
    one.ask("/tokens 12")
    one.wait_for("complete", 2)
    other.look()
    other.conversations.get_by_role("link").click()
    other.wait_for("complete", 2)
    one.look()
    edit(one, 1, "/tokens 15")
    for tab in (one, other):
        tab.wait_for("complete")
        expect(tab.answers).to_have_count(1)
        expect(tab.prompts).to_have_text(["/tokens 152/2Version 2 of 2Edit"])
        assert tab.copied_text() == text(15)
    other.prompts.first.get_by_role("button", name="Earlier version").click()
    for tab in (other, one):
        tab.look()
        expect(tab.answers).to_have_count(2)
        expect(version(tab.prompts.first)).to_have_text("Version 1 of 2")
        assert tab.copied_text(2) == text(12)


def test_an_answer_made_anew_keeps_the_earlier_one(visitor: Visitor) -> None:
    tab = visitor.open()
    tab.ask("/tokens 9 vary=1")
    tab.wait_for("complete")
    first = tab.copied_text()
    tab.button("Regenerate").click()
    expect(version(tab.answer())).to_have_text("Version 2 of 2")
    tab.wait_for("complete")
    second = tab.copied_text()
    assert second != first
    earlier, later = (
        tab.answer().get_by_role("button", name=f"{which} version")
        for which in ("Earlier", "Later")
    )
    # by keyboard; the focus stays where it is
    earlier.focus()
    tab.page.keyboard.press("Enter")
    expect(version(tab.answer())).to_have_text("Version 1 of 2")
    expect(earlier).to_be_focused()
    assert tab.copied_text() == first
    expect(earlier).to_have_attribute("aria-disabled", "true")
    later.focus()
    tab.page.keyboard.press("Space")
    expect(version(tab.answer())).to_have_text("Version 2 of 2")
    assert tab.copied_text() == second


def test_an_edit_is_left_by_escape_and_refused_while_an_answer_is_made(visitor: Visitor) -> None:
    tab = visitor.open()
    tab.ask("/tokens 9")
    tab.wait_for("complete")
    begin = tab.prompts.first.get_by_role("button", name="Edit")
    begin.focus()
    tab.page.keyboard.press("Enter")
    tab.page.keyboard.type(" and more")
    tab.page.keyboard.press("Escape")
    expect(begin).to_be_focused()
    expect(tab.prompts.first).to_contain_text("/tokens 9")
    expect(tab.answers).to_have_count(1)
    tab.ask("/stall 20")
    tab.wait_for_text(2)
    expect(begin).to_have_attribute("aria-disabled", "true")
    tab.button("Stop").click()
    tab.wait_for("stopped", 2)
    expect(begin).to_have_attribute("aria-disabled", "false")
