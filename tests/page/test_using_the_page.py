"""The page in Chromium, as people use it, against the real parts."""

from typing import Literal

import pytest
from playwright.sync_api import Browser, expect

from testbed import machine
from testbed.deployment import Deployment
from testbed.nginx import nginx
from testbed.ports import free_port
from testbed.text import text
from tests.conftest import needs
from tests.page.browser import SLOW, Tab, Visitor, model_paused, model_saying, visiting, words


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
        # another answer follows, which goes
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
    # what has the focus deletes nothing
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
    # both before the browser tells of the first
    tab.page.evaluate(
        """async () => {
            document.querySelector("dialog").requestClose();
            await null;
            document.activeElement.click();
        }"""
    )
    expect(tab.page.get_by_role("dialog")).to_be_visible()


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
    # what is found is for reading
    tab.page.reload()
    tab.wait_for("complete", 3)
    expect(tab.field).to_be_focused()
    expect(tab.announced).to_have_text("")


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


# the texts whose contrast is below what WCAG asks for, 4.5 to 1
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
