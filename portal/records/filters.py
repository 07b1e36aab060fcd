"""The filters of the two lists, read from an URL. Pure.

Anything unknown in a query string counts as absent: a link from a chat never ends in an error page.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from portal.billing.cycles import parse_month
from portal.search.question import Question, read
from portal.units.models import SIZE_BANDS, USES

SURVEYED, LISTED, BILLED, PENDING, CLOSED = "surveyed", "listed", "billed", "pending", "closed"
PAID, UNPAID = "paid", "unpaid"
UNIT_STATES = (SURVEYED, LISTED, BILLED, CLOSED)
ACCOUNT_STATES = (LISTED, BILLED, PENDING, CLOSED)
STATUSES = (PAID, UNPAID)
PLACE = "place"
UNIT_SORTS = (PLACE, "survey_id", "name", "surveyed")
ACCOUNT_SORTS = (PLACE, "psid", "name", "fee", "outstanding")


NO_QUESTION = Question("")


@dataclass(frozen=True)
class ListFilter:
    """What a list shows. `cycle` is the billing month that `state` and `status` speak of.

    Closed units stand in no list but that of the closed ones; closed accounts stand in every one, marked.
    """

    cycle: dt.date
    area: int | None = None
    use: str | None = None
    size: str | None = None
    state: str | None = None
    status: str | None = None
    question: Question = NO_QUESTION
    sort: str = PLACE
    descending: bool = False

    @property
    def narrows_rows(self) -> bool:
        """Whether rows have to be looked at one by one to know which belong."""
        return bool(self.use or self.size or self.state or self.status)

    @property
    def contradicts_itself(self) -> bool:
        """Only a unit or account that was billed can have paid."""
        return self.status is not None and self.state in {SURVEYED, LISTED}

    @property
    def is_active(self) -> bool:
        """Whether there is anything to reset."""
        return self.narrows_rows or self.area is not None or bool(self.question.text)


def _one_of(value: str | None, allowed: tuple[str, ...]) -> str | None:
    return value if value in allowed else None


def read_filter(
    args: Mapping[str, str], this_cycle: dt.date, states: tuple[str, ...], sorts: tuple[str, ...]
) -> ListFilter:
    """The filter that a query string describes; `this_cycle` where it names no month."""
    area = args.get("area", "")
    sort = args.get("sort", "")
    question = read(args.get("q"))
    return ListFilter(
        cycle=parse_month(args.get("cycle", "")) or this_cycle,
        area=int(area) if area.isascii() and area.isdecimal() and len(area) <= 9 else None,
        use=_one_of(args.get("use"), USES),
        size=_one_of(args.get("size"), SIZE_BANDS),
        state=_one_of(args.get("state"), states),
        status=_one_of(args.get("status"), STATUSES),
        question=question if question.may_stand_in_url else NO_QUESTION,
        sort=_one_of(sort.removeprefix("-"), sorts) or PLACE,
        descending=sort.startswith("-"),
    )
