"""Small builders for the set-based SQL of the importers. Names are ours, never a user's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import CursorResult, text
from sqlalchemy.orm import Session

from portal.permissions import AreaScope


def run(session: Session, sql: str, **parameters: Any) -> CursorResult[Any]:
    """Execute SQL of ours with bound parameters."""
    result = session.execute(text(sql), parameters)
    assert isinstance(result, CursorResult)
    return result


def quoted(names: Sequence[str], prefix: str = "") -> str:
    """`a."x", a."y"` for a prefix `a.`."""
    return ", ".join(f'{prefix}"{name}"' for name in names)


def differs(left: Mapping[str, str]) -> str:
    """Whether any of {old expression: new expression} differ, NULLs counting as values."""
    return f"(({', '.join(left)}) IS DISTINCT FROM ({', '.join(left.values())}))"


def changes(pairs: Mapping[str, tuple[str, str]]) -> str:
    """A jsonb {name: [old, new]} of those of {name: (old, new)} that differ.

    Put together as text: building an object of all pairs and stripping it takes three times as long.
    """
    parts = [
        f"CASE WHEN {old} IS DISTINCT FROM {new} THEN '\"{name}\"\\:' || jsonb_build_array({old}, {new})::text END"
        for name, (old, new) in pairs.items()
    ]
    return f"('{{' || concat_ws(',', {', '.join(parts)}) || '}}')::jsonb" if parts else "'{}'::jsonb"


def begin_scope(session: Session, scope: AreaScope) -> str:
    """Make `scope_locations` for this import; returns the SQL test that {column} lies inside.

    The test has one `{column}` to fill. For the whole province it is simply true.
    """
    if scope.is_everywhere:
        return "true"
    run(session, "CREATE TEMP TABLE scope_locations (location_id int PRIMARY KEY) ON COMMIT DROP")
    run(
        session,
        "INSERT INTO scope_locations SELECT DISTINCT location_id FROM location_closure WHERE ancestor_id = ANY(:ids)",
        ids=list(scope.location_ids),
    )
    return "({column} IN (SELECT location_id FROM scope_locations))"


def make_work(
    session: Session,
    compared: str,
    outcomes: Mapping[str, str],
    *,
    pending: str = "false",
    joined_on: str = "",
    **parameters: Any,
) -> None:
    """Make `work`: the rows of the SELECT `compared` with their `outcome` and `pending`, decided in one pass.

    `outcomes` is {outcome: condition over the columns of `compared`}; the first that holds counts, else UNCHANGED.
    `joined_on` names the columns of which statistics are worth their time; all when left out.
    """
    cases = " ".join(f"WHEN {condition} THEN '{outcome}'" for outcome, condition in outcomes.items())
    run(
        session,
        f"""
        CREATE TEMP TABLE work ON COMMIT DROP AS
        SELECT *, {pending} AS pending, CASE {cases} ELSE 'UNCHANGED' END AS outcome
        FROM ({compared} OFFSET 0) compared""",  # OFFSET: each row is compared once, not again in the CASE
        **parameters,
    )
    run(session, "CREATE UNIQUE INDEX ON work (line_no)")
    run(session, f"ANALYZE work ({joined_on})" if joined_on else "ANALYZE work")


def note(session: Session, code: str, select: str, severity: str = "NOTE", **parameters: Any) -> None:
    """Add findings from a SELECT of (line_no, column, value)."""
    run(
        session,
        "INSERT INTO stage_findings (line_no, severity, code, column_name, value)"
        f" SELECT f.line_no, '{severity}', '{code}', f.column_name, coalesce(f.value, '')"
        f" FROM ({select}) AS f (line_no, column_name, value)",
        **parameters,
    )
