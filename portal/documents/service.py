"""Finding documents, and who may change which file. Flushes, never commits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import or_
from sqlalchemy.orm import Session

from portal.audit.service import record
from portal.billing.models import Account
from portal.documents import selects
from portal.errors import ConflictError, InvalidInputError, NotFoundError
from portal.files.models import StoredFile
from portal.files.service import TITLE_LENGTH, By
from portal.locations.selects import all_inside
from portal.permissions import AreaScope
from portal.search import finder
from portal.search.question import Question
from portal.units.models import SurveyUnit
from portal.web.masking import mask_text
from portal.web.pages import FEW_PLACES, Key, Page, first_of_each, paginate

CONSUMERS = 500  # of those whose name holds the words, so many have their documents looked for


def unit(session: Session, survey_id: str, scope: AreaScope) -> SurveyUnit:
    """The unit with this survey id. Raises NotFoundError, also for one of another area."""
    found = session.scalars(selects.unit(survey_id, scope)).first() if _is_number(survey_id) else None
    if found is None:
        raise NotFoundError(_("Survey id %(id)s is not in the register of your area.", id=survey_id))
    return found


def account(session: Session, psid: str, scope: AreaScope) -> Account:
    """The account with this PSID. Raises NotFoundError, also for one of another area."""
    found = session.scalars(selects.account(psid, scope)).first() if _is_number(psid) else None
    if found is None:
        raise NotFoundError(_("PSID %(psid)s is not an account of your area.", psid=psid))
    return found


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 20


def documents(session: Session, question: Question, scope: AreaScope, cursor: str | None = None) -> Page:
    """A page of the documents of the area, newest first: all, or those that the words or the number lead to.

    Words are looked for in titles, file names and the names of consumers; a survey id or a PSID gives the documents
    of the unit and of its accounts.
    """
    query, newest_first = selects.documents(scope), [Key(StoredFile.id, descending=True)]
    if question.text:
        query = query.where(_asked_for(session, question, scope))
    elif not scope.is_everywhere:
        places = list(session.scalars(all_inside(scope)))
        if len(places) <= FEW_PLACES:
            everybodys = selects.documents(AreaScope.everywhere())  # narrowed to these places, which are the reader's
            query = query.where(first_of_each(everybodys, StoredFile.location_id, places, newest_first, cursor))
    return paginate(session, query, newest_first, cursor)


def _asked_for(session: Session, question: Question, scope: AreaScope) -> Any:
    found: dict[finder.Register, list[int]] = {SurveyUnit: [], Account: []}
    for register, row_id, _matched in finder.by_identifier(session, question, scope, CONSUMERS):
        found[register].append(row_id)
    if any(found.values()):
        relatives = session.execute(selects.relatives(found[SurveyUnit], found[Account])).all()
        units = {*found[SurveyUnit], *(row.unit_id for row in relatives if row.unit_id is not None)}
        return selects.belongs_to(sorted(units), sorted({*found[Account], *(row.id for row in relatives)}))
    if question.tsquery is None:
        return selects.belongs_to([], [])
    if not question.number_is_long:
        inside = finder.inside(session, scope)
        found = finder.by_words(session, question.tsquery, inside, CONSUMERS)
    return or_(selects.has_words(question.tsquery), selects.belongs_to(found[SurveyUnit], found[Account]))


@dataclass(frozen=True)
class Rights:
    """What somebody may do with a file that he may see."""

    edit: bool
    delete: bool


def rights(file: StoredFile, staff_id: int, *, edits_registers: bool) -> Rights:
    """The office may change and delete every file; who added a unit's or account's file may, too.

    What hangs on a visit, ticket, comment or correction is evidence: only the office takes it out of sight.
    """
    own = file.uploaded_by == staff_id and (file.unit_id is not None or file.account_id is not None)
    return Rights(edit=edits_registers or own, delete=edits_registers or own)


def rename(session: Session, file: StoredFile, title: str, was: str, by: By) -> None:
    """Give a file another title. Raises ConflictError when it is not `was` any more."""
    new = " ".join(title.split())
    if len(new) > TITLE_LENGTH:
        raise InvalidInputError(_("Enter at most %(count)s characters.", count=TITLE_LENGTH))
    if file.title == new:
        return
    if file.title != was:
        raise ConflictError(_("Somebody gave it the title “%(title)s” meanwhile. Look and decide.", title=file.title))
    old, file.title = file.title, new
    session.flush()
    record(
        session, "file.edit", "file", file.id, actor=by.name, staff_id=by.staff_id, address=by.address,
        location_id=file.location_id, before={"title": mask_text(old, False)}, after={"title": mask_text(new, False)},
    )  # fmt: skip
