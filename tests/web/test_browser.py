"""The shell in Chromium: theme, language, search key, drawer, drafts, and the warning before an idle session ends."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable

import psycopg2
import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import Live, Troubles, has_no_sideways_scroll, prefer, screenshot
from tests.support.servers import Databases

pytestmark = pytest.mark.browser
Browse = Callable[..., Page]
PAGES = ("/home", "/me", "/nothing")
INSIDE = """(() => {
  const box = document.querySelector('.scope').getBoundingClientRect();
  const own = document.querySelector('.scope bdi').getBoundingClientRect();
  return own.left >= box.left - 1 && own.right <= box.right + 1;
})()"""


def test_shell_pages_fit_every_width_in_both_languages(browse: Browse, troubles: Troubles, width: int) -> None:
    troubles.expect("404")
    page = browse(width, "supervisor")
    for language in ("ur", "en"):
        prefer(page, "language", language)
        assert page.locator("html").get_attribute("dir") == ("rtl" if language == "ur" else "ltr")
        for path in PAGES:
            page.goto(path)
            assert has_no_sideways_scroll(page), (path, language)
            # What is too long for the bar is cut at its end, also where the page runs the other way.
            assert page.evaluate(INSIDE), (path, language)
            screenshot(page, f"shell-{path.strip('/')}-{language}-{width}")


def test_touch_targets_on_a_phone_are_large(browse: Browse) -> None:
    page = browse(390, "agent")
    page.goto("/home")
    for selector in (".bottom-bar a", ".topbar button", ".topbar summary", ".home-search input", ".home-search button"):
        for target in page.locator(selector).all():
            if not target.is_visible():
                continue
            box = target.bounding_box()
            assert box and box["height"] >= 40 and box["width"] >= 40, (selector, box)
    assert len(page.locator(".bottom-bar a").all()) <= 4
    assert page.evaluate("parseFloat(getComputedStyle(document.querySelector('.home-search input')).fontSize)") >= 16


def test_the_theme_is_toggled_without_reload_and_remembered(browse: Browse) -> None:
    page = browse(1440, "supervisor")
    page.goto("/home")
    page.evaluate("window.notReloaded = true")
    assert page.locator("html").get_attribute("data-bs-theme") == "light"
    with page.expect_response("**/preferences"):
        page.click("[data-theme-form] button")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    assert page.evaluate("window.notReloaded") is True
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.reload()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark == "rgb(17, 22, 19)"
    other = browse(390, "supervisor")  # another device of the same person
    other.goto("/home")
    assert other.locator("html").get_attribute("data-bs-theme") == "dark"


def test_the_system_theme_is_there_at_the_first_paint(browse: Browse) -> None:
    page = browse(1440, None, dark=True)
    page.goto("/login", wait_until="commit")
    page.wait_for_selector("h1")
    assert page.locator("html").get_attribute("data-bs-theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(17, 22, 19)"
    page.emulate_media(color_scheme="light")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")


def test_slash_goes_to_the_search_and_the_keyboard_reaches_the_content(browse: Browse) -> None:
    page = browse(1440, "manager")
    page.goto("/me")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "global-search"
    page.keyboard.type("a/b")
    assert page.input_value("#global-search") == "a/b"
    page.goto("/me")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip-link"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_the_drawer_opens_and_closes_with_the_keyboard(browse: Browse) -> None:
    page = browse(390, "manager")
    page.goto("/me")
    toggle = page.locator("[data-nav-toggle]")
    assert not page.locator(".sidebar").is_visible()
    toggle.click()
    expect(page.locator(".sidebar")).to_be_visible()
    expect(toggle).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")
    expect(page.locator(".sidebar")).to_be_hidden()
    assert page.evaluate("document.activeElement.hasAttribute('data-nav-toggle')")


def _age_sessions(databases: Databases, live: Live, minutes: float) -> None:
    with contextlib.closing(psycopg2.connect(databases.cluster.dsn(live.database))) as connection, connection:
        connection.cursor().execute(
            "UPDATE staff_sessions SET last_seen_at = now() - make_interval(secs => %s)", (minutes * 60,)
        )


def test_an_idle_session_warns_and_can_be_kept(browse: Browse, live: Live, databases: Databases) -> None:
    page = browse(1440, "supervisor")
    page.clock.install()
    page.goto("/home")
    dialog = page.locator("#idle-dialog")
    page.clock.fast_forward("20:00")
    expect(dialog).to_be_hidden()
    _age_sessions(databases, live, 28.5)
    page.clock.fast_forward("08:10")  # now 28 minutes: the page asks the server, which says 90 seconds
    expect(dialog).to_be_visible()
    page.clock.run_for(3000)
    # 1:27, less what this machine took meanwhile.
    expect(page.locator("[data-idle-left]")).to_have_text(re.compile(r"^(1:[01]\d|1:2[0-7]|0:\d\d)$"))
    page.click("[data-idle-stay]")
    expect(dialog).to_be_hidden()
    page.reload()
    assert page.url.endswith("/home")


def test_an_idle_session_that_ends_leads_to_the_login_and_back(
    browse: Browse, live: Live, databases: Databases, troubles: Troubles
) -> None:
    troubles.expect("401")
    page = browse(1440, "supervisor")
    page.clock.install()
    page.goto("/home?x=1")
    _age_sessions(databases, live, 31)
    page.clock.fast_forward("28:10")
    page.wait_for_url("**/login?**")
    assert page.locator("main input[name=next]").input_value() == "/home?x=1"
    expect(page.get_by_role("status")).to_contain_text("Your session has ended")
