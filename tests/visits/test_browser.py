"""A visit with one thumb, and the review by keyboard, in Chromium."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.files import samples
from tests.support.browser import Live, Troubles, has_no_sideways_scroll, prefer, screenshot

pytestmark = pytest.mark.browser
Browse = Callable[..., Page]
SAVED = re.compile(r"/visits/\d+$")


def a_unit_with_a_bill(page: Page) -> str:
    """The first unit of the agent's own list that shows a bill."""
    page.goto("/units/?state=billed")
    text = page.locator("a.row-link").first.inner_text()
    return text.strip()


def test_a_bill_is_handed_over_in_three_touches(browse: Browse, tmp_path: Path) -> None:
    page = browse(390, "agent")
    page.context.grant_permissions(["geolocation"])
    page.context.set_geolocation({"latitude": 31.1, "longitude": 72.4, "accuracy": 8})
    survey_id = a_unit_with_a_bill(page)
    page.goto(f"/units/{survey_id}")
    page.locator(".page-actions").get_by_text("Log a visit").click()  # one
    page.wait_for_url("**/visits/new**")
    assert has_no_sideways_scroll(page)
    expect(page.locator("[data-position-text]")).to_contain_text("exact to 8 m")
    for target in page.locator(".outcome, .type-chips .chip, .thumb-actions .btn").all():
        box = target.bounding_box()
        assert box and box["height"] >= 48, box
    page.check("input[name=outcome][value=DELIVERED]")  # two
    picture = tmp_path / "door.jpg"
    picture.write_bytes(samples.photo(2400, 1800))
    page.set_input_files("input[name=photos]", picture)
    expect(page.locator("[data-photo-chosen] li")).to_have_count(1)
    screenshot(page, "visit-form-390")
    page.locator(".thumb-actions").get_by_text("Save").click()  # three
    page.wait_for_url(SAVED)
    expect(page.locator(".badge-status").first).to_have_text("Waits for review")
    expect(page.locator("[data-gallery] li")).to_have_count(1)
    assert has_no_sideways_scroll(page)


def test_the_form_says_so_without_a_position_and_saves(browse: Browse, troubles: Troubles) -> None:
    troubles.expect("422")  # what cannot be is refused, once
    page = browse(390, "agent")
    survey_id = a_unit_with_a_bill(page)
    page.goto(f"/visits/new?unit={survey_id}&type=RECOVERY")
    expect(page.locator("[data-position-text]")).to_contain_text("You can save without it")
    assert not page.locator("#promise_date").is_visible()
    page.check("input[name=outcome][value=PROMISED]")
    page.fill("#promise_date", "2099-01-01")
    page.locator(".thumb-actions").get_by_text("Save").click()
    expect(page.locator(".field-error").first).to_be_visible()  # too far ahead; what was chosen is still chosen
    assert page.locator("input[name=outcome]:checked").get_attribute("value") == "PROMISED"
    page.check("input[name=outcome][value=LOCKED]")
    page.locator(".thumb-actions").get_by_text("Save").click()
    page.wait_for_url(SAVED)
    expect(page.locator("main")).to_contain_text("No usable position")


def test_what_is_missing_is_asked_for_before_the_photos_are_sent(browse: Browse, tmp_path: Path) -> None:
    page = browse(390, "agent")
    survey_id = a_unit_with_a_bill(page)
    page.goto(f"/visits/new?unit={survey_id}&type=RECOVERY")
    picture = tmp_path / "door.jpg"
    picture.write_bytes(samples.photo(800, 600))
    page.set_input_files("input[name=photos]", picture)
    expect(page.locator("[data-photo-chosen] li")).to_have_count(1)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    page.locator(".thumb-actions").get_by_text("Save").click()
    expect(page.locator("#outcome .field-error")).to_have_text("Choose how the visit ended.")
    page.check("input[name=outcome][value=PROMISED]")
    expect(page.locator(".field-error")).to_have_count(0)
    page.locator(".thumb-actions").get_by_text("Save").click()
    expect(page.locator(".promise .field-error")).to_have_text("Enter the day on which he promised to pay.")
    assert "POST" not in sent
    expect(page.locator("[data-photo-chosen] li")).to_have_count(1)
    page.check("input[name=outcome][value=LOCKED]")
    page.locator(".thumb-actions").get_by_text("Save").click()
    page.wait_for_url(SAVED)
    expect(page.locator("[data-gallery] li")).to_have_count(1)


def test_the_answers_of_a_delivery_are_above_the_fold(browse: Browse) -> None:
    page = browse(390, "agent")
    survey_id = a_unit_with_a_bill(page)
    page.goto(f"/visits/new?unit={survey_id}&type=DELIVERY")
    assert page.locator("#bill input[type=radio]").count() > 1
    answer, save = page.locator(".outcome").first.bounding_box(), page.locator(".thumb-actions").bounding_box()
    assert answer and save
    assert answer["y"] + answer["height"] < save["y"]
    page.locator("#bill summary").click()
    page.locator("#bill details input[type=radio]").first.check()


def test_the_review_by_keyboard(browse: Browse, live: Live) -> None:
    page = browse(1440, "supervisor")
    page.goto("/review/")
    before = page.locator("[data-card]").count()
    assert before > 3
    first = page.locator("[data-card]").first.get_attribute("id")
    page.keyboard.press("j")
    expect(page.locator("[data-card]").first).to_have_class("panel review-card is-current")
    page.keyboard.press("r")
    page.locator(f"#{first} [data-reason]").first.click()
    expect(page.locator(f"#{first} textarea")).to_have_value("The photo does not show the unit.")
    screenshot(page, "visit-review")
    page.locator(f"#{first} textarea").press("Tab")
    with page.expect_navigation():  # to the same address, which only hears keys when all of it is there
        page.locator(f"#{first}").get_by_role("button", name="Return to the agent").click()
    expect(page.locator(f"#{first}")).to_have_count(0)
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("[data-ticked]")).to_have_text("(1)")
    with page.expect_navigation():
        page.keyboard.press("a")
    expect(page.locator(".notice.is-success")).to_contain_text("Approved.")


@pytest.mark.parametrize("path", ["/visits/", "/review/", "/visits/day", "/visits/agents"])
def test_pages_fit_every_width_in_both_languages(browse: Browse, path: str) -> None:
    for width in (390, 320):
        page = browse(390, "supervisor")
        page.set_viewport_size({"width": width, "height": 800})
        for language in ("ur", "en"):
            prefer(page, "language", language)
            page.goto(path)
            assert has_no_sideways_scroll(page), (path, language, width)
