"""A few edits by hand, as an office makes them, so that histories and the activity have something real to show.

Each goes through its use case. None changes a figure of the files: nobody's bill or payment is touched, who moves stays
in his tehsil, and the unit that is closed has no account.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from portal.billing.models import Account
from portal.imports.service import Actor
from portal.locations.models import UNION_COUNCIL, Location
from portal.permissions import AreaScope
from portal.registers import service, tree
from portal.registers.fields import LOCATION
from portal.registers.models import EDIT, RecordChange
from portal.staff.models import Staff
from portal.units.models import SurveyUnit


def make(session: Session, people: Mapping[str, int], wards: Sequence[int]) -> int:
    """The edits, in the given wards and beside them; `people` are staff ids by demo user name. Returns how many; 0 when
    somebody has edited already."""
    if session.scalar(select(RecordChange.id).where(RecordChange.source == EDIT).limit(1)) is not None:
        return 0
    clerk, manager = _actor(session, people, "admin"), _actor(session, people, "manager")
    return sum(
        [
            _correct_people(session, clerk, wards),
            _move_a_unit(session, clerk, wards),
            _close_a_unit(session, manager),
            _rename_a_ward(session, clerk, wards),
        ]
    )


def _actor(session: Session, people: Mapping[str, int], name: str) -> Actor:
    staff = session.get_one(Staff, people[name])
    return Actor(name, staff.id, AreaScope.of([area.location_id for area in staff.areas]))


def _with_account(wards: Sequence[int]) -> Select[*tuple[Any, ...]]:
    """(unit, account) of the wards, the newest first: the oldest are those that the field works on."""
    return (
        select(SurveyUnit, Account)
        .join(Account, Account.unit_id == SurveyUnit.id)
        .where(SurveyUnit.location_id.in_(wards), Account.location_id == SurveyUnit.location_id)
        .order_by(SurveyUnit.id.desc(), Account.id)
    )


def _correct_people(session: Session, clerk: Actor, wards: Sequence[int]) -> int:
    """A unit's name, and an account's mobile number."""
    done = 0
    for at, (unit, account) in enumerate(session.execute(_with_account(wards).limit(2)).all()):
        if at == 0:
            changes = {"consumer_name": "Zubaida Khatoon"}
            done += service.edit_unit(
                session, clerk, unit.id, None, changes, reason="Inherited the house; seen the transfer deed"
            )
        else:
            changes = {"mobile": "0300 1234567"}
            done += service.edit_account(
                session, clerk, account.id, None, changes, reason="Consumer came to the office with a new number"
            )
    return done


def _move_a_unit(session: Session, clerk: Actor, wards: Sequence[int]) -> int:
    """A unit, with its accounts, into the ward next door."""
    found = session.execute(_with_account(wards).offset(2).limit(1)).first()
    others = sorted(set(wards) - {found[0].location_id}) if found is not None else []
    if found is None or not others:
        return 0
    return int(
        service.edit_unit(
            session, clerk, found[0].id, None, {LOCATION: str(others[0])}, move_accounts=True,
            reason="The lane belongs to the neighbouring ward",
        )
    )  # fmt: skip


def _close_a_unit(session: Session, manager: Actor) -> int:
    """A unit that was surveyed twice: one that has no account."""
    unit_id = session.scalar(
        select(SurveyUnit.id)
        .where(
            manager.scope.clause(SurveyUnit.location_id),
            SurveyUnit.deleted_at.is_(None),
            ~select(Account.id).where(Account.unit_id == SurveyUnit.id).exists(),
        )
        .order_by(SurveyUnit.id)
        .limit(1)
    )
    if unit_id is None:
        return 0
    service.close_unit(session, manager, unit_id, None, "Surveyed twice: the same house has another survey id")
    return 1


def _rename_a_ward(session: Session, clerk: Actor, wards: Sequence[int]) -> int:
    """A union council that is called otherwise by now; files go on matching by both names."""
    ward = session.scalar(
        select(Location)
        .where(
            clerk.scope.clause(Location.id), Location.kind == UNION_COUNCIL, Location.id.not_in(wards),
            Location.deleted_at.is_(None),
        )
        .order_by(Location.id.desc())
        .limit(1)
    )  # fmt: skip
    if ward is None:
        return 0
    old = ward.name.strip()
    tree.edit(
        session, clerk, ward.id, None, f"{old} (Gulshan)", ward.name_ur or "", ward.uc_type or "",
        "So it is called since the new notification",
    )  # fmt: skip
    tree.add_name(session, clerk, ward.id, f"{old}, Gulshan Colony")
    return 2
