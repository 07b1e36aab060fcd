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
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.models import AuditEntry
from portal.billing.cycles import add_months
from portal.billing.models import CANCELLED, Account, AccountBalance, Bill
from portal.errors import NotFoundError
from portal.json_rows import as_json, moment
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
class File:
    """An import file in a few words. `who` is None for the system."""

    id: int
    file_name: str
    at: dt.datetime
    who: str | None


@dataclass(frozen=True)
class FileRow:
    """What became of a row of an import file."""

    outcome: str
    pending: bool
    changes: dict[str, list[Any]] | None
    line_no: int
    batch_id: int


@dataclass(frozen=True)
class History:
    """What bills, payments, files and people did to a record; each list newest first.

    `has_older` says that bills or payments were left out. `files` are the import files by id; `visits` are rows
    (visit, agent); `changes` what people set. `audit` and `changes` know what is shown of them, and no more.
    """

    bills: list[Bill]
    payments: list[Payment]
    import_rows: list[FileRow]
    files: dict[int, File]
    audit: list[AuditEntry]
    has_older: bool
    visits: list[Any]
    changes: list[RecordChange]

    def bill_of(self, payment: Payment) -> Bill | None:
        """The bill a payment was allocated to, if it is among those shown."""
        return next((b for b in self.bills if (b.billing_month, b.id) == (payment.bill_month, payment.bill_id)), None)


@dataclass(frozen=True)
class UnitRecord:
    """A unit with its accounts (rows of `selects.account_rows`); `hidden_accounts` lie in another area."""

    unit: SurveyUnit
    place: Place
    path: list[tuple[int, str, str]]
    accounts: list[Any]
    hidden_accounts: int
    history: History


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


def unit_record(session: Session, survey_id: str, scope: AreaScope, cycle: dt.date, *, everything: bool) -> UnitRecord:
    """The unit with this survey id. Raises NotFoundError, also for one of another area."""
    row = session.execute(selects.unit(survey_id, scope)).first() if _is_number(survey_id) else None
    if row is None:
        raise NotFoundError(_("Survey id %(id)s is not in the register of your area.", id=survey_id))
    unit, place, path, known, *files = row
    accounts = list(session.execute(selects.account_rows(scope, cycle, unit_ids=[unit.id]).limit(ACCOUNTS)))
    history = _history(
        session,
        account_ids=[account.id for account in accounts],
        survey_ids=[unit.survey_id],
        psids=[account.psid for account in accounts],
        unit_id=unit.id,
        files=files,
        visits=list(session.execute(of_record(scope, unit_id=unit.id))),
        cycle=cycle,
        everything=everything,
    )
    return UnitRecord(unit, place, [tuple(step) for step in path], accounts, known - len(accounts), history)


def account_record(session: Session, psid: str, scope: AreaScope, cycle: dt.date, *, everything: bool) -> AccountRecord:
    """The account with this PSID. Raises NotFoundError, also for one of another area."""
    row = session.execute(selects.account(psid, scope)).first() if _is_number(psid) else None
    if row is None:
        raise NotFoundError(_("PSID %(psid)s is not an account of your area.", psid=psid))
    account, place, path, balance, unit, *files = row
    siblings: list[Any] = []
    if account.unit_id is not None:
        same_unit = session.execute(selects.account_rows(scope, cycle, unit_ids=[account.unit_id]).limit(ACCOUNTS))
        siblings = [other for other in same_unit if other.id != account.id]
    history = _history(
        session,
        account_ids=[account.id],
        survey_ids=[],
        psids=[account.psid],
        files=files,
        visits=list(session.execute(of_record(scope, unit_id=account.unit_id, account_ids=[account.id]))),
        cycle=cycle,
        everything=everything,
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
    unit_id: int | None = None,
    files: Sequence[Any],
    visits: list[Any],
    cycle: dt.date,
    everything: bool,
) -> History:
    since = add_months(cycle, 1 - MONTHS)
    bills: list[Any] = []
    payments: list[Any] = []
    limit = ALL_PAYMENTS if everything else PAYMENTS
    if account_ids:
        months, most = (None, ALL_BILLS) if everything else (since, BILLS)
        bills = list(session.execute(selects.bills_of(account_ids, months, most)))
        payments = list(session.execute(selects.payments_of(account_ids, limit + 1)))
    few = session.execute(
        select(
            as_json(selects.import_rows_of(survey_ids, psids, IMPORTS), *_FILE_ROW, *_FILE),
            as_json(selects.audit_of(survey_ids, psids, AUDIT), *_AUDIT),
            as_json(changes_of(unit_id=unit_id, account_ids=account_ids), *_CHANGE),
            selects.has_bills_before(account_ids, since),
        )
    ).one()
    rows = [(FileRow(*row), File(row[4], name, moment(at), who)) for *row, name, at, who in few[0] or ()]
    made_by = [*files, *(row.file for row in [*bills, *payments[:limit]])]
    known = [file for _row, file in rows] + [File(*file) for file in made_by if file.id is not None]
    has_older = len(payments) > limit or len(bills) >= BILLS or few[3]
    return History(
        bills=[row[0] for row in bills],
        payments=[row[0] for row in payments[:limit]],
        import_rows=[row for row, _file in rows],
        files={file.id: file for file in sorted(known, key=lambda file: file.id)},
        audit=[AuditEntry(**_named(_AUDIT, values)) for values in few[1] or ()],
        has_older=has_older and not everything,
        visits=visits,
        changes=[RecordChange(**_named(_CHANGE, values)) for values in few[2] or ()],
    )


# Columns of the short lists, as they come.
_FILE_ROW = ("outcome", "pending", "changes", "line_no", "batch_id")
_FILE = ("file_name", "at", "who")
_AUDIT = ("at", "actor", "action", "reason", "before", "after")
_CHANGE = ("at", "actor", "source", "reason", "unit_id", "account_id", "correction_id", "field", "old", "new")


def _named(names: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    return {name: moment(value) if name == "at" else value for name, value in zip(names, values, strict=True)}


def superseding(bills: Sequence[Bill]) -> dict[int, Bill]:
    """For each cancelled bill (by id) the live bill of the same account and month that took its place."""
    live = {(bill.account_id, bill.billing_month): bill for bill in bills if bill.status != CANCELLED}
    return {
        bill.id: live[(bill.account_id, bill.billing_month)]
        for bill in bills
        if bill.status == CANCELLED and (bill.account_id, bill.billing_month) in live
    }
