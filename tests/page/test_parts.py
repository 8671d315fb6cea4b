"""An answer with parts of all kinds on the page, while it arrives, asks and ends."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from testbed.deployment import Deployment
from testbed.frontend import FRONTEND
from testbed.shown_parts import MARKUP
from tests.page.browser import Tab, Visitor
from tests.page.conftest import SETTINGS

AXE = FRONTEND / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="module")
def deployment(page_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    origins = {"CENTRIFUGO_CLIENT_ALLOWED_ORIGINS": f"http://127.0.0.1:{page_port}"}
    settings = SETTINGS | {"RESPONDER": "testbed.shown_parts:answer"}
    folder = tmp_path_factory.mktemp("parts")
    with Deployment(folder=folder, settings=settings, centrifugo_settings=origins) as running:
        yield running


def test_each_part_is_shown_and_the_user_decides(visitor: Visitor, tmp_path: Path) -> None:
    tab = visitor.open()
    go = tmp_path / "go"
    tab.ask(str(go))
    answer = tab.answer()
    look = answer.locator("details", has_text="look_up")
    expect(look).to_contain_text("Writing input…")
    look.locator("summary").press("Enter")
    written = tab.page.get_by_role("group", name="Input of look_up")
    expect(written).to_contain_text('"query": "the river')
    no_barriers(tab)

    go.touch()
    tab.wait_for("waiting")
    expect(tab.announced).to_have_text("The answer needs your decision.")
    # it is still open, and part of its output is rendered
    expect(look).to_contain_text("Done")
    output = tab.page.get_by_role("group", name="Output of look_up")
    expect(output).to_contain_text('"at": 0')
    shown = len(output.inner_text())
    assert shown < 20_000
    box = output.bounding_box()
    assert box is not None
    assert box["height"] < 400
    answer.get_by_role("button", name="Show more").click()
    expect(output).to_contain_text(re.compile(rf"^[\s\S]{{{shown + 1000},}}"))

    expect(answer.locator("details", has_text="measure")).to_contain_text("Failed")
    picture = answer.get_by_role("img", name="Picture")
    expect(picture).to_have_js_property("naturalWidth", 320)
    expect(answer.get_by_role("link", name="text/csv")).to_be_visible()
    sources = answer.get_by_role("list", name="Sources")
    expect(sources.get_by_role("listitem")).to_have_text(
        ["https://example.com/river", "Floods floods.pdf"]
    )
    folded = answer.locator("details:not([open]) > summary")
    while folded.count() > 0:
        folded.first.press("Enter")
    expect(tab.page.get_by_role("group", name="Data of forecast")).to_contain_text(MARKUP)
    expect(answer.locator("img")).to_have_count(2)
    assert answer.locator("b, [onerror]").count() == 0
    no_barriers(tab)
    tab.page.emulate_media(color_scheme="dark")
    tab.page.set_viewport_size({"width": 390, "height": 844})
    no_barriers(tab)
    assert tab.page.evaluate("document.documentElement.scrollWidth") == 390
    assert tab.page.evaluate("document.querySelector('.log').scrollWidth") <= 390

    other = visitor.open("#" + tab.page.url.partition("#")[2])
    asked = answer.get_by_role("group", name="Approval")
    expect(asked.first).to_contain_text("A letter cannot be taken back.")
    expect(asked.first).to_contain_text("Anna <anna@example.com>")
    expect(asked.first).to_contain_text(MARKUP)
    tab.look()
    asked.first.get_by_role("button", name="Approve").press("Enter")
    # the focus is on the next request, not on its button
    expect(asked).to_have_count(1)
    expect(asked).to_be_focused()
    tab.page.keyboard.press("Enter")
    # the other tab shows the decision, and may decide the rest
    other.look()
    letters = other.answer().locator("details", has_text="send_letter").locator(".tool-state")
    expect(letters).to_have_text(["Approved"])
    why_not = other.answer().get_by_role("textbox", name="Reason for denying")
    why_not.fill("Not on a Sunday")
    why_not.press("Enter")
    tab.wait_for("complete")
    letters = answer.locator("details", has_text="send_letter").locator(".tool-state")
    expect(letters).to_have_text(["Done", "Denied"])
    answer.locator("details", has_text="send_letter").last.locator("summary").first.click()
    expect(answer).to_contain_text("Denied: Not on a Sunday")
    expect(answer).to_contain_text("That was all.")
    no_barriers(tab)
    tab.page.reload()
    expect(letters).to_have_text(["Done", "Denied"])


def no_barriers(tab: Tab) -> None:
    """Axe finds no violations on the page as it is."""
    tab.page.evaluate(AXE.read_text())
    found = tab.page.evaluate("axe.run(document, {preload: false})")
    barriers = [
        (barrier["id"], [node["html"] for node in barrier["nodes"]])
        for barrier in found["violations"]
    ]
    assert barriers == []
