"""Select statements over payments (shared by reports, search and record pages) and moved bills. No session here."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, select, union

from portal.billing.selects import accounts_matching, among, psid_begins
from portal.locations.models import Location
from portal.payments.models import BillMove, Payment
from portal.permissions import AreaScope
from portal.staff.models import Staff


def payment_matches(text: str) -> ColumnElement[bool]:
    """The condition that a payment is of an account that a typed text names, or (also while it is unmatched) of a
    PSID that begins like it."""
    accounts = accounts_matching(text)
    if accounts is None:
        return among(Payment.id, None)
    of_accounts = select(Payment.id).where(among(Payment.account_id, accounts))
    digits = text.replace(" ", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 20):
        return among(Payment.account_id, accounts)
    # Not joined by OR, which no index answers.
    both = union(of_accounts, select(Payment.id).where(psid_begins(Payment.psid, digits))).subquery("both")
    return among(Payment.id, select(both.c.id), "matching_payments")


def moves_seen(scope: AreaScope) -> Select[*tuple[Any, ...]]:
    """(BillMove, name of the tehsil, user name, full name) of the moves in tehsils that lie wholly in the area."""
    return (
        select(BillMove, Location.name.label("tehsil"), Staff.username, Staff.full_name)
        .join(Location, Location.id == BillMove.tehsil_id)
        .outerjoin(Staff, Staff.id == BillMove.staff_id)
        .where(scope.clause(BillMove.tehsil_id))
    )
