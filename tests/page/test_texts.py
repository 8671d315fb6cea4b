"""Texts on the page: formulas, deep or long nesting, and a phone's keyboard."""

import pytest
from playwright.sync_api import Browser, expect

from testbed.deployment import Deployment
from tests.page.browser import WAIT_MILLISECONDS, Tab, Visitor, model_saying

FORMULAS = r"""
The area is $\pi r^2$, and \(a_1\) costs $5 or $10:

$$
\int_0^1 \sqrt{x}\,dx = \frac{2}{3} \quad \fcolorbox{red}{yellow}{a} \cancel{b} \vec{c}
$$

\[ \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix} \overbrace{a + b}^{c} \]

What nobody knows: $\nosuchcommand{x}$.
"""


def test_formulas_are_typeset(visitor: Visitor, deployment: Deployment) -> None:
    tab = visitor.open()
    fetched: list[str] = []
    tab.page.on("request", lambda request: fetched.append(request.url))
    tab.ask("/tokens 9")
    tab.wait_for("complete")
    assert not any("katex" in url for url in fetched)
    with model_saying(FORMULAS, deployment):
        tab.ask("Some formulas, please")
        tab.wait_for("complete", 2)
    for _ in range(2):
        prose = tab.answer(2).locator(".prose")
        expect(prose.locator(".katex")).to_have_count(4)
        expect(prose.locator(".katex-display")).to_have_count(2)
        arrow = prose.locator(".katex-accent svg").bounding_box()
        assert arrow is not None
        assert arrow["width"] > 1
        expect(prose).to_contain_text("costs $5 or $10")
        expect(prose).to_contain_text(r"$\nosuchcommand{x}$")
        tab.page.wait_for_function("[...document.fonts].some(font => font.status === 'loaded')")
        tab.page.reload()
        tab.wait_for("complete", 2)
    assert tab.copied_text(2) == FORMULAS


@pytest.mark.parametrize(
    "text", ["> " * 2_500 + "deep", "a_" * 60_000 + "deep", "[" * 20_000 + "deep"]
)
def test_an_answer_that_is_hard_to_draw_is_shown(
    visitor: Visitor, deployment: Deployment, text: str
) -> None:
    tab = visitor.open()
    tab.ask("/tokens 9")
    tab.wait_for("complete")
    with model_saying(text, deployment):
        tab.ask("Something hard, please")
        tab.wait_for("complete", 2)
    for _ in range(2):
        expect(tab.answer(2)).to_contain_text("deep")
        expect(tab.answer(1)).to_contain_text("of the")
        tab.field.fill("The page answers")
        expect(tab.field).to_have_value("The page answers")
        tab.page.reload()
        tab.wait_for("complete", 2)


def test_on_a_phone_enter_begins_a_line(browser: Browser, origin: str) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    context.set_default_timeout(WAIT_MILLISECONDS)
    tab = Tab(context.new_page())
    tab.page.goto(origin)
    tab.field.tap()
    tab.page.keyboard.type("one line")
    tab.page.keyboard.press("Enter")
    tab.page.keyboard.type("another")
    expect(tab.field).to_have_value("one line\nanother")
    expect(tab.prompts).to_have_count(0)
    tab.button("Send").tap()
    tab.wait_for("complete")
    expect(tab.field).to_have_value("")
    context.close()
