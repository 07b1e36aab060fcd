"""Select statements over accounts and bills, shared by reports, search and record pages. No session here."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, func, select, union

from portal.billing.models import Account
from portal.units.models import SurveyUnit
from portal.units.searchtext import fold

_LONGEST_PSID = 20


def psid_begins(column: Any, digits: str) -> ColumnElement[bool]:
    """PSIDs that begin with these digits, as a range that any index on the column answers."""
    return and_(column >= digits, column <= digits.ljust(_LONGEST_PSID, "9"))


def prefix_query(text: str) -> Any | None:
    """The full text query for words that begin like these; None when the text has no word."""
    words = ["".join(char for char in word if char.isalnum()) for word in fold(text).split()]
    terms = " & ".join(f"'{word}':*" for word in words if word)
    return func.to_tsquery("simple", terms) if terms else None


def accounts_matching(text: str) -> Select[Any] | None:
    """Ids of the accounts that a typed text names: PSID (or its beginning), survey id, mobile, CNIC, or words of
    name and address. None when the text can name nothing. Each branch has its index."""
    digits = text.replace("-", "").replace(" ", "")
    if digits.isascii() and digits.isdigit():
        units = select(SurveyUnit.id).where(SurveyUnit.survey_id == digits)
        branches = [
            select(Account.id).where(psid_begins(Account.psid, digits)) if len(digits) <= _LONGEST_PSID else None,
            select(Account.id).where(Account.unit_id.in_(units)),
            select(Account.id).where(Account.survey_id == digits, Account.unit_id.is_(None)),
            select(Account.id).where(Account.mobile == digits) if len(digits) == 11 else None,
            select(Account.id).where(Account.cnic == digits) if len(digits) == 13 else None,
        ]
        found = union(*(branch for branch in branches if branch is not None)).subquery("matching")
        return select(found.c.id)
    query = prefix_query(text)
    return None if query is None else select(Account.id).where(Account.search.op("@@")(query))


def among(column: Any, ids: Select[Any] | None, name: str = "matching") -> ColumnElement[bool]:
    """The condition that the column is one of the ids of a select; None: no row.

    The ids are collected first. As a plain `IN (SELECT ...)` under an ORDER BY with LIMIT, the planner likes to walk
    the whole table in order and look up the text of every row (seconds instead of milliseconds).
    """
    if ids is None:
        return false()
    found = ids.cte(name).prefix_with("MATERIALIZED")
    result: ColumnElement[bool] = column.in_(select(found.c[0]))
    return result


def account_matches(account_id: Any, text: str) -> ColumnElement[bool]:
    """The condition that a row's account is one of those a typed text names."""
    return among(account_id, accounts_matching(text))


def units_matching(text: str) -> Select[Any] | None:
    """Ids of the units that a typed text names: survey id, mobile, CNIC, PSID of an account, or words of name and
    address. None when the text can name nothing."""
    digits = text.replace("-", "").replace(" ", "")
    if digits.isascii() and digits.isdigit():
        branches = [
            select(SurveyUnit.id).where(SurveyUnit.survey_id == digits),
            select(SurveyUnit.id).where(SurveyUnit.mobile == digits) if len(digits) == 11 else None,
            select(SurveyUnit.id).where(SurveyUnit.cnic == digits) if len(digits) == 13 else None,
            select(Account.unit_id).where(Account.psid == digits) if len(digits) >= 11 else None,
        ]
        found = union(*(branch for branch in branches if branch is not None)).subquery("matching_units")
        return select(found.c[0])
    query = prefix_query(text)
    return None if query is None else select(SurveyUnit.id).where(SurveyUnit.search.op("@@")(query))


def unit_matches(unit_id: Any, text: str) -> ColumnElement[bool]:
    """The condition that a row's unit is one of those a typed text names."""
    return among(unit_id, units_matching(text))
