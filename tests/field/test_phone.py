"""On a phone: what the first and a repeated load weigh, more cards, and the theme for the sun."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import CDPSession, Page

from tests.support.browser import prefer, screenshot

pytestmark = pytest.mark.browser
Browse = Callable[..., Page]

FIRST, REPEATED = 200_000, 30_000  # bytes as sent


def weight(page: Page, network: CDPSession, path: str) -> int:
    """Bytes that came over the line for a page and all it fetches: headers and bodies as compressed.

    From Chromium's own events, for the sizes Playwright tells are awaited without end when an answer is given up.
    """
    answers: dict[str, dict[str, Any]] = {}
    sizes: dict[str, int] = {}
    is_counting = True

    def note_answer(event: dict[str, Any]) -> None:
        if is_counting:
            answers[event["requestId"]] = event

    def note_size(event: dict[str, Any]) -> None:
        if is_counting:
            sizes[event["requestId"]] = int(event["encodedDataLength"])  # nothing for what the browser had kept

    network.on("Network.responseReceived", note_answer)
    network.on("Network.loadingFinished", note_size)
    page.goto(path, wait_until="networkidle")
    is_counting = False
    assert answers
    for request, event in answers.items():
        answer = event["response"]
        if event["type"] in {"Stylesheet", "Script", "Document"} and sizes.get(request, 0) > 2500:
            headers = {name.lower(): value for name, value in answer["headers"].items()}
            assert headers.get("content-encoding") in {"br", "gzip"}, answer["url"]
    return sum(sizes.values())


def test_what_a_load_weighs(browse: Browse) -> None:
    """The first load of a new browser, and the page again with what the browser has kept."""
    for path in ("/assigned", "/area", "/corrections/"):
        page = browse(390, "agent")
        network = page.context.new_cdp_session(page)
        network.send("Network.enable")
        network.send("Network.clearBrowserCache")
        first = weight(page, network, path)
        again = weight(page, network, path)
        print(f"{path}: first {first:,} bytes, again {again:,} bytes")
        assert 5_000 < first < FIRST, (path, first)
        assert again < REPEATED, (path, again)
        assert again < first


def test_more_cards_are_appended_and_the_place_is_kept(browse: Browse) -> None:
    page = browse(390, "agent")
    page.goto("/area?n=2")
    before = page.locator(".unit-card").count()
    page.click("[data-more] a")
    page.wait_for_selector(f".unit-card >> nth={before}")
    after = page.locator(".unit-card").count()
    assert "n=" in page.url
    page.locator(".unit-card .unit-name a").last.click()
    page.wait_for_url("**/units/*")
    page.go_back()
    page.wait_for_selector(f".unit-card >> nth={after - 1}")
    assert page.locator(".unit-card").count() == after


def test_the_sunlight_theme_is_black_on_white(browse: Browse) -> None:
    page = browse(390, "agent")
    prefer(page, "theme", "sunlight")
    page.goto("/assigned")
    style = "getComputedStyle(document.body)"
    assert page.evaluate(f"[{style}.color, {style}.backgroundColor]") == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
    screenshot(page, "phone-sunlight")
    prefer(page, "theme", "system")
