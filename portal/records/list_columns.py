"""The columns that each list can show. Everybody chooses his own; the choice is kept with the person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal.errors import NotFoundError
from portal.staff.models import Staff

# {list: {column: label}} in the order of the screen. The first two of a list (what it is, whose) always stand there.
COLUMNS: dict[str, dict[str, Any]] = {
    "units": {
        "place": _l("Area"),
        "size": _l("Use and size"),
        "account": _l("Account"),
        "bill": _l("Bill of the month"),
        "outstanding": _l("Outstanding, Rs"),
        "surveyed": _l("Surveyed"),
        "surveyor": _l("Surveyor"),
        "house": _l("House type"),
        "water": _l("Water connection"),
    },
    "accounts": {
        "place": _l("Area"),
        "size": _l("Use and size"),
        "survey_id": _l("Survey id"),
        "bill": _l("Bill of the month"),
        "fee": _l("Fee, Rs"),
        "outstanding": _l("Outstanding, Rs"),
        "demand": _l("Demand, Rs"),
        "credit": _l("Credit, Rs"),
        "unpaid": _l("Bills unpaid"),
        "latest": _l("Latest bill"),
    },
}
FIRST_CHOICE: dict[str, frozenset[str]] = {
    "units": frozenset({"place", "size", "account", "bill", "outstanding", "surveyed"}),
    "accounts": frozenset({"place", "size", "survey_id", "bill", "fee", "outstanding"}),
}


def chosen(session: Session, staff_id: int, name: str) -> frozenset[str]:
    """The columns that a person sees in a list besides the fixed ones."""
    saved: Mapping[str, Any] = session.scalar(select(Staff.list_columns).where(Staff.id == staff_id)) or {}
    columns = saved.get(name)
    if not isinstance(columns, list):
        return FIRST_CHOICE[name]
    return frozenset(columns) & COLUMNS[name].keys()


def choose(session: Session, staff_id: int, name: str, columns: Sequence[str] | None) -> None:
    """Keep a person's choice for a list; None: the list's own again. Unknown columns are left out.

    Raises NotFoundError for a list that does not exist.
    """
    if name not in COLUMNS:
        raise NotFoundError(_l("There is no such list."))
    saved = dict(session.scalar(select(Staff.list_columns).where(Staff.id == staff_id).with_for_update()) or {})
    saved.pop(name, None)
    if columns is not None:
        saved[name] = [column for column in COLUMNS[name] if column in columns]
    session.execute(
        update(Staff)
        .where(Staff.id == staff_id)
        .values(list_columns=saved, updated_at=Staff.updated_at)
        .execution_options(synchronize_session=False)
    )
