"""In Chromium: the picker of areas on a phone, the invitation, and copying it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser
Browse = Callable[..., Page]


def test_a_person_is_made_and_invited_with_one_thumb(browse: Browse) -> None:
    page = browse(390, "head")
    page.goto("/staff/new")
    page.fill("#full_name", "Sana Malik")
    page.fill("#username", "sana.phone")
    opener = page.locator(".picker-open").first
    box = opener.bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) >= 44
    name = opener.get_attribute("aria-label")
    assert name
    opener.click()
    expect(page.locator(".picker-path [aria-current]")).to_have_text(name.removeprefix("Open "))
    page.locator(".picker-row input[type=checkbox]").first.click()
    expect(page.locator(".picker-chosen input:checked")).to_have_count(1)
    assert page.input_value("#full_name") == "Sana Malik"
    page.fill("#picker-words", "zzz nothing")
    page.press("#picker-words", "Enter")
    expect(page.locator(".picker-tree")).to_contain_text("zzz nothing")
    expect(page.locator(".picker-chosen input:checked")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.click("text=Create and invite")
    expect(page.locator("#url-1")).to_contain_text("/welcome/")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("text=Copy the link")
    expect(page.locator("[data-copy=url-1]")).to_have_text(re.compile("Copied"))
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#url-1").text_content()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.click("text=Done")
    expect(page.locator("h1")).to_have_text("Sana Malik")


@pytest.mark.parametrize("width", [390, 1440])
def test_no_page_of_staff_is_wider_than_the_screen(browse: Browse, width: int) -> None:
    page = browse(width, "head")
    page.goto("/staff/")
    person = page.locator("a.row-link").first.get_attribute("href")
    for path in ("/staff/", "/staff/bulk/", "/staff/roles", person, f"{person}/edit", f"{person}/areas"):
        page.goto(str(path))
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
