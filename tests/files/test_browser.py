"""Photos in a real browser: chosen in a form, stored, and looked at in the viewer with keys and pointer."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import FilePayload, Locator, Page, expect

from tests.files import samples
from tests.support.browser import Troubles

pytestmark = pytest.mark.browser
Browse = Callable[..., Page]


def photos(count: int, width: int = 640) -> list[FilePayload]:
    """Pictures as a phone would hand them over, each a little wider than the one before."""
    return [
        {"name": f"door {at}.jpg", "mimeType": "image/jpeg", "buffer": samples.photo(width + at, 480)}
        for at in range(count)
    ]


def open_form(page: Page) -> None:
    """The form that adds photos to the first unit of the list."""
    page.goto("/units/")
    key = page.locator("input[data-tick]").first.get_attribute("value")
    page.goto(f"/units/{key}/photos/add")


def look(page: Page) -> tuple[float, float, float]:
    """How the picture lies in the viewer when it has come to rest: zoom, turn in degrees, move to the side."""
    style = page.locator("[data-viewer-picture]").evaluate("picture => picture.style.transform")
    found = re.fullmatch(r"translate\((.+)px, .+px\) rotate\((.+)deg\) scale\((.+)\)", style)
    assert found, style
    side, turn, zoom = (float(part) for part in found.groups())
    return zoom, turn, side


def is_shown(page: Page, source: Locator) -> None:
    """The viewer shows the photo of this link, loaded."""
    picture = page.locator("[data-viewer-picture]")
    expect(picture).to_have_js_property("src", source.evaluate("link => link.href"))
    expect(page.locator("#viewer")).not_to_have_class(re.compile("is-loading"))
    assert picture.evaluate("picture => picture.naturalWidth") > 0


def test_photos_are_chosen_added_and_looked_at(browse: Browse, troubles: Troubles) -> None:
    troubles.expect("/photos/portal/")  # the demo's photos on the portal exist nowhere
    page = browse(1440, "admin")
    open_form(page)
    chosen = page.locator("[data-photo-chosen] li")
    page.set_input_files("[data-photo-input]", photos(2))
    expect(chosen).to_have_count(2)
    page.set_input_files("[data-photo-input]", photos(1, 2400))  # more of them, after the first
    expect(chosen).to_have_count(3)
    chosen.nth(0).get_by_role("button", name="Remove this photo").click()
    expect(chosen).to_have_count(2)
    page.fill("#title", "Green front door")
    page.get_by_role("button", name="Add", exact=True).click()
    page.wait_for_url(re.compile(r"/units/[^/]+$"))
    expect(page.get_by_text("2 photos added.")).to_be_visible()

    mine = page.locator("[data-photo][data-caption='Green front door']")
    expect(mine).to_have_count(2)
    mine.nth(0).focus()
    page.keyboard.press("Enter")
    viewer = page.locator("#viewer")
    expect(viewer).to_be_visible()
    is_shown(page, mine.nth(0))
    assert look(page) == (1, 0, 0)
    page.keyboard.press("+")
    page.get_by_role("button", name="Larger").click()
    assert look(page)[0] == pytest.approx(2.25)
    side = look(page)[2]
    page.keyboard.press("ArrowRight")  # zoomed, the arrows move the picture and do not leave it
    assert look(page)[2] != side
    is_shown(page, mine.nth(0))
    page.keyboard.press("0")
    page.keyboard.press("r")
    assert look(page)[1:] == (90, 0)
    page.get_by_role("button", name="Turn left").click()
    assert look(page)[1] == 0

    page.keyboard.press("ArrowRight")
    is_shown(page, mine.nth(1))
    assert look(page) == (1, 0, 0)
    sizes = page.locator("[data-viewer-picture]").evaluate("picture => [picture.naturalWidth, picture.naturalHeight]")
    assert max(sizes) == 1600  # made smaller before it was sent
    expect(page.locator("[data-viewer-caption]")).to_contain_text("Green front door")
    page.keyboard.press("ArrowLeft")
    is_shown(page, mine.nth(0))
    page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    expect(mine.nth(0)).to_be_focused()


def test_more_photos_than_are_taken_are_told_of(browse: Browse) -> None:
    page = browse(390, "admin")
    open_form(page)
    page.set_input_files("[data-photo-input]", photos(22, 40))
    expect(page.locator("[data-photo-chosen] li")).to_have_count(20)
    status = page.locator("[data-photo-status]")
    expect(status).to_contain_text("At most 20 photos at once.")
    page.get_by_role("button", name="Remove this photo").first.click()
    expect(status).to_have_text(re.compile(r"^\W*\d+ KB\W*$"))


def test_photos_of_a_form_that_is_refused_have_to_be_chosen_again(browse: Browse, troubles: Troubles) -> None:
    troubles.expect("status of 422")
    page = browse(390, "admin")
    page.goto("/tickets/new")
    page.select_option("[name=category]", index=1)
    page.fill("[name=title]", "Photo and no unit")
    page.fill("[name=description]", "Seen today")
    page.fill("[name=survey_id]", "999999999")
    page.set_input_files("[data-photo-input]", photos(1))
    expect(page.locator("[data-photo-chosen] li")).to_have_count(1)
    page.get_by_role("button", name="Make the ticket").click()
    told = page.get_by_text("The photos were not kept. Take or choose them again.")
    expect(told).to_have_count(1)
    page.set_input_files("[data-photo-input]", photos(1))
    expect(told).to_have_count(0)


def test_what_is_no_photo_is_told_at_once_and_not_sent(browse: Browse) -> None:
    page = browse(390, "admin")
    page.set_viewport_size({"width": 320, "height": 700})
    open_form(page)
    field = page.locator("[data-photo-field]")
    assert field.get_attribute("data-most") == str(15 * 1024 * 1024)
    field.evaluate("field => { field.dataset.most = 300000; }")  # so that a small file is too large
    good = photos(1)[0]
    bad: list[FilePayload] = [
        {"name": "bill.jpg", "mimeType": "image/jpeg", "buffer": b"%PDF-1.7 nothing to see"},
        {"name": "empty.jpg", "mimeType": "image/jpeg", "buffer": b""},
        {"name": "huge.png", "mimeType": "image/png", "buffer": b"\x89PNG" + b"\0" * 400_000},
        {"name": "torn.jpg", "mimeType": "image/jpeg", "buffer": good["buffer"][:200]},
    ]
    page.set_input_files("[data-photo-input]", [*bad, good])
    tiles = page.locator("[data-photo-chosen] li")
    expect(tiles).to_have_count(5)
    reasons = ("No JPEG, PNG or WebP picture", "The file is empty", "Larger than", "It cannot be shown")
    for tile, file, reason in zip((tiles.nth(at) for at in range(4)), bad, reasons, strict=True):
        expect(tile).to_contain_text(file["name"])
        expect(tile).to_contain_text(reason)
        expect(tile.locator("img")).to_have_count(0)
    expect(page.locator("[data-photo-status]")).to_contain_text("bill.jpg: No JPEG")
    # Only what the server may take goes along: the photo, and what has a photo's first bytes.
    sent = page.locator("[data-photo-input]").evaluate("input => Array.from(input.files).map(file => file.name)")
    assert sent == ["torn.jpg", "door 0.jpg"]
    assert page.locator("[data-photo-own]").count() == 2
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    for _n in range(4):
        tiles.nth(0).get_by_role("button", name="Remove this photo").click()
    expect(tiles.locator("img")).to_have_count(1)
