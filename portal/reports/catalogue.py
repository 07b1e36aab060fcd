"""All reports, in the order of the catalogue."""

from __future__ import annotations

from portal.errors import NotFoundError
from portal.reports.accounts import OUTSTANDING, PENDING_SYNC
from portal.reports.bills import BILL_REGISTER, BILLED_UNITS
from portal.reports.payments import DAILY_COLLECTION, PAYMENT_REGISTER, UNMATCHED_PAYMENTS
from portal.reports.recovery import RECOVERY
from portal.reports.report import Report
from portal.reports.visits import FIELD_VISITS

REPORTS: tuple[Report, ...] = (
    BILL_REGISTER,
    BILLED_UNITS,
    PAYMENT_REGISTER,
    DAILY_COLLECTION,
    RECOVERY,
    OUTSTANDING,
    PENDING_SYNC,
    UNMATCHED_PAYMENTS,
    FIELD_VISITS,
)
_BY_NAME = {report.name: report for report in REPORTS}


def find_report(name: str) -> Report:
    """The report of this name. Raises NotFoundError."""
    report = _BY_NAME.get(name)
    if report is None:
        raise NotFoundError("There is no such report.")
    return report


def exists(name: str) -> bool:
    return name in _BY_NAME
