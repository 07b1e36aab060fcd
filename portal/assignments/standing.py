"""How a unit stands with its bills now, in one word: what the field is told by colour, sign and word.

It follows the balances: an account's unpaid bills are the consecutive unpaid live ones up to the latest. Of several
accounts of a unit the worst counts; what they owe is added up (bills of several months of one account never are).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import case, cast, func, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.expression import FromClause
from sqlalchemy.types import BigInteger, Integer

from portal.billing.models import Account, AccountBalance

NO_BILL, PAID, UNPAID, ARREARS = STANDINGS = ("NO_BILL", "PAID", "UNPAID", "ARREARS")
WORDS: dict[str, Any] = {
    NO_BILL: _l("No bill"),
    PAID: _l("Paid"),
    UNPAID: _l("Unpaid"),
    ARREARS: _l("In arrears"),
}
ICONS = {NO_BILL: "dash-circle", PAID: "check-circle-fill", UNPAID: "exclamation-circle-fill", ARREARS: "clock-history"}


def in_locations(column: Any, locations: Sequence[int] | None) -> Any:
    """The condition that a row lies in these locations (None: no condition), as one array."""
    return true() if locations is None else column == func.any(cast(list(locations), ARRAY(Integer)))


def standing_of(unit_id: Any, locations: Sequence[int] | None = None) -> FromClause:
    """(outstanding, unpaid_bills, latest_month) of a unit's accounts in these locations; one row, NULLs without one."""
    return (
        select(
            cast(func.sum(AccountBalance.outstanding), BigInteger).label("outstanding"),
            func.max(AccountBalance.unpaid_bills).label("unpaid_bills"),
            func.max(AccountBalance.latest_bill_month).label("latest_month"),
        )
        .select_from(Account)
        .join(AccountBalance, AccountBalance.account_id == Account.id)
        .where(Account.unit_id == unit_id, Account.deleted_at.is_(None), in_locations(Account.location_id, locations))
        .lateral("standing")
    )


def word_of(standing: FromClause) -> Any:
    """One of STANDINGS, as a column."""
    return case(
        (standing.c.latest_month.is_(None), NO_BILL),
        (standing.c.unpaid_bills >= 2, ARREARS),
        (standing.c.unpaid_bills == 1, UNPAID),
        else_=PAID,
    )
