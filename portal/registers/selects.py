"""Select statements over the registers as the pages of edits need them. No session here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, or_, select

from portal.billing.models import Account, AccountBalance
from portal.locations.models import Location
from portal.permissions import AreaScope
from portal.registers.models import Lookup, RecordChange
from portal.units.models import SurveyUnit

Rows = Select[*tuple[Any, ...]]
SHOWN = 60


def unit(survey_id: str, scope: AreaScope) -> Select[SurveyUnit]:
    """The unit with this survey id inside the area."""
    return select(SurveyUnit).where(SurveyUnit.survey_id == survey_id, scope.clause(SurveyUnit.location_id))


def account(psid: str, scope: AreaScope) -> Select[Account]:
    """The account with this PSID inside the area."""
    return select(Account).where(Account.psid == psid, scope.clause(Account.location_id))


def changes_of(
    *, unit_id: int | None = None, account_ids: Sequence[int] = (), location_id: int | None = None, limit: int = SHOWN
) -> Select[RecordChange]:
    """What people changed in a unit and its accounts, in accounts, or in a location; newest first."""
    about = []
    if unit_id is not None:
        about.append(RecordChange.unit_id == unit_id)
    if account_ids:
        about.append(RecordChange.account_id.in_(account_ids))
    if location_id is not None:
        about.append(RecordChange.changed_location_id == location_id)
    return select(RecordChange).where(or_(*about)).order_by(RecordChange.at.desc(), RecordChange.id).limit(limit)


def last_change(record: SurveyUnit | Account) -> Rows:
    """(who, when) of the newest edit of a record."""
    column = RecordChange.unit_id if isinstance(record, SurveyUnit) else RecordChange.account_id
    query = select(RecordChange.actor, RecordChange.at).where(column == record.id)
    return query.order_by(RecordChange.at.desc(), RecordChange.id.desc()).limit(1)


def accounts_of(unit_ids: Sequence[int], scope: AreaScope) -> Rows:
    """(id, psid, outstanding) of the open accounts of units inside the area."""
    return (
        select(Account.id, Account.psid, func.coalesce(AccountBalance.outstanding, 0).label("outstanding"))
        .outerjoin(AccountBalance, AccountBalance.account_id == Account.id)
        .where(Account.unit_id.in_(unit_ids), Account.deleted_at.is_(None), scope.clause(Account.location_id))
        .order_by(Account.id)
    )


def offered(kinds: Sequence[str]) -> Rows:
    """(kind, name, name_ur) of the words that forms offer."""
    return (
        select(Lookup.kind, Lookup.name, Lookup.name_ur)
        .where(Lookup.kind.in_(kinds), Lookup.is_active)
        .order_by(Lookup.kind, Lookup.position, Lookup.name)
    )


def lookups(kind: str) -> Select[Lookup]:
    """All words of a kind, in their order."""
    return select(Lookup).where(Lookup.kind == kind).order_by(Lookup.is_active.desc(), Lookup.position, Lookup.name)


def location_inside(location_id: int, scope: AreaScope) -> Select[Location]:
    """A location inside the area, given up or not."""
    return select(Location).where(Location.id == location_id, scope.clause(Location.id))
