"""Bell and centre in a browser: up to date by itself, said aloud, one thumb; and the feed that goes on by itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import Live, has_no_sideways_scroll, screenshot
from tests.support.servers import Databases

pytestmark = pytest.mark.browser


@pytest.fixture
def tell(live: Live, databases: Databases) -> Callable[[str, str], None]:
    """`tell(username, key)`: one more notification, from another process."""

    def insert(username: str, key: str) -> None:
        databases.execute(
            "INSERT INTO notifications (staff_id, type, kind, message, event_key, url)"
            f" SELECT id, 'ticket.assigned', 'info', jsonb_build_object('en', 'Told: {key}', 'ur', '{key}'),"
            f" 'browser:{key}' || clock_timestamp(), '/me' FROM staff WHERE username = '{username}'",
            live.database,
        )

    return insert


@pytest.mark.parametrize("at", [1440, 390])
def test_bell_and_centre(
    browse: Callable[..., Page], live: Live, databases: Databases, tell: Callable[[str, str], None], at: int
) -> None:
    page = browse(at, "supervisor")
    # The portal's own worker tells of tickets that are late, whenever it looks: all of them have been told here.
    databases.execute("UPDATE tickets SET escalation = 2", live.database)
    databases.execute("DELETE FROM notifications", live.database)
    page.goto("/dash/overview/")
    bell, count = page.locator("[data-bell]"), page.locator("[data-bell-count]")
    expect(count).to_be_hidden()
    box = bell.bounding_box()
    assert box
    assert min(box["width"], box["height"]) >= (48 if at == 390 else 36)
    # What comes while the page is open shows by itself, and is said aloud.
    tell("supervisor", "first")
    page.evaluate("portal.askBell()")
    expect(count).to_have_text("1")
    expect(page.locator("[data-bell-said]")).to_have_text("Unread notifications: 1")
    assert bell.get_attribute("aria-label") == "Unread notifications: 1"
    tell("supervisor", "second")
    bell.click()
    page.wait_for_url("**/notifications/")
    expect(page.locator(".told-one.is-unread")).to_have_count(2)
    assert has_no_sideways_scroll(page)
    screenshot(page, f"notifications-{at}")
    # The line leads to its thing, and is read then.
    page.get_by_text("Told: first").click()
    page.wait_for_url("**/me")
    expect(page.locator("[data-bell-count]")).to_have_text("1")
    page.goto("/notifications/")
    for name in ("Mark as read", "Mark as unread"):
        buttons = page.get_by_role("button", name=name, exact=True)
        expect(buttons).to_have_count(1)
        box = buttons.bounding_box()
        assert box
        assert min(box["width"], box["height"]) >= (48 if at == 390 else 36)
    page.get_by_role("button", name="Delete what is read").click()
    expect(page.locator(".told-one")).to_have_count(1)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".told-one")).to_have_count(2)
    page.get_by_role("button", name="Mark all as read").click()
    expect(page.get_by_text("Nothing is unread")).to_be_visible()
    expect(page.locator("[data-bell-count]")).to_be_hidden()
    page.locator(".told-one").filter(has_text="Told: second").get_by_role("button", name="Delete").click()
    expect(page.locator(".told-one")).to_have_count(1)
    page.goto("/me/notifications")
    assert has_no_sideways_scroll(page)
    page.get_by_label("A ticket was assigned to you").last.select_option("DAILY")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_label("A ticket was assigned to you").last).to_have_value("DAILY")


@pytest.mark.parametrize(("at", "kind"), [(1440, "unit"), (390, "account")])
def test_the_feed_goes_on_by_itself(
    browse: Callable[..., Page], live: Live, databases: Databases, at: int, kind: str
) -> None:
    databases.execute(
        "INSERT INTO audit_log (at, actor, action, entity, entity_id)"
        f" SELECT now() - n * interval '1 minute', 'system', 'place.create', '{kind}', 'feed-{at}-' || n"
        " FROM generate_series(1, 90) n",
        live.database,
    )
    page = browse(at, "head")
    page.goto(f"/activity/?entity={kind}")
    expect(page.locator(".feed-line").first).to_be_visible()
    page.locator("[data-more-button]").scroll_into_view_if_needed()
    expect(page.get_by_text(f"feed-{at}-45")).to_be_attached()
    page.locator("[data-more-button]").scroll_into_view_if_needed()
    expect(page.get_by_text(f"feed-{at}-90")).to_be_attached()
    days = page.locator("[data-day]").evaluate_all("all => all.map(one => one.dataset.day)")
    assert len(days) == len(set(days))
    assert has_no_sideways_scroll(page)
    screenshot(page, f"activity-{at}")
