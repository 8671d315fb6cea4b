"""The page in Chromium: conversations are found again, archived, saved, and notified about."""

import gzip
import json
import re
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from testbed.deployment import Deployment
from testbed.frontend import FRONTEND
from tests.page.browser import SLOW, Tab, Visitor, model_paused, model_saying


def ask(tab: Tab, *prompts: str) -> None:
    """In a new conversation."""
    tab.button("New conversation").first.click()
    expect(tab.prompts).to_have_count(0)
    for number, prompt in enumerate(prompts, 1):
        tab.ask(prompt)
        tab.wait_for("complete", number)


def search(tab: Tab, query: str) -> None:
    tab.look()
    tab.page.get_by_role("searchbox", name="Search conversations").fill(query)


def found(page: Page) -> list[str]:
    return page.get_by_role("list", name="Search results").get_by_role("listitem").all_inner_texts()


@pytest.mark.quick
def test_words_are_found_marked_and_opened_at_their_message(visitor: Visitor) -> None:
    tab = visitor.open()
    long = [f"filler {number}" for number in range(4)]
    ask(tab, "the café by the station", *long)
    ask(tab, "something else")
    search(tab, "station cafe")
    hits = tab.page.get_by_role("list", name="Search results").get_by_role("listitem")
    # the prompt, and the title made from it
    expect(hits.locator("mark")).to_have_text(["café", "station"] * 2)
    expect(tab.page.get_by_role("status", name="Search")).to_have_text("2 found")
    expect(tab.page.get_by_role("list", name="Conversations")).to_have_count(0)
    hits.first.get_by_role("link").press("Enter")
    prompt = tab.prompts.filter(has_text="café")
    expect(prompt).to_be_in_viewport()
    search(tab, "nothing of the kind")
    expect(tab.page.get_by_role("status", name="Search")).to_have_text("Nothing found")
    search(tab, "")
    expect(tab.conversations).to_have_count(2)


def test_a_hit_far_back_is_loaded_and_shown(visitor: Visitor) -> None:
    tab = visitor.open()
    ask(tab, "a needle")
    for number in range(30):
        tab.ask(f"/tokens 1 {number}")
        tab.wait_for("complete", number + 2)
    ask(tab, "another")
    tab.page.keyboard.press("Control+k")
    tab.page.keyboard.type("needle")
    hit = (
        tab.page.get_by_role("list", name="Search results")
        .get_by_role("link")
        .filter(has_text="needle")
    )
    expect(hit).not_to_have_count(0)
    links = [link.get_attribute("href") for link in hit.all()]
    [at] = [number for number, link in enumerate(links) if link and "/" in link]
    hit.nth(at).focus()
    tab.page.keyboard.press("Enter")
    prompt = tab.prompts.filter(has_text="needle")
    expect(prompt).to_be_in_viewport()
    expect(prompt).to_be_focused()
    assert "/" not in tab.page.evaluate("location.hash")
    tab.ask("goes on")
    tab.wait_for("complete", 32)
    expect(tab.answer(32)).to_be_in_viewport()


def test_the_archive(visitor: Visitor) -> None:
    tab, other = visitor.open(), visitor.open()
    tab.look()
    ask(tab, "first")
    ask(tab, "second")
    tab.conversations.filter(has_text="first").hover()
    tab.button("Archive first").click()
    for seen in (tab, other):
        seen.look()
        expect(seen.conversations).to_have_count(1)
        expect(seen.conversations).to_contain_text("second")
    tab.look()
    tab.button("Archived").click()
    expect(tab.conversations).to_have_text(["first"])
    tab.conversations.get_by_role("link").click()
    expect(tab.prompts).to_contain_text("first")
    tab.ask("/tokens 3")
    tab.wait_for("complete", 2)
    expect(tab.conversations).to_have_text(["No archived conversations."])
    tab.button("Archived").click()
    expect(tab.conversations).to_have_text(["first", "second"])
    tab.button("Archive first").focus()
    tab.page.keyboard.press("Enter")
    expect(tab.conversations).to_have_text(["second"])
    tab.button("Archived").focus()
    tab.page.keyboard.press("Space")
    tab.button("Unarchive first").click()
    other.look()
    expect(other.conversations).to_contain_text(["first", "second"])


@pytest.mark.parametrize("kind", ["Markdown", "JSON"])
def test_a_whole_conversation_is_saved(
    visitor: Visitor, deployment: Deployment, tmp_path: Path, kind: str
) -> None:
    tab = visitor.open()
    with model_saying("# A **b**\n\n- c", deployment):
        ask(tab, "Say it: <all> of it", "And once more")
        tab.page.get_by_role("button", name="Export").click()
        with tab.page.expect_download() as download:
            tab.page.get_by_role("dialog").get_by_role("button", name=kind).click()
    expect(tab.page.get_by_role("dialog")).to_have_count(0)
    expect(tab.button("Export")).to_be_focused()
    file = tmp_path / "saved"
    download.value.save_as(file)
    text = file.read_text()
    if kind == "JSON":
        assert download.value.suggested_filename == "Say it all of it.json"
        saved = json.loads(text)
        assert saved["conversation"] == tab.page.evaluate("location.hash.slice(1)")
        assert [message["role"] for message in saved["messages"]] == ["user", "assistant"] * 2
        assert saved["messages"][1]["parts"] == [{"type": "text", "text": "# A **b**\n\n- c"}]
        return
    assert download.value.suggested_filename == "Say it all of it.md"
    text = re.sub(r", \d{4}-\d\d-\d\dT\d\d:\d\dZ", "", text)
    assert text == (
        "# Say it: \\<all\\> of it\n\n## You\n\nSay it: <all> of it\n\n"
        "## test\n\n# A **b**\n\n- c\n\n## You\n\nAnd once more\n\n## test\n\n# A **b**\n\n- c\n"
    )


NOTICES = """
window.notices = [];
window.Notification = class {
  static permission = "default";
  static async requestPermission() { return (window.Notification.permission = "granted"); }
  constructor(title, { body }) { window.notices.push([title, body]); }
  close() {}
};
"""


def test_an_answer_that_ends_unseen_is_told_of(visitor: Visitor, deployment: Deployment) -> None:
    visitor.context.add_init_script(NOTICES)
    tab = visitor.open()
    tab.button("Notify me of answers").click()
    expect(tab.button("Notify me of answers")).to_have_count(0)
    tab.ask(SLOW)
    tab.wait_for_text()
    with model_paused(deployment):
        tab.button("New conversation").first.click()
        expect(tab.prompts).to_have_count(0)
    row = tab.conversations.filter(has_text=SLOW)
    expect(row.get_by_text(", answered")).to_be_attached()
    expect(tab.page).to_have_title("(1) New conversation")
    # the page itself is visible
    assert tab.page.evaluate("notices") == []
    row.get_by_role("link").click()
    expect(tab.page).to_have_title(SLOW)
    expect(row.get_by_text(", answered")).to_have_count(0)

    tab.ask(SLOW)
    tab.wait_for_text(2)
    tab.page.evaluate("""() => {
      Object.defineProperty(document, "hidden", { value: true, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }""")
    expect(tab.page).to_have_title(f"(1) {SLOW}")
    tab.page.wait_for_function("notices.length > 0")
    assert tab.page.evaluate("notices") == [[SLOW, "The answer is ready."]]
    tab.page.evaluate("""() => {
      delete document.hidden;
      document.dispatchEvent(new Event("visibilitychange"));
    }""")
    expect(tab.page).to_have_title(SLOW)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing(visitor: Visitor, scheme: Literal["light", "dark"], width: int) -> None:
    tab = visitor.open()
    tab.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    tab.page.set_viewport_size({"width": width, "height": 844})

    def see() -> None:
        assert tab.violations() == []

    def sidebar() -> None:
        if width == 390:
            tab.button("Conversations").click()

    ask(tab, "of something")
    see()
    tab.button("Export").click()
    see()
    tab.page.keyboard.press("Escape")
    sidebar()
    see()
    search(tab, "somethi")
    expect(tab.page.get_by_role("list", name="Search results").locator("mark")).not_to_have_count(0)
    see()
    search(tab, "nowhere")
    expect(tab.page.get_by_role("status", name="Search")).to_have_text("Nothing found")
    see()
    search(tab, "")
    tab.button("Archive of something").click()
    tab.button("Archived").click()
    expect(tab.button("Unarchive of something")).to_be_visible()
    see()


def test_the_first_load_is_small(origin: str) -> None:
    """Without highlighting and formulas, which are loaded on demand."""
    assert origin
    folder = FRONTEND / "page" / "dist"
    document = (folder / "index.html").read_text()
    loaded = re.findall(r'(?:src|href)="\./(assets/[^"]+\.(?:js|css))"', document)
    assert len(loaded) >= 2
    size = sum(len(gzip.compress((folder / name).read_bytes(), 9)) for name in loaded)
    assert size <= 90 * 1024


def test_one_of_several_models_is_chosen(visitor: Visitor, deployment: Deployment) -> None:
    deployment.servers[0].stop()
    try:
        with deployment.server(MODELS="other"):
            tab = visitor.open()
            picker = tab.page.get_by_role("combobox", name="Model")
            expect(picker).to_have_value("test")
            picker.select_option("other")
            tab.ask("/tokens 3")
            tab.wait_for("complete")
            tab.page.reload()
            expect(picker).to_have_value("other")
            expect(tab.answer().locator(".usage")).to_have_attribute("title", "other")
            assert tab.violations() == []
    finally:
        deployment.servers[0].start()
