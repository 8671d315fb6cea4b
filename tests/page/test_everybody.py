"""The page by keyboard, with a screen reader, on a narrow screen, in both color schemes."""

from typing import Literal

import pytest
from playwright.sync_api import expect

from testbed.deployment import Deployment
from tests.page.browser import Tab, Visitor, model_saying


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
    # the focused button does not delete
    keys.press("Enter")
    expect(tab.button("Delete By hand")).to_be_focused()
    keys.press("Enter")
    keys.press("Shift+Tab")
    keys.press("Enter")
    expect(tab.conversations).to_have_count(0)
    expect(tab.field).to_be_focused()
    expect(tab.field).to_have_value("")


def test_a_key_right_after_escape_asks_once_more(visitor: Visitor) -> None:
    tab = visitor.open()
    tab.ask("/tokens 1")
    tab.wait_for("complete")
    tab.button("Delete /tokens 1").click()
    expect(tab.page.get_by_role("dialog")).to_be_visible()
    # both before the browser reports the first
    tab.page.evaluate(
        """async () => {
            document.querySelector("dialog").requestClose();
            await null;
            document.activeElement.click();
        }"""
    )
    expect(tab.page.get_by_role("dialog")).to_be_visible()


def test_deleting_a_conversation_that_is_not_shown_keeps_the_focus(visitor: Visitor) -> None:
    tab = visitor.open()
    tab.ask("/tokens 9")
    tab.wait_for("complete")
    tab.button("New conversation").first.click()
    tab.conversations.hover()
    tab.button("Delete /tokens 9").click()
    expect(tab.button("Keep")).to_be_focused()
    tab.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(tab.conversations).to_have_count(0)
    expect(tab.button("New conversation").first).to_be_focused()


def test_answers_are_announced_once_they_are_whole(
    visitor: Visitor, deployment: Deployment
) -> None:
    tab = visitor.open()
    tab.ask("/stall 20")
    tab.wait_for_text()
    expect(tab.announced).to_have_text("")
    tab.ask("/stall 9")
    expect(tab.announced).to_have_text("Queued.")
    tab.answer(2).get_by_role("button", name="Cancel").click()
    expect(tab.announced).to_have_text("The answer was stopped.")
    tab.button("Stop").click()
    tab.wait_for("stopped")
    with model_saying("A **bold** word.", deployment):
        tab.ask("Say it")
        tab.wait_for("complete", 3)
        expect(tab.announced).to_have_text("A bold word.")
    # earlier messages are not announced
    tab.page.reload()
    tab.wait_for("complete", 3)
    expect(tab.field).to_be_focused()
    expect(tab.announced).to_have_text("")


def test_a_narrow_screen_has_a_drawer(visitor: Visitor, deployment: Deployment) -> None:
    tab = visitor.open()
    tab.page.set_viewport_size({"width": 390, "height": 844})
    wide = f"| {'wide | ' * 30}\n|{'-|' * 30}\n\n{'long' * 200}\n\n```\n{'code ' * 100}\n```"
    with model_saying(wide, deployment):
        tab.ask("Wide things")
        tab.wait_for("complete")
    tab.page.wait_for_function("document.documentElement.scrollWidth === 390")
    tab.page.wait_for_function("document.querySelector('.log').scrollWidth <= 390")
    link = tab.conversations.get_by_role("link")
    tab.button("Conversations").click()
    expect(tab.page.locator("main")).to_have_attribute("inert", "")
    link.click()
    expect(link).to_be_hidden()
    tab.button("Conversations").click()
    expect(link).to_be_visible()
    tab.page.keyboard.press("Escape")
    expect(link).to_be_hidden()
    expect(tab.button("Conversations")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_the_page(
    visitor: Visitor, deployment: Deployment, scheme: Literal["light", "dark"]
) -> None:
    tab = visitor.open()
    tab.page.emulate_media(color_scheme=scheme)
    with model_saying("# A\n\n> b `c`\n\n```js\nlet d = 'e' // f\n```", deployment):
        tab.ask("Show all")
        tab.wait_for("complete")
    expect(tab.answer().locator(".hljs-keyword")).to_be_visible()
    brightness = tab.page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/)")
    assert (int(brightness[0]) < 64) == (scheme == "dark")
    assert tab.page.evaluate(FAINT_TEXTS) == []


# the texts with less contrast than WCAG requires, 4.5 to 1
FAINT_TEXTS = """() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const luminance = (colour) =>
    channels(colour).slice(0, 3)
      .map((value) => value / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
      .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
  const ground = (element) => {
    const { backgroundColor } = getComputedStyle(element);
    return channels(backgroundColor)[3] === 0 ? ground(element.parentElement) : backgroundColor;
  };
  const faint = [];
  for (const element of document.querySelectorAll("#app *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const [low, high] = [luminance(style.color), luminance(ground(element))].sort((a, b) => a - b);
    if ((high + 0.05) / (low + 0.05) < 4.5) faint.push(element.textContent);
  }
  return faint;
}"""


def go_back_to(tab: Tab, name: str) -> None:
    """Presses Shift+Tab until the last button of that name has the focus."""
    for _ in range(20):
        tab.page.keyboard.press("Shift+Tab")
        if tab.button(name).last.evaluate("button => button === document.activeElement"):
            return
    pytest.fail(f"the keyboard does not reach {name}")
