"""The words of the import screens: kinds, states, phases, sources, and the names of the fields that change."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from portal.imports.models import ImportBatch
from portal.web import format as fmt

KINDS: dict[str, Any] = {
    "areas": _l("Area list"),
    "survey": _l("Survey master"),
    "biller": _l("Biller list"),
    "paid": _l("Paid list"),
}
STATES: dict[str, Any] = {
    "UPLOADED": _l("Uploaded"),
    "CHECKING": _l("Checking"),
    "PREVIEW": _l("Waits for you"),
    "QUEUED": _l("Waits its turn"),
    "COMMITTING": _l("Writing"),
    "DONE": _l("Imported"),
    "REFUSED": _l("Refused"),
    "FAILED": _l("Failed"),
    "CANCELLED": _l("Cancelled"),
}
# To people who may not import, nothing waits for them.
WAITING = _l("Waiting for an office administrator")


def states(may_import: bool) -> dict[str, Any]:
    """The words for each state, as they are true for a reader who may import, or may not."""
    return STATES if may_import else STATES | {"PREVIEW": WAITING}


RUNNING = frozenset({"UPLOADED", "CHECKING", "QUEUED", "COMMITTING"})
MONTH_SOURCES: dict[str, Any] = {
    "ISSUED": _l("chosen by you"),
    "MONTH": _l("chosen for all"),
    "FILE_NAME": _l("from the file's name"),
    "CALENDAR": _l("calendar month of issue"),
}
AS_OF_SOURCES: dict[str, Any] = {
    "OPTION": _l("entered by you"),
    "FILE_NAME": _l("from the file's name"),
    "INSIDE": _l("the newest time in the file"),
    "NOW": _l("the time of the upload"),
}
FIELDS: dict[str, Any] = {
    "survey_id": _l("Survey ID"),
    "consumer_name": _l("Name"),
    "name": _l("Name"),
    "mobile": _l("Mobile"),
    "mobile_text": _l("Mobile as written"),
    "cnic": _l("CNIC"),
    "cnic_text": _l("CNIC as written"),
    "address": _l("Address"),
    "email": _l("E-mail"),
    "wmc": _l("WMC"),
    "office": _l("Office"),
    "uc_type": _l("Urban or rural"),
    "use": _l("Use"),
    "business_type": _l("Business"),
    "size_band": _l("Size"),
    "size_text": _l("Size as written"),
    "house_type": _l("House type"),
    "water_connection": _l("Water connection"),
    "gps_text": _l("Coordinates as written"),
    "gps_lat": _l("Latitude"),
    "gps_lon": _l("Longitude"),
    "image_urls": _l("Pictures"),
    "surveyor_name": _l("Surveyor"),
    "surveyed_at": _l("Surveyed"),
    "extra_text": _l("Text without a header"),
    "monthly_fee": _l("Monthly fee"),
    "total_payable": _l("Payable"),
    "portal_balance": _l("Balance as written"),
    "portal_current_bill": _l("Current bill as written"),
    "is_active": _l("Active"),
    "bill": _l("Bill"),
    "bill_month": _l("Billing month"),
    "bill_payable": _l("Payable"),
    "location_id": _l("Place"),
    "tehsil": _l("Tehsil"),
    "district": _l("District"),
    "unit_id": _l("Unit"),
    "amount": _l("Amount"),
    "fine": _l("Fine"),
    "billing_category": _l("Billing category"),
    "bill_pdf": _l("Bill PDF"),
    "portal_status": _l("Status"),
}
MONEY_FIELDS = frozenset({"monthly_fee", "total_payable", "bill_payable", "amount", "fine"})
TOTALS: dict[str, Any] = {
    "accounts": _l("Accounts"),
    "bills": _l("Rows with a bill"),
    "monthly_fee": _l("Monthly fees"),
    "amount_payable": _l("Payable"),
    "payments": _l("Payments"),
    "paid_amount": _l("Paid"),
}
MONEY_TOTALS = frozenset({"monthly_fee", "amount_payable", "paid_amount"})

_ROW_BYTES = {"csv": 210, "xlsx": 95}


def progress(batch: ImportBatch) -> tuple[int, str]:
    """How far a running batch is: (per cent, a sentence with counts).

    How many rows a file has is known at its end only; until then the share is judged by its size.
    """
    phase, _colon, counted = batch.phase.partition(":")
    waits = {"UPLOADED": _("Uploaded; waits its turn."), "QUEUED": _("Confirmed; waits its turn.")}
    if batch.status in waits:
        return 1, str(waits[batch.status])
    if phase == "reading" and counted.isdigit():
        done = int(counted)
        per_row = _ROW_BYTES["xlsx" if batch.file_name.lower().endswith(".xlsx") else "csv"]
        share = min(done / max(batch.file_size / per_row, 1), 0.96)
        read = ngettext("%(n)s row read so far.", "%(n)s rows read so far.", done, n=fmt.number(done))
        return 3 + round(60 * share), str(read)
    steps = {
        "reading": (3, _("Reading the file.")),
        "checking": (68, _("All rows are read; comparing them with what is known.")),
        "keeping": (80, _("Compared; noting what was found.")),
        "writing": (97 if batch.progress == 100 else 86, _("Writing, and recomputing what depends on it.")),
    }
    percent, text = steps.get(phase, (2, _("Begins.")))
    return percent, str(text)
