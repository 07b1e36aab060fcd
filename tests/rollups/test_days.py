"""How things stood on a day: figures worked out by hand, whatever the order in which the files came."""

from __future__ import annotations

import datetime as dt
import itertools
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.permissions import AreaScope
from portal.rollups.selects import Where, by_days
from portal.rollups.service import fold
from tests.imports.portal_files import area_row, biller_row, paid_row, survey_row
from tests.support.importing import assert_verified, bring, write

OCTOBER, NOVEMBER = dt.date(2025, 10, 1), dt.date(2025, 11, 1)
EVERYWHERE = Where(AreaScope.everywhere())


def bill(account: int, bill_id: int, day: str, payable: int, clock: str = "10:00 AM") -> list[str]:
    """A row of the biller list; fees are 200."""
    return biller_row(
        account, last_bill_id=str(bill_id), last_bill_date_time=f"{day}/2025 {clock}", total_payable=str(payable)
    )


def paid(account: int, month: str, day: str, paid_amount: int, asked: int) -> list[Any]:
    return paid_row(
        account, month=f"{month} 2025", paid_date=f"{day}, 2025", paid_amount=str(paid_amount), amount=str(asked)
    )


def outstanding(session: Session) -> dict[str, int]:
    """Day: what was owed from then on."""
    rows = session.execute(
        text(
            "SELECT day, sum(outstanding) AS change FROM rollup_days GROUP BY 1 HAVING sum(outstanding) <> 0 ORDER BY 1"
        )
    ).all()
    return dict(
        zip((f"{row.day:%d %b}" for row in rows), itertools.accumulate(int(row.change) for row in rows), strict=True)
    )


def by_day(session: Session, month: dt.date) -> dict[str, tuple[int, int]]:
    """Day: (fees of bills issued, units that became paying ones)."""
    rows = session.execute(by_days(EVERYWHERE, [month], dt.date(2026, 1, 1))).all()
    assert all(row.outstanding == 0 and row.month == month for row in rows)
    return {f"{row.day:%d %b}": (row.monthly_fee, row.paid_units) for row in rows}


@pytest.fixture
def session(db_session: Session) -> Session:
    """A session whose months have their partitions."""
    months = "SELECT ensure_bill_partition(m::date) FROM generate_series(date '2025-10-01', '2026-01-01', '1 month') m"
    db_session.execute(text(months))
    return db_session


FILES: list[tuple[str, list[list[Any]], dict[str, str]]] = [
    ("survey", [survey_row(1), survey_row(2)], {"as_of": "2025-10-02"}),
    ("biller", [bill(1, 101, "18/10", 200), bill(2, 102, "20/10", 200)], {"as_of": "2025-10-25", "month": "2025-10"}),
    (
        "biller",
        # Issued in the evening in Karachi: in UTC it is still the day before at the start of the 17th.
        [bill(1, 201, "17/11", 420, "01:30 AM"), bill(2, 202, "19/11", 200), bill(3, 203, "19/11", 500, "11:30 PM")],
        {"as_of": "2025-11-24", "month": "2025-11"},
    ),
    (
        "paid",
        [
            paid(2, "Oct", "Oct 30", 200, 200),
            paid(1, "Oct", "Nov 20", 200, 200),  # when the bill of November had long carried it over
            paid(2, "Nov", "Nov 22", 100, 200),
            paid(3, "Nov", "Nov 25", 500, 500),
        ],
        {"as_of": "2025-11-26"},
    ),
]


@pytest.mark.parametrize("order", [*list(itertools.permutations(range(4)))[::5], (3, 2, 1, 0)])
def test_each_day_is_what_bills_and_payments_say(session: Session, tmp_path: Path, order: tuple[int, ...]) -> None:
    bring(session, write(tmp_path, "areas", [area_row(1)]))
    for number in order:
        form, rows, options = FILES[number]
        bring(session, write(tmp_path, form, rows, f"{number}.csv"), **options)  # type: ignore[arg-type]
    for is_folded in (False, True):
        if is_folded:
            assert fold(session) > 0
        assert outstanding(session) == {
            "18 Oct": 200, "20 Oct": 400, "30 Oct": 200, "17 Nov": 420, "19 Nov": 1120, "22 Nov": 1020, "25 Nov": 520
        }  # fmt: skip
        assert by_day(session, OCTOBER) == {
            "18 Oct": (200, 0),
            "20 Oct": (200, 0),
            "30 Oct": (0, 1),
            "20 Nov": (0, 1),
        }
        # A part of the amount makes no paying unit, and an account without a unit none either.
        assert by_day(session, NOVEMBER) == {"17 Nov": (200, 0), "19 Nov": (400, 0)}
        after = session.execute(by_days(EVERYWHERE, [], dt.date(2025, 11, 19))).all()
        assert [(row.month, row.day, row.outstanding) for row in after] == [
            (None, dt.date(2025, 11, 22), -100), (None, dt.date(2025, 11, 25), -500)
        ]  # fmt: skip
        assert_verified(session.connection())


def test_a_bill_that_comes_late_stands_between_the_others(session: Session, tmp_path: Path) -> None:
    def bring_bill(number: int, day: str, payable: int, month: str, as_of: str) -> None:
        rows = [bill(1, number, day, payable)]
        bring(session, write(tmp_path, "biller", rows, f"{number}.csv"), month=month, as_of=as_of)
        assert_verified(session.connection())

    bring(session, write(tmp_path, "areas", [area_row(1)]))
    bring_bill(101, "18/10", 200, "2025-10", "2025-10-25")
    bring_bill(301, "16/12", 700, "2025-12", "2025-12-18")
    assert outstanding(session) == {"18 Oct": 200, "16 Dec": 700}
    bring_bill(201, "17/11", 400, "2025-11", "2025-11-20")
    assert outstanding(session) == {"18 Oct": 200, "17 Nov": 400, "16 Dec": 700}
    # Another bill of October replaces the first: that one was never asked for.
    bring_bill(102, "28/10", 250, "2025-10", "2025-10-30")
    assert outstanding(session) == {"28 Oct": 250, "17 Nov": 400, "16 Dec": 700}
    # And one that replaces the latest.
    bring_bill(302, "18/12", 650, "2025-12", "2025-12-19")
    assert outstanding(session) == {"28 Oct": 250, "17 Nov": 400, "18 Dec": 650}


def test_what_is_paid_in_parts_counts_from_the_last_part_and_never_below_nothing(
    session: Session, tmp_path: Path
) -> None:
    bring(session, write(tmp_path, "areas", [area_row(1)]))
    bring(session, write(tmp_path, "survey", [survey_row(1)]))
    bring(session, write(tmp_path, "biller", [bill(1, 201, "17/11", 420)]), month="2025-11")
    parts = [paid(1, "Nov", "Nov 20", 300, 420)]
    bring(session, write(tmp_path, "paid", parts))
    assert outstanding(session) == {"17 Nov": 420, "20 Nov": 120}
    bring(session, write(tmp_path, "paid", [*parts, paid(1, "Nov", "Nov 28", 200, 420)]))
    assert outstanding(session) == {"17 Nov": 420, "28 Nov": 0}
    assert by_day(session, NOVEMBER) == {"17 Nov": (200, 0), "28 Nov": (0, 1)}
    assert_verified(session.connection())


def test_a_moved_bill_takes_its_days_along(session: Session, tmp_path: Path) -> None:
    bring(session, write(tmp_path, "areas", [area_row(1)]))
    rows = [bill(1, 201, "17/11", 420)]
    bring(session, write(tmp_path, "biller", rows), month="2025-11", as_of="2025-11-20")
    bring(session, write(tmp_path, "biller", rows), month="2025-10", as_of="2025-11-18")
    assert by_day(session, NOVEMBER) == {}
    assert by_day(session, OCTOBER) == {"17 Nov": (200, 0)}
    assert outstanding(session) == {"17 Nov": 420}
    assert_verified(session.connection())
