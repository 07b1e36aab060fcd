"""Many units to another area at once: chosen on the list, looked at, confirmed, done by whole sets.

Up to `AT_ONCE` are moved while the person waits, more by a job. A move is DONE in the very transaction that moves its
units: a worker killed in the middle leaves nothing behind, and whoever finds the lost job runs it again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import delete, text
from sqlalchemy.orm import Session

from portal.audit.service import record
from portal.errors import ConflictError, DomainError, ForbiddenError, InvalidInputError, NotFoundError
from portal.imports.service import Actor
from portal.locations.locks import WAIT_SECONDS, lock_registers
from portal.locations.models import Location
from portal.permissions import AreaScope, Permission, role_allows
from portal.registers import derived
from portal.registers.fields import LOCATION
from portal.registers.models import UnitMove
from portal.registers.noting import clean_reason
from portal.registers.placing import location_inside, place_for
from portal.staff.models import Staff
from portal.web.messages import in_every_language

TASK = "units.move"
AT_ONCE = 500
MOST = 50_000
WAIT_FOR_IMPORTS = 600
KEPT_DRAFTS = dt.timedelta(days=2)
RUNNING = frozenset({"QUEUED"})


@dataclass(frozen=True)
class Effects:
    """What a move does, counted before it is done. `staying` lie there already, are closed, or are none of the actor's
    any more. `outstanding` is what the accounts that move owe, in whole rupees."""

    units: int
    staying: int
    accounts: int
    outstanding: int

    @property
    def promise(self) -> str:
        """Names what was shown: what is confirmed must be what was seen."""
        return "-".join(str(number) for number in asdict(self).values())


def choose(session: Session, staff_id: int, unit_ids: Sequence[int]) -> UnitMove:
    """Keep what was chosen, until it is confirmed. Raises InvalidInputError for none, or too many."""
    if not unit_ids:
        raise InvalidInputError(_("Choose at least one unit."))
    if len(unit_ids) > MOST:
        raise InvalidInputError(_("At most %(number)s units at once. Choose a smaller area first.", number=MOST))
    old = dt.datetime.now(dt.UTC) - KEPT_DRAFTS
    session.execute(
        delete(UnitMove).where(UnitMove.staff_id == staff_id, UnitMove.status == "DRAFT", UnitMove.created_at < old)
    )
    made = UnitMove(staff_id=staff_id, unit_ids=sorted(set(unit_ids)))
    session.add(made)
    session.flush()
    return made


def find(session: Session, move_id: int, staff_id: int) -> UnitMove:
    """A move of this person. Raises NotFoundError."""
    found = session.get(UnitMove, move_id)
    if found is None or found.staff_id != staff_id:
        raise NotFoundError(_("There is no such move."))
    return found


def effects(session: Session, move: UnitMove, target: Location, scope: AreaScope, with_accounts: bool) -> Effects:
    """Count what the move would do. Nothing is changed."""
    row = session.execute(
        text(
            f"""
            WITH moving AS (SELECT u.id FROM survey_units u WHERE {_moving(scope)}), with_them AS (
                SELECT a.id FROM accounts a JOIN moving m ON m.id = a.unit_id
                WHERE :with_accounts AND a.deleted_at IS NULL AND a.location_id <> :target
                  AND {_inside(scope, "a.location_id")}
            )
            SELECT (SELECT count(*) FROM moving) AS units, (SELECT count(*) FROM with_them) AS accounts,
                   (SELECT coalesce(sum(b.outstanding), 0) FROM account_balances b
                    JOIN with_them w ON w.id = b.account_id) AS outstanding"""
        ),
        _parameters(move, target, scope) | {"with_accounts": with_accounts},
    ).one()
    return Effects(row.units, len(move.unit_ids) - row.units, row.accounts, int(row.outstanding))


def areas_of(session: Session, move: UnitMove, scope: AreaScope) -> list[tuple[str, int]]:
    """(name, units) of the areas the chosen units lie in, the largest first."""
    rows = session.execute(
        text(
            "SELECT l.name, count(*) FROM survey_units u JOIN locations l ON l.id = u.location_id"
            f" WHERE u.id = ANY(:ids) AND u.deleted_at IS NULL AND {_inside(scope, 'u.location_id')}"
            " GROUP BY l.id, l.name ORDER BY 2 DESC, 1"
        ),
        {"ids": move.unit_ids, "scope": list(scope.location_ids)},
    )
    return [(row[0], row[1]) for row in rows]


def confirm(
    session: Session, actor: Actor, move_id: int, target_id: int, *, with_accounts: bool, reason: str, promise: str
) -> tuple[UnitMove, bool]:
    """Do a move, or note it to be done by a job: (the move, whether a job must be queued).

    Confirmed twice, it is done once. Raises ConflictError (`changed`: no longer what was shown).
    """
    move = session.get(UnitMove, move_id, with_for_update=True, populate_existing=True)
    if move is None or move.staff_id != actor.staff_id:
        raise NotFoundError(_("There is no such move."))
    if move.status not in {"DRAFT", "CHANGED", "FAILED"}:
        return move, False
    target = location_inside(session, target_id, actor.scope)
    seen = effects(session, move, target, actor.scope, with_accounts)
    if promise != seen.promise:
        raise ConflictError(
            _("The units have changed since you looked at the preview. Nothing was moved; look at the new figures."),
            code="changed",
        )
    if not seen.units:
        raise InvalidInputError(_("They lie there already. Nothing was moved."))
    move.to_location_id, move.with_accounts, move.reason = target.id, with_accounts, clean_reason(reason)
    move.promised, move.address, move.problem = asdict(seen), actor.address, None
    if seen.units > AT_ONCE:
        move.status = "QUEUED"
        session.flush()
        return move, True
    _do(session, actor, move, WAIT_SECONDS)
    return move, False


def run(session: Session, move_id: int) -> None:
    """Do a confirmed move in a job: then it is DONE, or CHANGED, or FAILED with the reason. The caller commits."""
    move = session.get(UnitMove, move_id, with_for_update=True, populate_existing=True)
    if move is None or move.status not in RUNNING:
        return
    try:
        _do(session, _who_confirmed(session, move), move, WAIT_FOR_IMPORTS)
    except DomainError as error:
        session.rollback()
        _end(session, move_id, "CHANGED" if error.code == "changed" else "FAILED", error)


def give_up(session: Session, move_id: int, reason: str) -> None:
    """Say that a move will not come: its job was lost for good."""
    sentence = _l("The move stopped and was given up. Nothing was moved. (%(reason)s)", reason=reason)
    _end(session, move_id, "FAILED", sentence)


def _end(session: Session, move_id: int, status: str, reason: object) -> None:
    move = session.get(UnitMove, move_id, with_for_update=True, populate_existing=True)
    if move is not None and move.status in RUNNING:
        move.status, move.problem, move.finished_at = status, in_every_language(reason), dt.datetime.now(dt.UTC)
        session.flush()


def _who_confirmed(session: Session, move: UnitMove) -> Actor:
    """The person in whose name it is done, with his area as it is now. Raises ForbiddenError."""
    staff = session.get(Staff, move.staff_id)
    if staff is None or not staff.is_active or not role_allows(staff.role, Permission.EDIT_REGISTERS):
        raise ForbiddenError(_l("Who confirmed this move may not move units any more. Nothing was moved."))
    everywhere = any(area.location.parent_id is None for area in staff.areas)
    scope = AreaScope.everywhere() if everywhere else AreaScope.of([area.location_id for area in staff.areas])
    return Actor(staff.username, staff.id, scope, move.address)


def _do(session: Session, actor: Actor, move: UnitMove, wait_seconds: int) -> None:
    assert move.to_location_id is not None and move.promised is not None
    lock_registers(session, wait_seconds)
    target = location_inside(session, move.to_location_id, actor.scope)
    done = effects(session, move, target, actor.scope, move.with_accounts)
    if done.promise != Effects(**move.promised).promise:
        sentence = _l("The units have changed since you looked at the preview. Nothing was moved.")
        raise ConflictError(sentence, code="changed")
    given = _parameters(move, target, actor.scope) | {"place": place_for(session, target).id}
    run_sql = session.execute
    for table, rows in (
        ("survey_units", f"SELECT u.id, u.location_id FROM survey_units u WHERE {_moving(actor.scope)}"),
        (
            "accounts",
            "SELECT a.id, a.location_id FROM accounts a JOIN moved_survey_units m ON m.id = a.unit_id"
            f" WHERE :with_accounts AND a.deleted_at IS NULL AND a.location_id <> :target"
            f" AND {_inside(actor.scope, 'a.location_id')}",
        ),
    ):
        given["with_accounts"] = move.with_accounts
        run_sql(text(f"DROP TABLE IF EXISTS pg_temp.moved_{table}"))
        run_sql(text(f"CREATE TEMP TABLE moved_{table} ON COMMIT DROP AS {rows} FOR UPDATE"), given)
        run_sql(
            text(
                f"UPDATE {table} r SET place_id = :place, location_id = :target, version = version + 1,"
                f" updated_at = now(), kept_by_hand = CASE WHEN '{LOCATION}' = ANY(kept_by_hand) THEN kept_by_hand"
                f" ELSE array_append(kept_by_hand, '{LOCATION}') END FROM moved_{table} m WHERE m.id = r.id"
            ),
            given,
        )
        _note_each(session, actor, move, table, target)
    units = list(session.scalars(text("SELECT id FROM moved_survey_units")))
    session.expire_all()
    derived.accounts_changed(session, list(session.scalars(text("SELECT id FROM moved_accounts"))), units=units)
    move.status, move.result, move.finished_at = "DONE", asdict(done), dt.datetime.now(dt.UTC)
    record(
        session, "units.move", "location", target.id, actor=actor.name, staff_id=actor.staff_id, address=actor.address,
        location_id=target.id, reason=move.reason,
        after={"move": move.id, "location": target.name, "units": done.units, "accounts": done.accounts},
    )  # fmt: skip
    session.flush()


def _note_each(session: Session, actor: Actor, move: UnitMove, table: str, target: Location) -> None:
    """The line in the history of each of them."""
    column = "unit_id" if table == "survey_units" else "account_id"
    session.execute(
        text(
            f"INSERT INTO record_changes ({column}, field, old, new, source, reason, staff_id, actor)"
            f" SELECT m.id, '{LOCATION}', jsonb_build_object('id', l.id, 'name', l.name),"
            " jsonb_build_object('id', cast(:target AS int), 'name', cast(:name AS text)), 'EDIT', :reason, :staff,"
            f" :actor FROM moved_{table} m JOIN locations l ON l.id = m.location_id"
        ),
        {
            "target": target.id, "name": target.name, "reason": move.reason, "staff": actor.staff_id,
            "actor": actor.name,
        },
    )  # fmt: skip


def _moving(scope: AreaScope) -> str:
    """The units `u` of a move that really move: open, elsewhere, inside the area."""
    return (
        f"u.id = ANY(:ids) AND u.deleted_at IS NULL AND u.location_id <> :target AND {_inside(scope, 'u.location_id')}"
    )


def _inside(scope: AreaScope, column: str) -> str:
    if scope.is_everywhere:
        return "true"
    return f"{column} IN (SELECT location_id FROM location_closure WHERE ancestor_id = ANY(:scope))"


def _parameters(move: UnitMove, target: Location, scope: AreaScope) -> dict[str, Any]:
    return {"ids": move.unit_ids, "target": target.id, "scope": list(scope.location_ids)}
