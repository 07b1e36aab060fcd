"""Select statements over accounts and bills, shared by reports, search and record pages. No session here."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select, union

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


def account_matches(account_id: Any, text: str) -> ColumnElement[bool]:
    """The condition that a row's account is one of those a typed text names."""
    ids = accounts_matching(text)
    result: ColumnElement[bool] = false() if ids is None else account_id.in_(ids)
    return result


def account_or_psid_matches(account_id: Any, psid: Any, text: str) -> ColumnElement[bool]:
    """As above for rows that may have no account but always have a PSID (payments)."""
    digits = text.replace(" ", "")
    matches = account_matches(account_id, text)
    return or_(psid_begins(psid, digits), matches) if digits.isascii() and digits.isdigit() else matches


def units_matching(text: str) -> Select[Any]:
    """Ids of the units that a typed text names: survey id, mobile, CNIC, PSID of an account, or words of name and
    address."""
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
    return select(SurveyUnit.id).where(false() if query is None else SurveyUnit.search.op("@@")(query))
