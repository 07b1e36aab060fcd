"""In Chromium: what was typed is there after the session has ended; the warnings before its end; the second factor."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import psycopg2
import pyotp
import pytest
from playwright.sync_api import Error, Page, expect

from tests.support.browser import PASSWORD, Live, Troubles, draft_is_kept, has_no_sideways_scroll
from tests.support.servers import Databases

pytestmark = pytest.mark.browser
Browse = Callable[..., Page]
FORM = "/staff/new"
Sql = Callable[[str], None]


@pytest.fixture
def sql(databases: Databases, live: Live) -> Sql:
    def run(statement: str) -> None:
        with contextlib.closing(psycopg2.connect(databases.cluster.dsn(live.database))) as connection, connection:
            connection.cursor().execute(statement)

    return run


@pytest.fixture(autouse=True)
def _as_before(sql: Sql) -> Iterator[None]:
    yield
    sql("UPDATE staff SET totp_secret = NULL, totp_confirmed_at = NULL, totp_last_step = 0")
    sql("UPDATE staff_sessions SET ended_at = now()")


def fill(page: Page) -> None:
    page.goto(FORM)
    page.fill("[name=full_name]", "Bilal <Ahmed> بلال")
    with draft_is_kept(page):
        page.fill("[name=mobile]", "0300-1234567")
    assert page.evaluate("Object.keys(sessionStorage).filter(name => name.startsWith('draft:')).length") == 1


def sign_in(page: Page, username: str) -> None:
    page.fill("main input[name=username]", username)
    page.fill("main input[name=password]", PASSWORD)
    with page.expect_navigation(url=lambda url: "/login" not in url):
        page.press("main input[name=password]", "Enter")


def is_there(page: Page) -> None:
    assert page.url.endswith(FORM)
    expect(page.locator("[name=full_name]")).to_have_value("Bilal <Ahmed> بلال")
    expect(page.locator("[name=mobile]")).to_have_value("0300-1234567")
    expect(page.locator(".draft-notice")).to_contain_text("What you had typed is here again")


def test_a_form_sent_after_the_end_is_there_after_signing_in(browse: Browse, sql: Sql) -> None:
    page = browse(1440, "head")
    fill(page)
    sql("UPDATE staff_sessions SET ended_at = now()")
    page.fill("[name=email]", "typed.last@example.org")
    page.press("[name=email]", "Enter")  # at once: nothing waits for a timer
    page.wait_for_url("**/login?**")
    sign_in(page, "head")
    is_there(page)
    expect(page.locator("[name=email]")).to_have_value("typed.last@example.org")
    page.reload()
    is_there(page)
    page.click(".draft-notice button")
    expect(page.locator("[name=full_name]")).to_have_value("")
    page.reload()
    expect(page.locator("[name=full_name]")).to_have_value("")
    expect(page.locator(".draft-notice")).to_have_count(0)


def test_a_form_left_open_until_the_end_is_there_after_signing_in(browse: Browse, sql: Sql, troubles: Troubles) -> None:
    troubles.expect("401")
    page = browse(390, "head")
    page.clock.install()
    page.goto(FORM)
    page.fill("[name=full_name]", "Bilal <Ahmed> بلال")
    page.fill("[name=mobile]", "0300-1234567")
    page.clock.run_for(1000)
    sql("UPDATE staff_sessions SET last_seen_at = now() - interval '31 minutes'")
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.clock.fast_forward("28:10")
    page.wait_for_url("**/login?**")
    assert asked == []  # nobody is asked whether he wants to leave: there is nothing to stay for
    sign_in(page, "head")
    is_there(page)
    assert has_no_sideways_scroll(page)


def test_without_a_network_nothing_is_sent_and_nothing_lost(browse: Browse, troubles: Troubles) -> None:
    troubles.expect("ERR_")
    page = browse(390, "head")
    fill(page)
    page.context.set_offline(True)
    page.locator("[name=full_name]").evaluate("field => field.form.requestSubmit()")
    expect(page.locator("p[data-offline]")).to_contain_text("There is no network")
    expect(page.locator("[name=full_name]")).to_have_value("Bilal <Ahmed> بلال")
    page.context.set_offline(False)
    # The browser believes in a network that is none: its page of errors comes, and the form is there afterwards.
    page.route("**/staff/new", lambda route: route.abort() if route.request.method == "POST" else route.continue_())
    with pytest.raises(Error, match="ERR_FAILED"), page.expect_navigation():
        page.locator("[name=full_name]").evaluate("field => field.form.requestSubmit()")
    page.wait_for_url("chrome-error://**")
    page.goto("/staff/")
    page.goto(FORM)
    is_there(page)


def test_areas_chosen_deep_in_the_tree_are_there_too(browse: Browse, sql: Sql) -> None:
    page = browse(390, "head")
    page.goto(FORM)
    for _level in range(2):
        opener = page.locator(".picker-open").first
        name = str(opener.get_attribute("aria-label"))
        opener.click()
        expect(page.locator(".picker-path [aria-current]")).to_have_text(name.removeprefix("Open "))
    chosen = page.locator(".picker-chosen input:checked")
    with draft_is_kept(page):
        page.locator(".picker-row input[type=checkbox]").first.click()
        expect(chosen).to_have_count(1)
    area = str(chosen.get_attribute("value"))
    sql("UPDATE staff_sessions SET ended_at = now()")
    page.goto(FORM)
    page.wait_for_url("**/login?**")
    sign_in(page, "head")
    expect(page.locator(".draft-notice")).to_contain_text("What you had typed is here again")
    expect(chosen).to_have_count(1)
    expect(chosen).to_have_value(area)
    page.click(".draft-notice button")
    expect(page.locator(".picker-none")).to_have_count(1)
    expect(chosen).to_have_count(0)
    page.reload()
    expect(page.locator(".draft-notice")).to_have_count(0)


def test_what_is_kept_is_the_persons_own(browse: Browse, sql: Sql) -> None:
    page = browse(1440, "head")
    fill(page)
    kept = page.evaluate("JSON.stringify(sessionStorage)")
    assert "Bilal" not in kept
    assert "1234567" not in kept
    sql("UPDATE staff_sessions SET ended_at = now()")
    page.goto(FORM)
    page.wait_for_url("**/login?**")
    sign_in(page, "manager")  # somebody else at the same machine
    page.goto(FORM)
    expect(page.locator("[name=full_name]")).to_have_value("")
    expect(page.locator(".draft-notice")).to_have_count(0)
    sql("UPDATE staff_sessions SET ended_at = now()")
    page.goto(FORM)
    sign_in(page, "head")
    is_there(page)


def test_who_signs_out_leaves_nothing_behind(browse: Browse) -> None:
    page = browse(1440, "head")
    fill(page)
    page.on("dialog", lambda dialog: dialog.accept())  # changes that are not saved
    page.click("summary.avatar")
    page.click(".menu-panel form button")
    page.wait_for_url("**/login**")
    assert page.evaluate("Object.keys(sessionStorage).filter(name => name.startsWith('draft'))") == []


def test_a_form_that_was_taken_leaves_no_draft(browse: Browse) -> None:
    page = browse(1440, "head")
    page.goto("/me")
    with draft_is_kept(page):
        page.check("input[name=theme][value=dark]")
    page.click("main form:has(input[name=theme]) button[type=submit]")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator(".draft-notice")).to_have_count(0)
    assert page.evaluate("Object.keys(sessionStorage).filter(name => name.startsWith('draft'))") == []
    page.check("input[name=theme][value=system]")
    page.click("main form:has(input[name=theme]) button[type=submit]")
    expect(page.locator("html")).to_have_attribute("data-theme", "system")


def test_the_end_of_the_whole_session_is_told(browse: Browse, sql: Sql, troubles: Troubles) -> None:
    troubles.expect("401")
    page = browse(390, "head")
    sql("UPDATE staff_sessions SET created_at = now() - interval '11 hours 56 minutes' WHERE ended_at IS NULL")
    page.goto(FORM)
    dialog = page.locator("#idle-dialog")
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text("Your session ends soon")
    expect(dialog).to_contain_text("everybody signs in anew")
    assert has_no_sideways_scroll(page)
    page.click("[data-whole-later]")
    expect(dialog).to_be_hidden()
    page.fill("[name=full_name]", "Bilal <Ahmed> بلال")
    with draft_is_kept(page):
        page.fill("[name=mobile]", "0300-1234567")
    sql("UPDATE staff_sessions SET created_at = now() - interval '11 hours 59 minutes 20 seconds'"
        " WHERE ended_at IS NULL")  # fmt: skip
    page.reload()
    expect(dialog).to_be_visible()
    page.on("dialog", lambda asked: asked.accept())
    page.click("#idle-dialog form button[type=submit]")
    page.wait_for_url("**/login?**")
    sign_in(page, "head")
    is_there(page)


def test_the_second_factor_from_the_first_scan_to_a_recovery_code(
    browse: Browse, troubles: Troubles, width: int
) -> None:
    troubles.expect("401")
    page = browse(width, "admin")
    page.goto("/me/second-factor")
    expect(page.locator(".qr svg")).to_be_visible()
    assert has_no_sideways_scroll(page)
    page.click(".steps summary")
    secret = (page.locator("code.secret").text_content() or "").replace(" ", "")
    page.fill("[name=code]", pyotp.TOTP(secret).now())
    page.press("[name=code]", "Enter")
    expect(page.locator(".recovery-codes li")).to_have_count(10)
    assert has_no_sideways_scroll(page)
    code = page.locator(".recovery-codes code").first.text_content() or ""
    other = browse(width, None)
    other.goto("/login?next=/me")
    sign_in(other, "admin")
    expect(other.locator("h1")).to_have_text("Your second factor")
    assert has_no_sideways_scroll(other)
    other.fill("[name=code]", "123")
    other.press("[name=code]", "Enter")
    expect(other.locator(".notice.is-error")).to_contain_text("wrong")
    other.fill("[name=code]", code)
    other.press("[name=code]", "Enter")
    other.wait_for_url("**/me")
    expect(other.locator(".sessions li")).to_have_count(2)
