"""What a ticket is about: units, accounts, payments, visits and corrections of the person's own area. Reads only."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.billing.models import Account
from portal.corrections.models import Correction
from portal.errors import NotFoundError
from portal.payments.models import Payment
from portal.permissions import AreaScope
from portal.tickets.service import Links
from portal.units.models import SurveyUnit
from portal.visits.models import ComplianceVisit

BIGGEST_ID = 2**63 - 1


@dataclass(frozen=True)
class About:
    """The things themselves, for the form, and where they lie."""

    unit: SurveyUnit | None = None
    account: Account | None = None
    payment: Payment | None = None
    visit: ComplianceVisit | None = None
    correction: Correction | None = None
    bill_month: dt.date | None = None

    @property
    def location_id(self) -> int | None:
        """Where it lies: with the unit, else the account, else the payment."""
        things = (self.unit, self.account, self.payment)
        return next((thing.location_id for thing in things if thing is not None), None)

    @property
    def links(self) -> Links:
        def key(thing: Any) -> int | None:
            return None if thing is None else thing.id

        return Links(
            key(self.unit), key(self.account), self.bill_month, key(self.payment), key(self.visit), key(self.correction)
        )


def _number(text: str) -> str | None:
    plain = text.strip()
    return plain if plain.isascii() and plain.isdecimal() and len(plain) <= 20 else None


def unit_of(session: Session, survey_id: str, scope: AreaScope) -> SurveyUnit | None:
    """The unit with this survey id, inside the area."""
    key = _number(survey_id)
    if key is None:
        return None
    found: SurveyUnit | None = session.scalar(
        select(SurveyUnit).where(SurveyUnit.survey_id == key.lstrip("0"), scope.clause(SurveyUnit.location_id))
    )
    return found


def account_of(session: Session, psid: str, scope: AreaScope) -> Account | None:
    """The account with this PSID, inside the area."""
    key = _number(psid)
    if key is None:
        return None
    found: Account | None = session.scalar(
        select(Account).where(Account.psid == key, scope.clause(Account.location_id))
    )
    return found


def _by_id(session: Session, model: Any, text: str, scope: AreaScope) -> Any:
    key = _number(text)
    if key is None or not 0 < int(key) <= BIGGEST_ID:
        return None
    return session.scalar(select(model).where(model.id == int(key), scope.clause(model.location_id)))


def about(
    session: Session,
    scope: AreaScope,
    *,
    survey_id: str = "",
    psid: str = "",
    payment_id: str = "",
    visit_id: str = "",
    correction_id: str = "",
    bill_month: dt.date | None = None,
) -> About:
    """Look up what an address or a form names. Raises NotFoundError (with `field`) for what is not in the area.

    A visit or a correction brings its unit along, an account its unit, a payment its account.
    """
    unit = account = payment = visit = correction = None
    if visit_id and (visit := _by_id(session, ComplianceVisit, visit_id, scope)) is None:
        raise NotFoundError(_("There is no such visit in your area."), field="visit")
    if correction_id and (correction := _by_id(session, Correction, correction_id, scope)) is None:
        raise NotFoundError(_("There is no such correction in your area."), field="correction")
    if payment_id and (payment := _by_id(session, Payment, payment_id, scope)) is None:
        raise NotFoundError(_("There is no such payment in your area."), field="payment")
    if psid.strip() and (account := account_of(session, psid, scope)) is None:
        raise NotFoundError(_("PSID %(psid)s is not an account of your area.", psid=psid.strip()[:30]), field="psid")
    if survey_id.strip() and (unit := unit_of(session, survey_id, scope)) is None:
        raise NotFoundError(
            _("Survey id %(id)s is not in the register of your area.", id=survey_id.strip()[:30]), field="survey_id"
        )
    if account is None:
        implied = payment.account_id if payment is not None else visit.account_id if visit is not None else None
        account = _inside(session, Account, implied, scope)
    if unit is None:
        sources = (visit, correction, account)
        implied = next((one.unit_id for one in sources if one is not None and one.unit_id is not None), None)
        unit = _inside(session, SurveyUnit, implied, scope)
    month = bill_month or (payment.bill_month or payment.month if payment is not None else None)
    return About(unit, account, payment, visit, correction, month)


def _inside(session: Session, model: Any, key: int | None, scope: AreaScope) -> Any:
    if key is None:
        return None
    return session.scalar(select(model).where(model.id == key, scope.clause(model.location_id)))
