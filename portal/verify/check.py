"""What a check is."""

from __future__ import annotations

from dataclasses import dataclass

LATEST = 'issued_at DESC, length(portal_bill_id) DESC NULLS LAST, portal_bill_id COLLATE "C" DESC NULLS LAST, id DESC'


@dataclass(frozen=True)
class Check:
    """One thing verified. `sql` selects key, expected, found (all text) of each difference."""

    table: str
    what: str
    sql: str


def rollup(table: str, keys: list[str], measures: list[str], expected: str) -> Check:
    """The sums of a rollup against the same sums over the rows; `expected` gives keys and measures."""
    key_list = ", ".join(keys)
    nonzero = " OR ".join(f"{name} <> 0" for name in measures)
    sums = ", ".join(f"sum({name}) AS {name}" for name in measures)

    def shown(side: str) -> str:
        return " || ' ' || ".join(f"'{name}=' || coalesce({side}.{name}, 0)" for name in measures)

    differ = " OR ".join(f"coalesce(e.{name}, 0) <> coalesce(f.{name}, 0)" for name in measures)
    return Check(
        table,
        "sums by key",
        f"""
        WITH expected AS ({expected}), found AS (SELECT {key_list}, {sums} FROM {table} GROUP BY {key_list})
        SELECT {" || '/' || ".join(f"{name}::text" for name in keys)} AS key,
               {shown("e")} AS expected, {shown("f")} AS found
        FROM (SELECT * FROM expected WHERE {nonzero}) e
        FULL JOIN (SELECT * FROM found WHERE {nonzero}) f USING ({key_list})
        WHERE {differ}""",
    )
