"""The Overview in Chromium: readable before any script, taken over without a jump, usable by keyboard and finger."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.support.browser import WIDTHS, Troubles, settled

pytestmark = pytest.mark.browser

PAGE = "/dash/overview/"
# Notes layout shifts, where everything stood before and after Dash took over, and when.
WATCH = """
window.shifts = 0;
new PerformanceObserver(list => list.getEntries().forEach(entry => { window.shifts += entry.value; }))
  .observe({type: 'layout-shift', buffered: true});
function places(root) {
  return [...document.querySelectorAll(root + ' :is(h1, .chip, .tile, .tile-value, .panel, .panel-title, .panel-foot)')]
    .map(e => { const b = e.getBoundingClientRect(); return [e.className, b.x, b.y, b.width, b.height].join(' '); });
}
document.addEventListener('DOMContentLoaded',
  () => requestAnimationFrame(() => { window.before = places('#first-paint'); }));
document.addEventListener('portal:dash-live', () => { window.after = places('#react-entry-point'); });
"""


def is_live(page: Page) -> None:
    """Wait until Dash has taken over."""
    page.wait_for_selector(".dash-stage.is-live")


def _rounded(line: str) -> str:
    """A line of places and sizes to a quarter of a pixel: fractions below differ with how a text was shaped."""
    return re.sub(r"-?\d+\.\d+", lambda found: f"{round(float(found[0]) * 4) / 4}", line)


@pytest.mark.parametrize("width", WIDTHS)
def test_dash_takes_over_without_a_jump(browse: Callable[..., Page], width: int) -> None:
    page = browse(width)
    page.add_init_script(WATCH)
    page.goto(PAGE)
    is_live(page)
    page.wait_for_timeout(300)
    before, after = page.evaluate("[window.before, window.after]")
    assert len(before) > 20
    assert [_rounded(line) for line in after] == [_rounded(line) for line in before]
    assert page.evaluate("window.shifts") < 0.01
    assert page.locator("#first-paint").count() == 0
    assert page.locator("[data-metric=billed]").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".js-plotly-plot .main-svg").count() >= 2


def test_figures_and_filters_work_before_any_script(browse: Callable[..., Page], troubles: Troubles) -> None:
    troubles.expect("net::ERR_FAILED")
    troubles.expect("DashRenderer")
    troubles.expect("ChunkLoadError")
    page = browse()
    page.route("**/_dash-component-suites/**", lambda route: route.abort())
    page.goto(PAGE, wait_until="domcontentloaded")
    values = page.locator("#first-paint .tile").evaluate_all(
        "tiles => tiles.map(t => [t.dataset.metric, t.dataset.value])"
    )
    assert [metric for metric, _value in values] == [
        "billed", "collected", "recovery", "outstanding", "paying_units", "delivered", "visits", "tickets",
    ]  # fmt: skip
    assert all(float(value) > 0 for metric, value in values if metric != "tickets")
    page.click("#first-paint .filter-menu >> nth=2")
    page.click("#first-paint .filter-menu >> nth=2 >> text=Domestic")
    page.wait_for_url("**use=DOMESTIC*")


def metrics(page: Page) -> dict[str, str]:
    found: Any = page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('[data-metric]')]"
        ".map(e => [e.dataset.metric, e.dataset.value]))"
    )
    return dict(found)


def test_a_click_goes_one_level_down_and_the_address_says_so(browse: Callable[..., Page]) -> None:
    page = browse()
    page.goto(PAGE)
    is_live(page)
    whole = metrics(page)
    name = page.inner_text("[data-panel=league] a[data-nav] >> nth=0")
    page.click("[data-panel=league] a[data-nav] >> nth=0")
    settled(page, f"document.querySelector('.crumbs [aria-current]').textContent === {json.dumps(name)}")
    settled(page, f"document.querySelector('[data-metric=billed]').dataset.value !== '{whole['billed']}'")
    settled(page, "!document.querySelector('.dash-stage.is-loading')")
    part = metrics(page)
    assert "area=" in page.url
    assert 0 < int(part["billed"]) < int(whole["billed"])
    assert name in page.title()
    # The address opens the same view, for the reader and for whom he sends it to.
    page.goto(page.url)
    assert metrics(page) == part
    is_live(page)
    page.go_back()
    settled(page, f"document.querySelector('[data-metric=billed]').dataset.value === '{whole['billed']}'")


def test_filters_by_keyboard(browse: Callable[..., Page]) -> None:
    page = browse()
    page.goto(PAGE)
    is_live(page)
    whole = metrics(page)
    page.focus(".filter-menu >> nth=2 >> summary")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    settled(page, "location.search.includes('use=DOMESTIC')")
    settled(page, f"document.querySelector('[data-metric=billed]').dataset.value !== '{whole['billed']}'")
    settled(page, "document.activeElement.tagName === 'SUMMARY'")
    page.focus(".filter-menu >> nth=1 >> summary")
    page.keyboard.press("Enter")
    first = page.input_value("input[name=from]")
    page.fill("input[name=to]", first)
    page.click(".range-fields button")
    settled(page, f"location.search.includes('to={first}')")
    assert "use=DOMESTIC" in page.url


def test_charts_follow_the_theme(browse: Callable[..., Page]) -> None:
    page = browse()
    page.goto(PAGE)
    is_live(page)
    colour = "document.querySelector('[data-panel=recovery] .scatterlayer .trace:last-child .js-line').style.stroke"
    light = page.evaluate(colour)
    with page.expect_response("**/preferences"):
        page.click("[data-theme-form] button")
    settled(page, f"{colour} !== '{light}'")
    dark = page.evaluate(colour)
    assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"
    # The colour is the theme's own, not a fixed one.
    token = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--primary').trim()")
    red, green, blue = (int(token[index : index + 2], 16) for index in (1, 3, 5))
    assert dark == f"rgb({red}, {green}, {blue})"
    with page.expect_response("**/preferences"):  # kept: those who come after find the theme as it was
        page.click("[data-theme-form] button")
    settled(page, f"{colour} === '{light}'")


def test_panels_unfold_their_tables_and_are_downloaded(browse: Callable[..., Page]) -> None:
    page = browse()
    page.goto(PAGE)
    is_live(page)
    for panel in ("tiles", "recovery", "league", "daily", "movers", "funnel"):
        button = page.locator(f"[data-panel={panel}] [data-view-table]")
        table = page.locator(f"[data-panel={panel}] .panel-table")
        assert not table.is_visible()
        button.focus()
        page.keyboard.press("Enter")
        assert table.is_visible()
        assert button.get_attribute("aria-expanded") == "true"
        assert table.locator("tbody tr").count() > 0
    total = page.locator("[data-panel=daily] .panel-table tbody tr td:last-child").all_inner_texts()
    assert sum(int(text.replace(",", "")) for text in total) == int(metrics(page)["collected"])
    with page.expect_download() as download:
        page.click("[data-panel=league] .panel-foot a")
    assert download.value.suggested_filename.endswith(".csv")
    with page.expect_download() as download:
        page.click("[data-panel=recovery] [data-save-image]")
    assert download.value.suggested_filename == "overview-recovery.png"


@pytest.mark.parametrize("width", WIDTHS)
def test_every_tile_compares_with_the_same_day(browse: Callable[..., Page], width: int) -> None:
    """The demo has six months: every tile has its change, its line and both figures, which the table repeats."""
    page = browse(width)
    page.goto(PAGE)
    is_live(page)
    tiles = page.locator(".dash-tiles .tile")
    assert tiles.count() == 8
    page.click("[data-panel=tiles] [data-view-table]")
    rows = page.locator("[data-panel=tiles] tbody tr")
    assert rows.count() == 7
    for index in range(7):
        change = tiles.nth(index).locator(".tile-change")
        assert change.locator("strong").inner_text().strip()[-1] in "%t", change.inner_text()
        assert tiles.nth(index).locator(".spark[aria-label]").is_visible()
        detail = tiles.nth(index).locator(".tile-link").get_attribute("title") or ""
        now, then = (rows.nth(index).locator("td").nth(cell).inner_text() for cell in (1, 2))
        if not now.endswith("%"):  # shares are shown to different places
            assert f"{now} (" in detail
            assert f" against {then} (" in detail
            is_more = int(now.replace(",", "")) > int(then.replace(",", ""))
            is_owed = tiles.nth(index).get_attribute("data-metric") == "outstanding"
            assert ("up" in (change.get_attribute("class") or "").split()) == (is_more != is_owed)
    assert page.locator("[data-panel=tiles] .panel-asof").inner_text().startswith("As of")


def test_exact_figures_show_on_hover(browse: Callable[..., Page]) -> None:
    page = browse()
    page.goto(PAGE)
    is_live(page)
    box = page.locator("[data-panel=recovery] .js-plotly-plot").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 90, box["y"] + 150)
    page.mouse.move(box["x"] + 100, box["y"] + 150)
    page.wait_for_selector("[data-panel=recovery] .hoverlayer .legend")
    hover = page.locator("[data-panel=recovery] .hoverlayer").text_content() or ""
    assert "Rs" in hover
    assert "%" in hover


def test_an_ended_session_leads_to_the_login_page(browse: Callable[..., Page], troubles: Troubles) -> None:
    troubles.expect("401")
    page = browse()
    page.goto(PAGE)
    is_live(page)
    page.context.clear_cookies()
    page.click(".filter-menu >> nth=2")
    page.click(".filter-menu >> nth=2 >> text=Domestic")
    page.wait_for_url("**/login?*")
    assert "next=" in page.url


def test_an_area_of_others_says_so(browse: Callable[..., Page], troubles: Troubles) -> None:
    troubles.expect("404")
    page = browse(user="supervisor")
    page.goto(PAGE)
    is_live(page)
    page.evaluate("history.pushState({}, '', '?area=1'); dispatchEvent(new CustomEvent('_dashprivate_pushstate'))")
    page.wait_for_selector(".error-page")
    assert page.locator("[data-metric]").count() == 0
