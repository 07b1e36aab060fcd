"""The settings pages in Chromium: every width, both languages, drafts, a logo under the page's policy."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.support.browser import Troubles, draft_is_kept, has_no_sideways_scroll, prefer, screenshot

pytestmark = pytest.mark.browser
Browse = Callable[..., Page]
PAGES = ("general", "billing", "access", "mail", "data", "environment", "history")


def test_the_pages_fit_every_width_in_both_languages(browse: Browse, width: int) -> None:
    page = browse(width, "head")
    for language in ("ur", "en"):
        prefer(page, "language", language)
        assert page.locator("html").get_attribute("dir") == ("rtl" if language == "ur" else "ltr")
        for name in PAGES:
            page.goto(f"/settings/{name}")
            expect(page.locator(".settings-tabs [aria-current=page]")).to_be_in_viewport()
            assert has_no_sideways_scroll(page), (name, language)
            screenshot(page, f"settings-{name}-{language}-{width}")


def test_errors_are_at_their_fields_and_a_draft_survives_a_reload(browse: Browse, troubles: Troubles) -> None:
    troubles.expect("422")
    page = browse(1440, "head")
    page.goto("/settings/access")
    page.fill("#session_hours", "many")
    page.fill("#password_min_length", "12")
    page.click("button:text-is('Save')")
    expect(page.locator("[data-errors]")).to_be_focused()
    expect(page.locator("#session_hours")).to_have_attribute("aria-invalid", "true")
    described = (page.get_attribute("#session_hours", "aria-describedby") or "").split()
    assert "Enter a whole number" in " ".join(page.inner_text(f"#{one}") for one in described)
    expect(page.locator("#session_hours")).to_have_value("many")
    expect(page.locator("#password_min_length")).to_have_value("12")
    page.click("[data-errors] a")
    expect(page.locator("#session_hours")).to_be_in_viewport()
    with draft_is_kept(page):
        page.fill("#session_hours", "11")
    page.goto("/settings/access")  # as after signing in again
    expect(page.locator("#session_hours")).to_have_value("11")
    expect(page.locator("#password_min_length")).to_have_value("12")
    # What is typed back to what holds is no change.
    page.fill("#session_hours", "12")
    page.fill("#password_min_length", "10")
    page.click("button:text-is('Save')")
    expect(page.locator(".notice.is-info")).to_contain_text("Nothing was different")


def test_a_logo_and_a_name_in_the_shell(browse: Browse) -> None:
    page = browse(390, "head")
    page.goto("/settings/general")
    out = io.BytesIO()
    Image.new("RGB", (300, 100), "#356a9f").save(out, "JPEG")
    page.set_input_files("#logo-file", {"name": "l.jpg", "mimeType": "image/jpeg", "buffer": out.getvalue()})
    page.click("button:text-is('Use this picture')")
    expect(page.locator(".notice.is-success")).to_be_visible()
    try:
        stranger = browse(1440, None)
        stranger.goto("/login")
        for logo in stranger.locator(".brand-logo").all():
            box = logo.bounding_box()
            assert box
            assert 2 < box["width"] / box["height"] < 3.5
            assert logo.evaluate("e => e.complete && e.naturalWidth") == 300
    finally:
        page.goto("/settings/general")
        page.click("button:text-is('Remove the logo')")
        expect(page.locator(".settings-logo")).to_have_count(0)
