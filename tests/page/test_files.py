"""Files on the page in Chromium: by button, drop and paste, to the model and back."""

import struct
import zlib
from base64 import b64decode, b64encode
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Locator, expect

from testbed.deployment import Deployment
from tests.page.browser import Tab, Visitor

# adds files by drop or paste, with the events of a real user
GIVE = """([how, name, type, base64]) => {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], name, { type }));
  const field = document.getElementById("prompt");
  if (how === "paste") {
    field.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
  } else {
    for (const kind of ["dragover", "drop"])
      field.dispatchEvent(
        new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }),
      );
  }
}"""
NATURAL = "(image) => [image.naturalWidth, image.naturalHeight]"


def png(width: int, height: int) -> bytes:
    """An image whose pixels all differ, so that it stays large."""
    rows = b"".join(
        b"\0" + bytes((x * y + x + (y * 7)) & 255 for x in range(width * 3)) for y in range(height)
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(rows, 1)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def give(tab: Tab, how: str, name: str, kind: str, content: bytes) -> None:
    tab.page.evaluate(GIVE, [how, name, kind, b64encode(content).decode()])


def choose(tab: Tab, *files: tuple[str, str, bytes]) -> None:
    tab.page.get_by_label("Add files").set_input_files(
        [FilePayload(name=name, mimeType=kind, buffer=content) for name, kind, content in files]
    )


def refusal(tab: Tab) -> Locator:
    return tab.page.get_by_role("form", name="Prompt").get_by_role("alert")


def test_files_come_by_button_drop_and_paste_and_reach_the_model(
    visitor: Visitor, deployment: Deployment, tmp_path: Path
) -> None:
    tab = visitor.open()
    choose(tab, ("notes.md", "", "# Nötes\n".encode()))
    give(tab, "drop", "shot.png", "image/png", png(60, 40))
    give(tab, "paste", "paper.pdf", "application/pdf", b"%PDF-1.7 nothing")
    waiting = tab.page.get_by_role("list", name="Files for this prompt").get_by_role("listitem")
    expect(waiting).to_have_count(3)
    expect(tab.page.get_by_role("status", name="Files")).to_have_text("3 files added")
    tab.button("Remove paper.pdf").click()
    expect(waiting).to_have_count(2)
    tab.ask("/tokens 9 mark=files")
    tab.wait_for("complete")
    expect(waiting).to_have_count(0)

    asked = tab.page.request.get(f"http://127.0.0.1:{deployment.model_port}/asked?mark=files")
    (request,) = asked.json()
    text, picture, words = request["messages"][-1]["content"]
    assert text["text"] == '<file name="notes.md">\n# Nötes\n\n</file>'
    assert b64decode(picture["image_url"]["url"].partition(",")[2]) == png(60, 40)
    assert words["text"] == "/tokens 9 mark=files"

    # another tab downloads them
    other = visitor.open()
    other.conversations.get_by_role("link").click()
    image = other.prompts.get_by_role("img", name="shot.png")
    expect(image).to_be_visible()
    assert image.evaluate(NATURAL) == [60, 40]
    with other.page.expect_download() as begun:
        other.button("Download notes.md").click()
    begun.value.save_as(tmp_path / "notes.md")
    assert (tmp_path / "notes.md").read_text() == "# Nötes\n"


def test_a_large_picture_is_made_smaller_and_stays_readable(visitor: Visitor) -> None:
    tab = visitor.open()
    choose(tab, ("photo.png", "image/png", png(3000, 2400)))
    expect(tab.page.get_by_role("status", name="Files")).to_have_text("1 file added")
    tab.field.press("Enter")
    tab.wait_for("complete")
    image = tab.prompts.get_by_role("img", name="photo.webp")
    expect(image).to_be_visible()
    width, height = image.evaluate(NATURAL)
    assert width * height == pytest.approx(4_200_000, rel=0.01)
    assert width / height == pytest.approx(3000 / 2400, rel=0.01)


def test_what_is_not_taken_is_said_before_anything_is_sent(visitor: Visitor) -> None:
    tab = visitor.open()
    choose(tab, ("tool.exe", "application/x-msdownload", b"MZ\0\0"))
    expect(refusal(tab)).to_have_text(
        "tool.exe cannot be added: only images, PDFs and text files can."
    )
    choose(tab, ("empty.txt", "text/plain", b""))
    expect(refusal(tab)).to_have_text("empty.txt is empty.")
    choose(tab, ("broken.png", "image/png", b"no picture"))
    expect(refusal(tab)).to_have_text("broken.png could not be read as an image.")
    choose(tab, ("large.txt", "text/plain", b"x" * 10_000_001))
    expect(tab.page.get_by_text("The file is larger than 10 MB.")).to_be_visible()
    tab.field.fill("/tokens 3")
    expect(tab.button("Send")).to_be_disabled()
    tab.button("Remove large.txt").click()
    tab.field.press("Enter")
    tab.wait_for("complete")


def test_files_that_have_arrived_stay_through_a_reload(visitor: Visitor) -> None:
    tab = visitor.open()
    choose(tab, ("a.txt", "text/plain", b"hello"))
    expect(tab.page.get_by_role("status", name="Files")).to_have_text("1 file added")
    tab.page.reload()
    expect(tab.button("Remove a.txt")).to_be_visible()
    tab.ask("/tokens 5")
    tab.wait_for("complete")
    expect(tab.button("Download a.txt")).to_be_visible()
    tab.page.reload()
    expect(tab.button("Download a.txt")).to_be_visible()


def test_an_upload_goes_on_when_the_socket_was_cut(
    visitor: Visitor, deployment: Deployment
) -> None:
    tab = visitor.open()
    expect(tab.page.get_by_text("test answers.")).to_be_visible()
    deployment.servers[0].stop()
    choose(tab, ("long.txt", "text/plain", b"line\n" * 200_000))
    expect(tab.page.get_by_role("progressbar")).to_be_visible()
    expect(tab.button("Send")).to_be_disabled()
    deployment.servers[0].start()
    expect(tab.page.get_by_role("status", name="Files")).to_have_text("1 file added")
