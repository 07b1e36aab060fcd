"""What follows from an edit by hand, recomputed by the functions that imports use: never counted up or down here."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.payments import allocation, touched


def units_changed(session: Session, unit_ids: Sequence[int]) -> None:
    """Units whose location, use or standing is another now: what their accounts say of them is brought up to date."""
    accounts_changed(session, [], units=unit_ids)


def accounts_changed(
    session: Session, account_ids: Sequence[int], *, units: Sequence[int] = (), left: Sequence[int] = ()
) -> None:
    """Accounts that are new or changed, all accounts of `units`, and the units that an account has `left`."""
    session.flush()
    touched.begin_touching(session)
    if account_ids:
        touched.touch(session, "SELECT unnest(cast(:accounts AS bigint[]))", accounts=list(account_ids))
    if units:
        of_units = "SELECT id FROM accounts WHERE unit_id = ANY(cast(:units AS bigint[]))"
        touched.touch(session, of_units, units=list(units))
    if left:
        touched.release_units(session, "SELECT unnest(cast(:released AS bigint[]))", released=list(left))
    allocation.recompute(session)


def unit_arrived(session: Session, unit_id: int, survey_id: str) -> list[int]:
    """Match the accounts that waited for this survey. Returns their ids."""
    rows = session.execute(
        text("UPDATE accounts SET unit_id = :unit WHERE unit_id IS NULL AND survey_id = :survey RETURNING id"),
        {"unit": unit_id, "survey": survey_id},
    )
    return [row.id for row in rows]


def account_arrived(session: Session, account_id: int, psid: str) -> int:
    """Match the payments that waited for this account. Returns their number."""
    result = session.execute(
        text("UPDATE payments SET account_id = :account WHERE account_id IS NULL AND psid = :psid"),
        {"account": account_id, "psid": psid},
    )
    return int(result.rowcount)  # type: ignore[attr-defined]


def forget_units(session: Session, unit_ids: Sequence[int]) -> None:
    """Take units out of what counts units: they are closed."""
    session.flush()
    for table in ("unit_cycles", "unit_states"):
        session.execute(
            text(f"DELETE FROM {table} WHERE unit_id = ANY(cast(:units AS bigint[]))"), {"units": list(unit_ids)}
        )
