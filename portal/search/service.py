"""The search: what is shown for a question, and to whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.billing.models import Account, AccountBalance, UnitState
from portal.locations.models import Location
from portal.permissions import AreaScope
from portal.search import finder
from portal.search.question import Question
from portal.units.models import SurveyUnit
from portal.units.searchtext import fold

SHOWN = 10
CANDIDATES = 41  # of each register, ranked; the best are shown


@dataclass(frozen=True)
class Hit:
    """One unit or account of the result page. `matched`: survey_id, psid, mobile, cnic or words."""

    row: Any
    matched: str


@dataclass(frozen=True)
class Answer:
    """The hits by register. `*_more` says that there are more than are shown."""

    units: list[Hit] = field(default_factory=list)
    accounts: list[Hit] = field(default_factory=list)
    units_more: bool = False
    accounts_more: bool = False

    @property
    def is_empty(self) -> bool:
        return not self.units and not self.accounts


def search(session: Session, question: Question, scope: AreaScope) -> Answer:
    """Exact identifiers; where there are none, every row whose name and address hold the words."""
    matched: dict[finder.Register, dict[int, str]] = {SurveyUnit: {}, Account: {}}
    for register, row_id, name in finder.by_identifier(session, question, scope, SHOWN + 1):
        matched[register].setdefault(row_id, name)
    if not any(matched.values()) and question.tsquery and not question.number_is_long:
        found = finder.by_words(session, question.tsquery, finder.inside(session, scope), CANDIDATES)
        matched = {register: dict.fromkeys(ids, "words") for register, ids in found.items()}
    units = _hits(_units(session, list(matched[SurveyUnit])), matched[SurveyUnit], question)
    accounts = _hits(_accounts(session, list(matched[Account])), matched[Account], question)
    return Answer(units[:SHOWN], accounts[:SHOWN], len(units) > SHOWN, len(accounts) > SHOWN)


def _units(session: Session, ids: list[int]) -> list[Any]:
    if not ids:
        return []
    query = (
        select(
            SurveyUnit.survey_id,
            SurveyUnit.id,
            SurveyUnit.location_id,
            SurveyUnit.consumer_name,
            SurveyUnit.address,
            SurveyUnit.mobile,
            SurveyUnit.cnic,
            SurveyUnit.use,
            SurveyUnit.size_band,
            SurveyUnit.business_type,
            SurveyUnit.deleted_at,
            Location.name.label("place"),
            func.coalesce(UnitState.accounts, 0).label("accounts"),
        )
        .join(Location, Location.id == SurveyUnit.location_id)
        .outerjoin(UnitState, UnitState.unit_id == SurveyUnit.id)
        .where(SurveyUnit.id.in_(ids))
    )
    return list(session.execute(query))


def _accounts(session: Session, ids: list[int]) -> list[Any]:
    if not ids:
        return []
    query = (
        select(
            Account.psid,
            Account.id,
            Account.location_id,
            Account.consumer_name,
            Account.address,
            Account.mobile,
            Account.cnic,
            Account.use,
            Account.size_band,
            Account.survey_id,
            Account.unit_id,
            Account.unit_id.is_(None).label("is_pending"),
            Account.deleted_at,
            Location.name.label("place"),
            AccountBalance.outstanding,
        )
        .join(Location, Location.id == Account.location_id)
        .outerjoin(AccountBalance, AccountBalance.account_id == Account.id)
        .where(Account.id.in_(ids))
    )
    return list(session.execute(query))


def _hits(rows: list[Any], matched: dict[int, str], question: Question) -> list[Hit]:
    """The best first: found by an identifier, then names that begin with the words, hold them, then addresses."""
    order = {"survey_id": 0, "psid": 0, "mobile": 1, "cnic": 1, "words": 2}
    asked = " ".join(question.words)

    def rank(row: Any) -> tuple[int, int, str, int]:
        name = " ".join(fold(row.consumer_name or "").lower().split())
        in_name = all(word in name for word in question.words)
        closeness = 0 if name == asked else 1 if name.startswith(asked) else 2 if in_name else 3
        return order[matched[row.id]], closeness, name, row.id

    return [Hit(row, matched[row.id]) for row in sorted(rows, key=rank)]
