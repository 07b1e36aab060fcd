"""Record pages of a unit and an account, over HTTP, as each role and from outside the area."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal.billing.cycles import month_label
from portal.permissions import Role
from tests.records import register as r
from tests.support import people
from tests.support.queries import recorded_queries

Browser = Callable[..., FlaskClient]


@pytest.fixture(scope="module")
def data(module_app: Flask) -> r.Register:
    return r.build(module_app)


@pytest.fixture(scope="module")
def browser(module_app: Flask, data: r.Register) -> Browser:
    """`browser(role, area) -> client`, signed in; area is a short name of the small tree, None is everything."""
    known = people.known_browsers(module_app)
    return lambda role=Role.ADMIN, area="khushab": known(role, data.places[area] if area else None)


def page(client: FlaskClient, path: str, status: int = 200) -> str:
    """The text of a page; every run of blanks is one."""
    answer = client.get(path)
    assert answer.status_code == status, answer.get_data(as_text=True)[:2000]
    return re.sub(r"\s+", " ", answer.get_data(as_text=True))


def rows(html: str, caption: str) -> list[str]:
    """The body rows of the table with this caption, as text."""
    table = html.split(f">{caption}</caption>", 1)[1].split("</table>", 1)[0].split("<tbody>", 1)[1]
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row)).strip() for row in table.split("<tr")[1:]]


def test_unit_shows_its_facts(browser: Browser, data: r.Register) -> None:
    html = page(browser(), f"/units/{r.UNIT}")
    assert "<h1><bdi>Muhammad Akram</bdi></h1>" in html
    for fact in (
        "House 12, Ward-20/Block No 1",
        r.MOBILE,
        r.CNIC,
        "akram@example.org",
        "Domestic · 0–5 marla",
        "Urban",
    ):
        assert fact in html, fact
    assert "https://www.google.com/maps?q=32.2695,72.8979" in html
    assert "geo:32.2695,72.8979" in html
    # The path begins with the reader's own area.
    crumbs = html.split('class="crumbs"', 1)[1].split("</nav>", 1)[0]
    assert re.findall(r"<bdi>([^<]+)</bdi>", crumbs) == ["Units", "Khushab", "Khushab", "MC-9 Clocktower", r.UNIT]
    assert f'href="/units/?area={data.places["mc-9"]}"' in crumbs


def test_photos_are_links_and_only_web_addresses(browser: Browser) -> None:
    """A browser loads photos from us alone; an address of the file becomes a link, and only one of the web does."""
    html = page(browser(), f"/units/{r.UNIT}")
    main = html.split('<main id="main"', 1)[1]
    assert '<a href="https://portal.example.org/photo/1.jpg" target="_blank" rel="noopener noreferrer">' in main
    ours = f"/photos/portal/{r.UNIT}/1"
    assert re.findall(r'<img\b[^>]* src="([^"]*)"', main) == [f"{ours}?size=thumb"]
    assert re.findall(r'<a class="gallery-item" href="([^"]*)"', main) == [ours]
    assert f"/photos/portal/{r.UNIT}/2" not in html
    # What is no address of the web stands there as text, and in no attribute whatever.
    assert '<span class="muted">javascript:alert(1)</span>' in main
    assert not re.search(r"<[^>]*javascript:", html, re.IGNORECASE)


def test_unit_with_two_psids_links_both(browser: Browser) -> None:
    html = page(browser(), f"/units/{r.UNIT}")
    assert "This unit has 2 PSIDs." in html
    warning = html.split("This unit has 2 PSIDs.", 1)[1].split("</div>", 1)[0]
    assert f'href="/accounts/{r.PSID}"' in warning
    assert f'href="/accounts/{r.TWIN}"' in warning


def test_bills_by_month_with_the_superseded_one_struck(browser: Browser) -> None:
    html = page(browser(), f"/accounts/{r.PSID}")
    bills = rows(html, "Bills by month")
    assert len(bills) == 3, bills  # the one of 30 months ago comes with "all"
    assert month_label(r.MONTH) in bills[0]
    assert "1,050" in bills[0]
    assert "Unpaid" in bills[0]
    assert "901" in bills[0]
    assert "Superseded" in bills[1]
    assert "replaced by 901" in bills[1]
    assert "<s>500</s>" in html
    assert "Paid" in bills[2]
    assert "never added up" in html
    assert "1,550" not in html, "bills of several months must not be added up"


def test_the_day_below_an_amount_keeps_its_order_in_urdu(browser: Browser) -> None:
    """Figures run from left to right; a date below one is Urdu, and would begin with its year."""
    cells = re.findall(r'<td class="num"[^>]*>(.*?)</td>', page(browser(), f"/accounts/{r.PSID}"))
    days = [cell for cell in cells if re.search(r"[A-Z][a-z]{2} 20[0-9]{2}", cell)]
    assert days
    assert all(re.search(r"<bdi>[^<]*20[0-9]{2}</bdi>", cell) for cell in days), days


def test_all_bills_on_request(browser: Browser) -> None:
    html = page(browser(), f"/accounts/{r.PSID}")
    assert f'href="/accounts/{r.PSID}?all=1"' in html
    everything = page(browser(), f"/accounts/{r.PSID}?all=1")
    assert month_label(r.LONG_AGO) in rows(everything, "Bills by month")[-1]
    assert "Show all bills" not in everything


def test_payments_say_the_portals_month_and_ours(browser: Browser) -> None:
    paid = rows(page(browser(), f"/accounts/{r.PSID}"), "Payments")
    assert len(paid) == 3
    same = next(row for row in paid if "500" in row)
    assert "other month" not in same
    moved = next(row for row in paid if "120" in row)
    assert f"Bill of {month_label(r.BEFORE)}" in moved
    assert "other month" in moved
    unallocated = next(row for row in paid if "77" in row)
    assert "No bill: stays on the account" in unallocated
    assert "Easypaisa" in unallocated


def test_balance(browser: Browser) -> None:
    html = page(browser(), f"/accounts/{r.PSID}")
    assert f'Rs 1,050</div><div class="tile-sub">on the bill of {month_label(r.MONTH)}' in html
    assert "3 payments ever" in html


def test_pending_account_explains_itself(browser: Browser) -> None:
    html = page(browser(), f"/accounts/{r.PENDING_PSID}")
    assert "Pending sync." in html
    assert "survey id 7777777, which is not in the survey register yet" in html
    assert "matches itself" in html


def test_timeline_joins_bills_payments_files_and_people(browser: Browser, data: r.Register) -> None:
    html = page(browser(), f"/accounts/{r.PSID}")
    timeline = html.split('<ol class="timeline">', 1)[1].split("</ol>", 1)[0]
    titles = [re.sub(r"<[^>]+>|\s+", " ", t).strip() for t in re.findall(r'timeline-title">(.*?)</div>', timeline)]
    assert any(title.startswith(f"Bill of {month_label(r.MONTH)} issued") for title in titles)
    assert any("500 paid" in title for title in titles)
    assert "Import: 02_Biller_Khushab_Nov2025.csv" in titles
    assert "account.correct" in titles
    assert "mobile: 03007654321 → 03001234567" in timeline
    assert "monthly fee: 300 → 500" in timeline
    assert "moved to another place" in timeline
    assert f'href="/imports/{data.batch}"' in timeline
    days = re.findall(r'<time datetime="(\d{4}-\d\d-\d\d)', timeline)
    assert days == sorted(days, reverse=True)


def test_surveyed_only_unit_says_so(browser: Browser) -> None:
    html = page(browser(), f"/units/{r.SURVEYED_ONLY}")
    assert "Surveyed only" in html
    assert "gets no bill" in html


@pytest.mark.parametrize("role", list(Role))
def test_personal_numbers_by_role(browser: Browser, role: Role) -> None:
    may_see = role is not Role.AGENT
    for path in (f"/units/{r.UNIT}", f"/accounts/{r.PSID}"):
        html = page(browser(role), path)
        for number in (r.MOBILE, r.CNIC, "03007654321", "1111111111111"):
            if number in ("03007654321", "1111111111111") and path.startswith("/units"):
                continue  # stand in the history only
            assert (number in html) is may_see, f"{role} {path} {number}"
        assert ("•••••••4567" in html) is not may_see
        assert ("akram@example.org" in html) is (may_see and path.startswith("/units"))
    junk = page(browser(role), f"/units/{r.SURVEYED_ONLY}")
    assert ("not-given 12345" in junk) is may_see


@pytest.mark.parametrize("role", list(Role))
def test_records_of_another_area_do_not_exist(browser: Browser, role: Role) -> None:
    client = browser(role)
    page(client, f"/units/{r.UNIT}")
    page(client, f"/units/{r.FOREIGN_UNIT}", status=404)
    page(client, f"/accounts/{r.FOREIGN_PSID}", status=404)
    outside = browser(role, "bhakkar/bhakkar")
    page(outside, f"/units/{r.UNIT}", status=404)
    page(outside, f"/accounts/{r.PSID}", status=404)
    page(outside, f"/units/{r.FOREIGN_UNIT}")


@pytest.mark.parametrize(
    "path", ["/units/0", "/units/x' OR 1=1 --", "/accounts/1", "/accounts/%00", "/units/9" + "9" * 200]
)
def test_what_is_not_there_is_404(browser: Browser, path: str) -> None:
    page(browser(), path, status=404)


def test_nobody_gets_in_anonymously(module_app: Flask, data: r.Register) -> None:
    answer = module_app.test_client().get(f"/units/{r.UNIT}")
    assert answer.status_code == 303
    assert "/login" in answer.headers["Location"]


@pytest.mark.parametrize("path", [f"/units/{r.UNIT}", f"/accounts/{r.PSID}", f"/accounts/{r.PENDING_PSID}"])
def test_at_most_twelve_queries(module_app: Flask, browser: Browser, path: str) -> None:
    client = browser()
    client.get(path)
    with recorded_queries(module_app) as statements:
        page(client, path)
    assert len(statements) <= 12, "\n".join(statements)
