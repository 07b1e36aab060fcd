"""Select statements: what a file may be added to, the documents of the own areas. No session here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, literal_column, or_, select

from portal.billing.models import Account
from portal.files.models import DOCUMENT, StoredFile
from portal.permissions import AreaScope
from portal.staff.models import Staff
from portal.staff.selects import display_name
from portal.units.models import SurveyUnit

Rows = Select[*tuple[Any, ...]]


def unit(survey_id: str, scope: AreaScope) -> Select[SurveyUnit]:
    """The unit inside the area; a closed one too, whose closing is proven by a photo or a letter."""
    return select(SurveyUnit).where(SurveyUnit.survey_id == survey_id, scope.clause(SurveyUnit.location_id))


def account(psid: str, scope: AreaScope) -> Select[Account]:
    """The account inside the area; a closed one too."""
    return select(Account).where(Account.psid == psid, scope.clause(Account.location_id))


def with_people(files: Select[StoredFile]) -> Rows:
    """(StoredFile, name of who added it) of a select of files."""
    return files.add_columns(display_name().label("who")).outerjoin(Staff, Staff.id == StoredFile.uploaded_by)


def documents(scope: AreaScope) -> Rows:
    """(StoredFile, who added it, survey id and name of its unit, PSID and name of its account), no order.

    Those of units and accounts inside the area; what hangs on tickets and visits is seen there.
    """
    files = select(StoredFile).where(
        StoredFile.kind == DOCUMENT,
        StoredFile.deleted_at.is_(None),
        or_(StoredFile.unit_id.is_not(None), StoredFile.account_id.is_not(None)),
        scope.clause(StoredFile.location_id),
    )
    return (
        with_people(files)
        .add_columns(
            SurveyUnit.survey_id,
            SurveyUnit.consumer_name.label("unit_name"),
            Account.psid,
            Account.consumer_name.label("account_name"),
        )
        .outerjoin(SurveyUnit, SurveyUnit.id == StoredFile.unit_id)
        .outerjoin(Account, Account.id == StoredFile.account_id)
    )


def has_words(tsquery: str) -> Any:
    """The condition that a document's title or file name holds every word."""
    return StoredFile.search.op("@@")(func.to_tsquery(literal_column("'simple'::regconfig"), tsquery))


def belongs_to(unit_ids: Sequence[int], account_ids: Sequence[int]) -> Any:
    """The condition that a document belongs to one of these."""
    return or_(StoredFile.unit_id.in_(unit_ids), StoredFile.account_id.in_(account_ids))


def relatives(unit_ids: Sequence[int], account_ids: Sequence[int]) -> Rows:
    """(id, unit id) of the accounts themselves and of those of the units: papers of either concern both."""
    return select(Account.id, Account.unit_id).where(or_(Account.id.in_(account_ids), Account.unit_id.in_(unit_ids)))


def owner_keys(file: StoredFile) -> Rows:
    """(survey id, PSID) of what a file belongs to, or hangs on by its unit."""
    return select(
        select(SurveyUnit.survey_id).where(SurveyUnit.id == file.unit_id).scalar_subquery(),
        select(Account.psid).where(Account.id == file.account_id).scalar_subquery(),
    )


def names_of(staff_ids: Sequence[int | None]) -> Rows:
    """(id, name) of people."""
    known = [one for one in staff_ids if one is not None]
    return select(Staff.id, display_name()).where(Staff.id.in_(known))
