"""The shell at the three widths: sign in, see the figures, no error on any page, nothing wider than the window."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import Troubles, has_no_sideways_scroll, screenshot

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_overview_after_sign_in(browse: Callable[..., Page], width: int, dark: bool) -> None:
    page = browse(width, "manager", dark=dark)
    page.goto("/dash/overview/")
    expect(page.locator("[data-metric]").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    screenshot(page, f"overview-{width}-{'dark' if dark else 'light'}")
    assert has_no_sideways_scroll(page)


def test_wrong_password_says_so_and_stays(browse: Callable[..., Page], troubles: Troubles) -> None:
    troubles.expect("401")
    page = browse(390, None)
    page.goto("/login")
    page.fill("input[name=username]", "manager")
    page.fill("input[name=password]", "not the password")
    page.press("input[name=password]", "Enter")
    expect(page.get_by_text("User name or password is wrong")).to_be_visible()
    assert "/login" in page.url
