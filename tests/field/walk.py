# ruff: noqa: E501
"""A walk through every page of a person on a phone: widths 320 to 430, nothing wider than the window, everything large
enough for a thumb.

The pages are found by following links: one of each kind, so that a page that is added is walked, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from playwright.sync_api import Page

from tests.support.browser import has_no_sideways_scroll, prefer, screenshot

Browse = Callable[..., Page]

PHONES = (320, 360, 390, 430)
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


def walk(browse: Browse, user: str, language: str) -> None:
    """Fails with what is wrong on any page; leaves the person's language as it was."""
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
