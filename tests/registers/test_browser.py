"""Edits in a real browser: ticking units, a draft that is there again, and a warning before typed things are lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.support.browser import draft_is_kept, has_no_sideways_scroll

pytestmark = pytest.mark.browser
Browse = Callable[..., Page]


def first_unit(page: Page) -> str:
    page.goto("/units/")
    key = page.locator("input[data-tick]").first.get_attribute("value")
    assert key
    return key


def test_units_are_ticked_and_counted(browse: Browse) -> None:
    page = browse(1440, "admin")
    page.goto("/units/")
    page.locator("input[data-tick]").nth(0).check()
    page.locator("input[data-tick]").nth(2).check()
    assert page.locator("[data-tick-count]").inner_text() == "2"
    page.locator("[data-tick-all]").check()
    assert page.locator("[data-tick-count]").inner_text() == str(page.locator("input[data-tick]").count())
    page.locator("[data-tick-all]").uncheck()
    page.locator("input[data-tick]").nth(1).check()
    page.get_by_role("button", name="Move chosen units").click()
    page.wait_for_url("**/units/moves/*")
    assert "1 unit is chosen" in page.locator("main").inner_text()


def test_what_was_typed_is_there_again(browse: Browse) -> None:
    page = browse(1440, "admin")
    key = first_unit(page)
    page.goto(f"/units/{key}/edit")
    with draft_is_kept(page):
        page.fill("#address", "Typed and not saved")
    warned: list[str] = []
    page.on("dialog", lambda dialog: (warned.append(dialog.type), dialog.accept()))
    page.goto("/units/")
    assert warned == ["beforeunload"]
    page.goto(f"/units/{key}/edit")
    page.wait_for_selector(".draft-notice")
    assert page.input_value("#address") == "Typed and not saved"


def test_a_text_without_blanks_stays_on_the_page(browse: Browse, width: int) -> None:
    page = browse(width, "admin")
    key = first_unit(page)
    page.goto(f"/units/{key}/edit")
    page.fill("#consumer_name", str(width) + "n" * 150)
    page.fill("#reason", reason := str(width) + "w" * 400)
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(f"**/units/{key}")
    assert page.get_by_text(reason).count() == 2  # in what happened, and in the changes by people
    assert has_no_sideways_scroll(page)


def test_the_pages_fit(browse: Browse, width: int) -> None:
    page = browse(width, "admin")
    key = first_unit(page)
    for path in ("/units/", f"/units/{key}", f"/units/{key}/edit", f"/units/{key}/move", f"/units/{key}/close",
                 "/units/new", "/locations/", "/lookups/"):  # fmt: skip
        page.goto(path)
        assert has_no_sideways_scroll(page), (width, path)
