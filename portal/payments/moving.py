"""The life of a move of bills: confirmed on a page, done by a job, looked at again. See `portal.payments.moves`.

A move is DONE in the very transaction that moves its bills: a worker killed in the middle leaves nothing behind, and
whoever finds the lost job runs it again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict

from flask_babel import lazy_gettext as _l
from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from portal.audit.service import record
from portal.errors import ConflictError, DomainError, ForbiddenError, NotFoundError
from portal.payments import moves
from portal.payments.models import MOVE_RUNNING, BillMove
from portal.payments.selects import moves_seen
from portal.permissions import AreaScope, Permission, role_allows
from portal.staff.models import Staff
from portal.web.messages import in_every_language

TASK = "bills.move"
# A job waits for imports of the command line; those of the browser stand in the same queue.
WAIT_FOR_IMPORTS = 600
SideTransaction = Callable[[], AbstractContextManager[Connection]]


def confirm(
    session: Session, wanted: moves.Move, seen: moves.Effects, *, staff_id: int, address: str
) -> tuple[int, bool]:
    """Note a confirmed move, to be done in the background: (its id, whether it is new).

    The same bills confirmed twice are moved once: the second time the move that waits or runs is given.
    """
    same = {"tehsil_id": wanted.tehsil_id, "issued_on": wanted.issued_on, "from_month": wanted.from_month}
    made = session.execute(
        insert(BillMove)
        .values(**same, to_month=wanted.to_month, promised=asdict(seen), staff_id=staff_id, address=address)
        .on_conflict_do_nothing()
        .returning(BillMove.id)
    ).scalar_one_or_none()
    if made is not None:
        return made, True
    running = select(BillMove.id, BillMove.to_month).filter_by(**same).where(BillMove.status.in_(MOVE_RUNNING))
    found = session.execute(running).first()
    if found is None or found.to_month != wanted.to_month:
        raise ConflictError(_l("These bills are being moved at this moment. Nothing else was done; look again."))
    return int(found.id), False


def find(session: Session, move_id: int, scope: AreaScope) -> BillMove:
    """A move in a tehsil that lies wholly inside the area. Raises NotFoundError."""
    row = session.execute(moves_seen(scope).where(BillMove.id == move_id)).first()
    if row is None:
        raise NotFoundError(_l("There is no such move."))
    move: BillMove = row[0]
    return move


def cancel(session: Session, move_id: int) -> BillMove:
    """Take a confirmed move back before it begins. Raises ConflictError when it is too late."""
    move = session.get(BillMove, move_id, with_for_update=True, populate_existing=True)
    if move is None or move.status != "QUEUED":
        raise ConflictError(_l("This move can no longer be cancelled."))
    move.status, move.finished_at = "CANCELLED", _now()
    return move


def run(session: Session, move_id: int, side: SideTransaction, *, today: dt.date, start_day: int) -> None:
    """Do a confirmed move. Afterwards it is DONE, or CHANGED (look again), or FAILED with the reason.

    In the area of the one who confirmed it as it is now. The caller commits. Safe to run again after a killed worker.
    """
    if not _begin(side, move_id):
        return
    move = session.get_one(BillMove, move_id, populate_existing=True)
    wanted = moves.Move(move.tehsil_id, move.issued_on, move.from_month, move.to_month)
    try:
        staff = _who_confirmed(session, move)
        done = moves.move_bills(
            session,
            wanted,
            AreaScope.of([area.location_id for area in staff.areas]),
            today=today,
            start_day=start_day,
            promise=moves.Effects(**move.promised).promise,
            progress=_reporter(move_id, side),
            wait_seconds=WAIT_FOR_IMPORTS,
        )
    except DomainError as error:
        session.rollback()
        _end(session, move_id, "CHANGED" if isinstance(error, moves.BillsChangedError) else "FAILED", error)
        return
    move = session.get_one(BillMove, move_id, with_for_update=True, populate_existing=True)
    move.status, move.result, move.phase, move.progress, move.finished_at = "DONE", asdict(done), "", 100, _now()
    record(
        session, "bills.move", "bills", wanted.issued_on.isoformat(),
        actor=staff.username, staff_id=staff.id, location_id=wanted.tehsil_id, address=move.address,
        before={"month": wanted.from_month.isoformat()},
        after={
            "move": move.id, "month": wanted.to_month.isoformat(), "issued_on": wanted.issued_on.isoformat(),
            "tehsil": moves.tehsil_path(session, wanted.tehsil_id), **asdict(done),
        },
    )  # fmt: skip
    session.flush()


def give_up(session: Session, move_id: int, reason: str) -> None:
    """Say that a move will not come: its job was lost for good."""
    sentence = _l("The move stopped and was given up. Nothing was moved. (%(reason)s)", reason=reason)
    _end(session, move_id, "FAILED", sentence)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _who_confirmed(session: Session, move: BillMove) -> Staff:
    """The person in whose name it is done. Raises ForbiddenError when he may no longer do it."""
    staff = session.get(Staff, move.staff_id) if move.staff_id else None
    if staff is None or not staff.is_active or not role_allows(staff.role, Permission.MOVE_BILLS):
        raise ForbiddenError(_l("Who confirmed this move may not move bills any more. Nothing was moved."))
    return staff


def _begin(side: SideTransaction, move_id: int) -> bool:
    """Enter MOVING, visible at once; again after a killed worker. False when it was cancelled or has ended."""
    entered = (
        update(BillMove)
        .where(BillMove.id == move_id, BillMove.status.in_(MOVE_RUNNING))
        .values(status="MOVING", phase="waiting", progress=0, started_at=func.now())
        .returning(BillMove.id)
    )
    with side() as connection:
        return connection.execute(entered).first() is not None


def _reporter(move_id: int, side: SideTransaction) -> moves.Progress:
    """A progress that is visible at once, whatever the move's own transaction is doing."""

    def report(phase: str, percent: int) -> None:
        with side() as connection:
            connection.execute(update(BillMove).where(BillMove.id == move_id).values(phase=phase, progress=percent))

    return report


def _end(session: Session, move_id: int, status: str, reason: object) -> None:
    move = session.get(BillMove, move_id, with_for_update=True, populate_existing=True)
    if move is not None and move.status in MOVE_RUNNING:
        move.status, move.problem, move.finished_at = status, in_every_language(reason), _now()
        session.flush()
