"""Everything the record page of a unit or an account shows, read in a bounded number of bounded queries.

Who may see a unit or account sees its whole history, also payments that carry another place: they belong to the
record. What hangs on it but lies in another area (a second account, the unit of an account) is only counted.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.audit.models import AuditEntry
from portal.billing.cycles import add_months
from portal.billing.models import CANCELLED, Account, AccountBalance, Bill
from portal.errors import NotFoundError
from portal.field.panel import columns as work_columns
from portal.locations.models import Place
from portal.payments.models import Payment
from portal.permissions import AreaScope
from portal.records import selects
from portal.registers.models import RecordChange
from portal.registers.selects import changes_of
from portal.units.models import SurveyUnit
from portal.visits.selects import of_record

MONTHS = 24  # what a record shows at first
BILLS, ALL_BILLS = 60, 600  # bills of one record; with those of a second account and superseded ones
PAYMENTS, ALL_PAYMENTS = 60, 600
IMPORTS, AUDIT = 40, 40
ACCOUNTS = 20


@dataclass(frozen=True)
class History:
    """What bills, payments, files and people did to a record; each list newest first.

    `has_older` says that bills or payments were left out. `batches` are the files by id; `visits` are rows (visit,
    agent); `changes` what people set.
    """

    bills: list[Bill]
    payments: list[Payment]
    import_rows: list[Any]
    batches: dict[int, Any]
    audit: list[AuditEntry]
    has_older: bool
    visits: list[Any]
    changes: list[RecordChange]

    def bill_of(self, payment: Payment) -> Bill | None:
        """The bill a payment was allocated to, if it is among those shown."""
        return next((b for b in self.bills if (b.billing_month, b.id) == (payment.bill_month, payment.bill_id)), None)


@dataclass(frozen=True)
class UnitRecord:
    """A unit with its accounts (rows of `selects.account_rows`); `hidden_accounts` lie in another area. `work`: see
    `portal.field.panel`."""

    unit: SurveyUnit
    place: Place
    path: list[tuple[int, str, str]]
    accounts: list[Any]
    hidden_accounts: int
    history: History
    work: tuple[Any, Any]


@dataclass(frozen=True)
class AccountRecord:
    """An account with its balance and unit. `siblings` are other accounts of the same unit.

    `has_hidden_unit`: the account is matched to a unit of another area.
    """

    account: Account
    place: Place
    path: list[tuple[int, str, str]]
    balance: AccountBalance | None
    unit: SurveyUnit | None
    siblings: list[Any]
    history: History

    @property
    def has_hidden_unit(self) -> bool:
        return self.account.unit_id is not None and self.unit is None


def unit_record(
    session: Session, survey_id: str, scope: AreaScope, cycle: dt.date, *, everything: bool, with_imports: bool
) -> UnitRecord:
    """The unit with this survey id. Raises NotFoundError, also for one of another area."""
    work = work_columns(SurveyUnit.id, SurveyUnit.location_id, func.current_date())
    query = selects.unit(survey_id, scope).add_columns(*work)
    row = session.execute(query).first() if _is_number(survey_id) else None
    if row is None:
        raise NotFoundError(_("Survey id %(id)s is not in the register of your area.", id=survey_id))
    unit, place, path, known, assigned, waiting = row
    accounts = list(session.execute(selects.account_rows(scope, cycle, unit_ids=[unit.id]).limit(ACCOUNTS)))
    history = _history(
        session,
        account_ids=[account.id for account in accounts],
        survey_ids=[unit.survey_id],
        psids=[account.psid for account in accounts],
        owners=[unit],
        visits=list(session.execute(of_record(scope, unit_id=unit.id))),
        cycle=cycle,
        everything=everything,
        with_imports=with_imports,
    )
    path = [tuple(step) for step in path]
    return UnitRecord(unit, place, path, accounts, known - len(accounts), history, (assigned, waiting))


def account_record(
    session: Session, psid: str, scope: AreaScope, cycle: dt.date, *, everything: bool, with_imports: bool
) -> AccountRecord:
    """The account with this PSID. Raises NotFoundError, also for one of another area."""
    row = session.execute(selects.account(psid, scope)).first() if _is_number(psid) else None
    if row is None:
        raise NotFoundError(_("PSID %(psid)s is not an account of your area.", psid=psid))
    account, place, path, balance, unit = row
    siblings: list[Any] = []
    if account.unit_id is not None:
        same_unit = session.execute(selects.account_rows(scope, cycle, unit_ids=[account.unit_id]).limit(ACCOUNTS))
        siblings = [other for other in same_unit if other.id != account.id]
    history = _history(
        session,
        account_ids=[account.id],
        survey_ids=[],
        psids=[account.psid],
        owners=[account],
        visits=list(session.execute(of_record(scope, unit_id=account.unit_id, account_ids=[account.id]))),
        cycle=cycle,
        everything=everything,
        with_imports=with_imports,
    )
    return AccountRecord(account, place, [tuple(step) for step in path], balance, unit, siblings, history)


def _is_number(text: str) -> bool:
    """Keys are digits; the database refuses some other texts (a null byte) with an error."""
    return text.isascii() and text.isdecimal()


def _history(
    session: Session,
    *,
    account_ids: Sequence[int],
    survey_ids: Sequence[str],
    psids: Sequence[str],
    owners: Sequence[SurveyUnit | Account],
    visits: list[Any],
    cycle: dt.date,
    everything: bool,
    with_imports: bool,
) -> History:
    bills: list[Bill] = []
    payments: list[Payment] = []
    has_older = False
    if account_ids:
        limit = ALL_BILLS if everything else BILLS
        since = None if everything else add_months(cycle, 1 - MONTHS)
        bills = list(session.scalars(selects.bills_of(account_ids, since, limit)))
        limit = ALL_PAYMENTS if everything else PAYMENTS
        payments = list(session.scalars(selects.payments_of(account_ids, limit + 1)))
        has_older = not everything and (len(payments) > limit or _older_bills(session, account_ids, bills, since))
        payments = payments[:limit]
    rows = list(session.execute(selects.import_rows_of(survey_ids, psids, IMPORTS)))
    audit = list(session.scalars(selects.audit_of(survey_ids, psids, AUDIT)))
    batches: dict[int, Any] = {}
    if with_imports:
        touching = [*owners, *bills, *payments]
        ids = {row.batch_id for row in rows} | {thing.first_batch_id for thing in touching}
        ids |= {thing.last_batch_id for thing in owners}
        wanted = sorted(batch for batch in ids if batch is not None)
        batches = {batch.id: batch for batch in session.execute(selects.batches(wanted))} if wanted else {}
    unit_id = next((owner.id for owner in owners if isinstance(owner, SurveyUnit)), None)
    changes = list(session.scalars(changes_of(unit_id=unit_id, account_ids=account_ids)))
    return History(bills, payments, rows, batches, audit, has_older, visits, changes)


def _older_bills(session: Session, account_ids: Sequence[int], shown: Sequence[Bill], since: dt.date | None) -> bool:
    if len(shown) >= BILLS:
        return True
    if since is None:
        return False
    older = select(Bill.id).where(Bill.account_id.in_(account_ids), Bill.billing_month < since).limit(1)
    return session.execute(older).first() is not None


def superseding(bills: Sequence[Bill]) -> dict[int, Bill]:
    """For each cancelled bill (by id) the live bill of the same account and month that took its place."""
    live = {(bill.account_id, bill.billing_month): bill for bill in bills if bill.status != CANCELLED}
    return {
        bill.id: live[(bill.account_id, bill.billing_month)]
        for bill in bills
        if bill.status == CANCELLED and (bill.account_id, bill.billing_month) in live
    }
