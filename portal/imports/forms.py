"""What the import screens send: filters of the history, and the corrections of a preview."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _

from portal.billing.cycles import FIRST_YEAR, LAST_YEAR, add_months, cycle_of, parse_day, parse_month
from portal.errors import InvalidInputError
from portal.imports.models import KINDS, STATES, ImportBatch
from portal.imports.outcome import ImportOptions
from portal.imports.selects import HistoryFilter
from portal.web.format import KARACHI

MONTH_FIELD = "month-"
MONTHS_BACK = 6
_AS_OF_FORMAT = "%Y-%m-%dT%H:%M"


def _day(text: str | None) -> dt.date | None:
    if not text:
        return None
    day = parse_day(text)
    if day is None:
        raise InvalidInputError(_("“%(text)s” is not a date like 2025-11-20.", text=text[:20]))
    return day


def read_filter(args: Mapping[str, str]) -> HistoryFilter:
    """The filter of the history in an URL. Raises InvalidInputError."""
    kind, status, who = args.get("kind") or None, args.get("status") or None, args.get("who") or None
    if (kind and kind not in KINDS) or (status and status not in STATES) or (who and not who.isascii()):
        raise InvalidInputError(_("This filter does not exist. Open the list again."))
    if who and not (who.isdigit() and len(who) < 10):
        raise InvalidInputError(_("This filter does not exist. Open the list again."))
    return HistoryFilter(kind, status, int(who) if who else None, _day(args.get("from")), _day(args.get("to")))


def token_of(batch: ImportBatch) -> str:
    """Names the preview a person looks at: what is confirmed must be what was seen."""
    seen = json.dumps([batch.preview, batch.options], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(seen.encode()).hexdigest()[:20]


def as_of_text(moment: dt.datetime) -> str:
    """An as-of time as its field shows it, in Asia/Karachi to the minute."""
    return moment.astimezone(KARACHI).strftime(_AS_OF_FORMAT)


def latest_month(today: dt.date, start_day: int) -> dt.date:
    """The last month that can be billed: the one after the running cycle."""
    return add_months(cycle_of(today, start_day), 1)


def month_choices(preview: Mapping[str, Any], today: dt.date, start_day: int) -> list[dt.date]:
    """The months offered for issue dates, the latest first."""
    days = [dt.date.fromisoformat(entry["date"]) for entry in preview["issue_dates"]]
    proposed = [dt.date.fromisoformat(entry["month"]) for entry in preview["issue_dates"]]
    last = max([latest_month(today, start_day), *proposed])
    month = min([add_months(min(days).replace(day=1), -MONTHS_BACK), *proposed]) if days else last
    months = []
    while month <= last:
        months.append(month)
        month = add_months(month, 1)
    return months[::-1]


def read_options(form: Mapping[str, str], batch: ImportBatch, now: dt.datetime, start_day: int) -> ImportOptions:
    """The options of a batch with what the form changes of the preview shown. Raises InvalidInputError."""
    options = ImportOptions.from_json(batch.options or {})
    preview = batch.preview or {}
    last = latest_month(now.date(), start_day)
    issued = dict(options.issued)
    for entry in preview.get("issue_dates", []):
        text = form.get(MONTH_FIELD + entry["date"], "")
        if not text or text == entry["month"][:7]:
            continue
        month = parse_month(text) if len(text) == len("2025-11") else None
        if month is None:
            raise InvalidInputError(_("“%(text)s” is not a month like 2025-11.", text=text[:20]))
        if month > last:
            raise InvalidInputError(_("The billing month %(month)s lies in the future.", month=text))
        issued[dt.date.fromisoformat(entry["date"])] = month
    return ImportOptions(options.month, issued, _read_as_of(form, options, preview, now))


def _read_as_of(
    form: Mapping[str, str], options: ImportOptions, preview: Mapping[str, Any], now: dt.datetime
) -> dt.datetime | None:
    text = form.get("as_of", "").strip()
    if not text or text == as_of_text(dt.datetime.fromisoformat(preview["as_of"])):
        return options.as_of
    try:
        moment = dt.datetime.fromisoformat(text)
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:  # beyond lie times that no time zone can shift
            raise ValueError(text)
    except ValueError:
        raise InvalidInputError(
            _("“%(text)s” is not a time like 2025-11-20 14:30.", text=text[:30]), field="as_of"
        ) from None
    moment = moment.replace(tzinfo=KARACHI) if moment.tzinfo is None else moment
    if moment > now:
        raise InvalidInputError(
            _("The as-of time lies in the future: no file can be newer than now. Nothing was changed."), field="as_of"
        )
    return moment
