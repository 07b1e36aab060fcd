# ruff: noqa: E501
"""Every page of an agent and a supervisor on a phone: widths 320 to 430, both languages, nothing wider than the
window, everything large enough for a thumb; and what the first and a repeated load weigh.

The pages are found by following links: one of each kind, so that a page that is added is walked, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import CDPSession, Page

from tests.support.browser import Troubles, has_no_sideways_scroll, prefer, screenshot

pytestmark = pytest.mark.browser
Browse = Callable[..., Page]

PHONES = (320, 360, 390, 430)
FIRST, REPEATED = 200_000, 30_000  # bytes as sent
MOST_PAGES = 45
# Not pages, or pages of the office's desk with a manual of their own.
NOT_WALKED = ("/logout", "/static/", "/files/", "/photos/portal/", ".csv", ".xlsx", "/audit", "tel:", "geo:")

# What can be touched and is too small. A link inside a line of text may be 44 px high; a box in a label is as large
# as its label; a link that covers its row is as large as the row.
TOO_SMALL = """() => {
  const found = [];
  const seen = (e) => { const s = getComputedStyle(e); return s.visibility !== 'hidden' && s.display !== 'none' && s.pointerEvents !== 'none' && e.getClientRects().length > 0; };
  for (const e of document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary')) {
    if (!seen(e) || e.disabled || e.closest('.visually-hidden, .skip-link, dialog:not([open]), [hidden]')) continue;
    const label = e.matches('input') && (e.closest('label') || (e.id && document.querySelector(`label[for="${e.id}"]`)));
    let box = e.getBoundingClientRect();
    if (label && e.matches('[type=checkbox], [type=radio], [type=file]')) {
      const l = label.getBoundingClientRect();
      box = { width: Math.max(l.width, box.width), height: Math.max(l.height, box.height), right: l.right, bottom: l.bottom };
    }
    const after = getComputedStyle(e, '::after');
    if (after.position === 'absolute' && after.content !== 'none') {
      let around = e;
      while (around.parentElement && getComputedStyle(around).position === 'static') around = around.parentElement;
      box = around.getBoundingClientRect();
    }
    if (box.width <= 1 || box.height <= 1 || box.right <= 0) continue;
    const inline = e.matches('a') && getComputedStyle(e).display === 'inline';
    const least = inline ? 43.5 : 47.5;
    if (box.height < least || (!inline && box.width < least)) {
      found.push(`${e.tagName.toLowerCase()}.${String(e.className.baseVal ?? e.className).trim().replace(/ +/g, '.')} ${Math.round(box.width)}x${Math.round(box.height)} "${(e.textContent || e.getAttribute('aria-label') || e.name || '').trim().slice(0, 30)}"`);
    }
  }
  return [...new Set(found)].slice(0, 12);
}"""
# What reaches out of its box, and so over its neighbour: the page need not become wider by it.
REACHES_OUT = """() => {
  const found = [];
  for (const e of document.querySelectorAll('main td, main th, main dd, main .btn, main .state, main label, main h1, main h2, main p')) {
    if (!e.getClientRects().length || e.closest('.visually-hidden, thead, .cell-tick, .cell-pick, .filter-bar, .table-scroll:not(:has(.is-cards))')) continue;
    const style = getComputedStyle(e);
    if (e.scrollWidth > e.clientWidth + 1 && style.overflowX === 'visible' && style.display !== 'inline') {
      found.push(`${e.tagName.toLowerCase()}.${e.className} ${e.clientWidth}<${e.scrollWidth} "${e.textContent.trim().slice(0, 30)}"`);
    }
  }
  return [...new Set(found)].slice(0, 8);
}"""
SMALL_TEXT = """() => {
  const main = document.querySelector('main');
  return [...main.querySelectorAll('input:not([type=hidden]):not([type=checkbox]):not([type=radio]), select, textarea')]
    .filter((e) => e.getClientRects().length && parseFloat(getComputedStyle(e).fontSize) < 16).map((e) => e.name || e.id);
}"""


def kind_of(path: str) -> str:
    """Pages of one kind: numbers and filters apart they are the same."""
    return re.sub(r"\d+", "N", urlsplit(path).path)


def links_of(page: Page) -> list[str]:
    """Where a page leads on this site."""
    here = urlsplit(page.url).netloc
    hrefs = page.evaluate("[...document.querySelectorAll('a[href]')].map((a) => a.href)")
    found = [href for href in hrefs if urlsplit(href).netloc == here and not any(part in href for part in NOT_WALKED)]
    return [urlsplit(href).path + (f"?{urlsplit(href).query}" if urlsplit(href).query else "") for href in found]


@pytest.mark.parametrize("language", ["en", "ur"])
@pytest.mark.parametrize("user", ["agent", "supervisor"])
def test_every_page_works_with_one_thumb(browse: Browse, troubles: Troubles, user: str, language: str) -> None:
    page = browse(390, user)
    prefer(page, "language", language)
    try:
        waiting, known, wrong = ["/"], {"/"}, []
        walked = 0
        while waiting and walked < MOST_PAGES:
            path = waiting.pop(0)
            page.set_viewport_size({"width": PHONES[0], "height": 640})
            answer = page.goto(path)
            assert answer is not None
            if answer.status >= 400:
                wrong.append(f"{path}: {answer.status}")
            walked += 1
            is_dashboard = "/dash/" in page.url
            if is_dashboard:
                page.wait_for_load_state("networkidle")
            if not is_dashboard:
                wrong += [f"{path}: reaches out of its box: {one}" for one in page.evaluate(REACHES_OUT)]
            for width in PHONES:
                page.set_viewport_size({"width": width, "height": 700})
                if not has_no_sideways_scroll(page):
                    wrong.append(f"{path} at {width}: wider than the window")
                if not is_dashboard:
                    wrong += [f"{path} at {width}: {one}" for one in page.evaluate(TOO_SMALL)]
            if not is_dashboard:
                wrong += [f"{path}: text below 16 px in {one}" for one in page.evaluate(SMALL_TEXT)]
            screenshot(page, f"phone-{user}-{language}-{kind_of(path).strip('/').replace('/', '-') or 'home'}")
            for link in links_of(page):
                if kind_of(link) not in known:
                    known.add(kind_of(link))
                    waiting.append(link)
        assert wrong == [], "\n".join(wrong[:60])
        assert walked >= 9
    finally:
        prefer(page, "language", "en")


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
