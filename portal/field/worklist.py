"""What to do next, in which order: pure rules over the rows of a person's work.

A unit is *promised* when somebody promised to pay by today, *return* when a visit said to come back by today; both as
long as nobody has been there since. Otherwise its bill says what it is: in arrears, unpaid, without a bill, paid.
*Done* is what was visited in this billing cycle, or is paid, and is not due again.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from portal.assignments.standing import ARREARS, NO_BILL, PAID, UNPAID
from portal.field.selects import DUE_WITHIN
from portal.web.format import local

PROMISED, RETURN, DONE = "PROMISED", "RETURN", "DONE"
ORDER = (PROMISED, RETURN, ARREARS, UNPAID, NO_BILL, DONE)
TODO = "TODO"
CHIPS = (TODO, PROMISED, RETURN, ARREARS, UNPAID, DONE)


@dataclass(frozen=True)
class Task:
    """One unit of somebody's work. `plan` is why it is where it is; `street` what it is grouped by."""

    id: int
    location_id: int
    place: str
    plan: str
    word: str
    street: str
    key: tuple[Any, ...]


def plan_of(row: Any, today: dt.date, cycle_start: dt.date) -> str:
    """One of ORDER for a row of `selects.work_of`."""
    visited = local(row.visited_at).date() if row.visited_at else None
    if visited is not None and visited > today - DUE_WITHIN:
        if row.promise_date is not None and row.promise_date <= today and row.word != PAID:
            return PROMISED
        if row.next_date is not None and row.next_date <= today:
            return RETURN
    if row.word == PAID or (visited is not None and visited >= cycle_start):
        return DONE
    return str(row.word)


def tasks(rows: Iterable[Any], today: dt.date, cycle_start: dt.date) -> list[Task]:
    """The rows as tasks, in the order to do them: by what is due, then place, street and house as people walk."""
    found = []
    for row in rows:
        plan = plan_of(row, today, cycle_start)
        street, house = street_of(row.address or "")
        key = (ORDER.index(plan), natural(row.place), natural(street), natural(house), row.id)
        found.append(Task(row.id, row.location_id, row.place, plan, row.word, street, key))
    return sorted(found, key=lambda task: task.key)


def matches(task: Task, chip: str) -> bool:
    """Whether a task belongs to a chip. Arrears and unpaid count those that are due again, too, but nothing done."""
    if chip == TODO:
        return task.plan != DONE
    if chip in (ARREARS, UNPAID):
        return task.word == chip and task.plan != DONE
    return task.plan == chip


def counts(found: Sequence[Task]) -> dict[str, int]:
    """How many tasks each chip has."""
    return {chip: sum(matches(task, chip) for task in found) for chip in CHIPS}


# "House 12, Street 4, Mohalla X" is walked as Mohalla X, Street 4, House 12; so is "مکان نمبر 12 گلی 4 محلہ".
_HOUSE = re.compile(
    r"^\s*((?:house|h\.?|shop|plot|flat|office|building|مکان|دکان|پلاٹ|فلیٹ)\s*(?:no\.?|number|#|نمبر)?\s*[-:#]?\s*"
    r"[0-9۰-۹٠-٩]+(?:\s*[-/]?\s*[a-z0-9۰-۹]{1,3}\b)?)\s*[,،/-]?\s*",
    re.IGNORECASE,
)
_STREET = re.compile(
    r"^((?:street|st\.?|gali|lane|road|گلی|سڑک)\s*(?:no\.?|#|نمبر)?\s*[0-9۰-۹٠-٩]+)\s*[,،-]?\s*(.+)$",
    re.IGNORECASE,
)


@lru_cache(maxsize=32_768)
def street_of(address: str) -> tuple[str, str]:
    """(street or mohalla, house) of an address: what neighbours share, and what tells them apart."""
    clean = " ".join(address.split())
    house = _HOUSE.match(clean)
    rest = clean[house.end() :].strip(" ,،-") if house else clean
    street = _STREET.match(rest)
    shared = f"{street[2].strip(' ,،')}, {street[1]}" if street else rest
    return shared or clean, house[1] if house else clean


@lru_cache(maxsize=65_536)
def natural(text: str) -> tuple[Any, ...]:
    """A sort key by which house 9 comes before house 10."""
    parts = re.split(r"(\d+)", text.casefold())
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part)
