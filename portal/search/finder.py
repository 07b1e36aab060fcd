"""Finding units and accounts by identifier or by words, always inside the reader's area.

Words are looked for in two bounded steps, because no single plan is good for both a common and a rare word:

1. a window: the first rows of the area, in index order. A word that is common there fills the answer at once.
2. the full-text index, intersected with the area's own index by bitmaps. A word that is rare there is rare enough.

Asked in one query, the planner expects a word to be spread evenly and walks the whole register when all its places lie
in another tehsil: 200 ms at 300 thousand units (2 s at 3 million) against 30 ms (and 2 ms for what is common).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, cast, func, literal, literal_column, select, text, true, union_all
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.types import Integer

from portal.billing.models import Account
from portal.locations.models import LocationClosure
from portal.permissions import AreaScope
from portal.search.question import Question
from portal.units.models import SurveyUnit

WINDOW = 3_000
Register = type[SurveyUnit] | type[Account]


def inside(session: Session, scope: AreaScope, area: int | None = None) -> list[int] | None:
    """The locations of an area within the scope; None when that is everything, and no condition is needed."""
    if scope.is_everywhere and area is None:
        return None
    query = select(LocationClosure.location_id).where(scope.clause(LocationClosure.location_id)).distinct()
    if area is not None:
        query = query.where(LocationClosure.ancestor_id == area)
    return list(session.scalars(query))


def in_locations(column: Any, locations: Sequence[int] | None) -> Any:
    """The condition that a row lies in these locations; as a literal array, so that the planner can count them."""
    return true() if locations is None else column == func.any(_array(locations))


def _array(locations: Sequence[int]) -> Any:
    return cast(list(locations), ARRAY(Integer))


def by_words(
    session: Session,
    tsquery: str,
    locations: Sequence[int] | None,
    limit: int,
    *,
    registers: Sequence[Register] = (SurveyUnit, Account),
    window: int = WINDOW,
) -> dict[Register, list[int]]:
    """Ids of at most `limit` rows of each register whose name and address hold every word, in no particular order."""
    found: dict[Register, list[int]] = {register: [] for register in registers}
    if locations is not None and not locations:
        return found
    query = func.to_tsquery(literal_column("'simple'::regconfig"), tsquery)
    _run(
        session, {register: in_window(register, query, locations, window).limit(limit) for register in registers}, found
    )
    rare = [register for register in registers if len(found[register]) < limit]
    if rare:
        session.execute(text("SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off"))  # bitmaps only
        _run(session, {register: in_index(register, query, locations).limit(limit) for register in rare}, found)
        session.execute(text("SET LOCAL enable_seqscan = on; SET LOCAL enable_indexscan = on"))
    return found


def _run(session: Session, statements: dict[Register, Select[int]], found: dict[Register, list[int]]) -> None:
    """Run one statement for each register as one, and put the ids where they belong."""
    names = {register.__tablename__: register for register in statements}
    for register in statements:
        found[register] = []
    parts = [
        select(literal(register.__tablename__).label("register"), part.subquery())
        for register, part in statements.items()
    ]
    for name, row_id in session.execute(union_all(*parts)):
        found[names[name]].append(row_id)


def in_window(register: Register, query: Any, locations: Sequence[int] | None, window: int) -> Select[int]:
    """Ids of the matches among the first `window` rows of the area."""
    first = select(register.id, register.search).limit(window)
    if locations is None:
        rows = first.order_by(register.id).subquery()
    else:
        place = func.unnest(_array(locations)).table_valued("id", name="place").render_derived()
        each = first.where(register.location_id == place.c.id).order_by(register.id).lateral()
        rows = select(each.c.id, each.c.search).select_from(place).join(each, true()).limit(window).subquery()
    return select(rows.c.id).where(rows.c.search.op("@@")(query))


def in_index(register: Register, query: Any, locations: Sequence[int] | None) -> Select[int]:
    """Ids of the matches in the area by the full-text index."""
    return select(register.id).where(register.search.op("@@")(query), in_locations(register.location_id, locations))


def by_identifier(
    session: Session | Connection, question: Question, scope: AreaScope, limit: int
) -> list[tuple[Register, int, str]]:
    """(register, id, matched) of rows with exactly this survey id, PSID, mobile or CNIC; `matched` names which.

    One statement of index look-ups. A surveyor's phone number stands on thousands of units: `limit` bounds each.
    """
    asked: list[tuple[Register, str, str | None]] = [
        (Account, "psid", question.psid),
        (SurveyUnit, "survey_id", question.survey_id),
        *((register, "mobile", question.mobile) for register in (SurveyUnit, Account)),
        *((register, "cnic", question.cnic) for register in (SurveyUnit, Account)),
    ]
    parts = [
        select(literal(register.__tablename__).label("register"), register.id, literal(name).label("matched"))
        .where(getattr(register, name) == value, scope.clause(register.location_id))
        .limit(limit)
        .subquery()
        for register, name, value in asked
        if value is not None
    ]
    if question.survey_id is not None:  # an account that waits for this survey; the others are found by their unit
        parts.append(
            select(literal(Account.__tablename__).label("register"), Account.id, literal("survey_id").label("matched"))
            .where(
                Account.survey_id == question.survey_id, Account.unit_id.is_(None), scope.clause(Account.location_id)
            )
            .limit(limit)
            .subquery()
        )
    if not parts:
        return []
    tables: dict[str, Register] = {SurveyUnit.__tablename__: SurveyUnit, Account.__tablename__: Account}
    rows = session.execute(union_all(*(select(part) for part in parts)))
    return [(tables[name], row_id, matched) for name, row_id, matched in rows]
