"""From the stored outcome of an import to what its page shows. Pure but for the words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from portal.billing.cycles import parse_month
from portal.imports.findings import FINDINGS
from portal.imports.words import FIELDS, MONEY_FIELDS, MONEY_TOTALS, MONTH_SOURCES, TOTALS
from portal.units.words import CODES
from portal.web import format as fmt
from portal.web.masking import mask_value

_TOTAL_ORDER = {name: position for position, name in enumerate(TOTALS)}


@dataclass(frozen=True)
class Segment:
    """A part of the bar: its name (a CSS class), how many rows, and the words on it."""

    name: str
    rows: int
    label: str
    share: float


@dataclass(frozen=True)
class IssueDate:
    """An issue date with new bills, and the month proposed for them."""

    day: dt.date
    new_bills: int
    payable: int
    month: dt.date
    source: str


@dataclass(frozen=True)
class FindingLine:
    """Something found, in how many rows, with the first of them."""

    code: str
    severity: str
    sentence: str
    remedy: str
    rows: int
    samples: list[tuple[int, str, str]]


@dataclass(frozen=True)
class Change:
    """One value before and after; '' where there was none. `icon` in front of a new thing."""

    label: str
    before: str
    after: str


@dataclass(frozen=True)
class Sample:
    """A row as a person reads it. `old_amount` is struck through beside the new one."""

    line_no: int
    key: str
    name: str
    place: str
    day: str
    amount: str
    old_amount: str
    news: str
    changes: list[Change]


def bar(outcome: Mapping[str, Any]) -> list[Segment]:
    """The rows by what becomes of them; empty parts are left out."""
    rows = outcome["rows"] or 1
    words = {
        "unchanged": _("unchanged"),
        "updated": _("updated"),
        "inserted": _("new"),
        "duplicates": _("duplicates"),
        "rejected": _("rejected"),
    }
    return [
        Segment(name, outcome[name], f"{fmt.number(outcome[name])} {word}", 100 * outcome[name] / rows)
        for name, word in words.items()
        if outcome[name]
    ]


def accepted(outcome: Mapping[str, Any]) -> int:
    """Rows that are taken: all but duplicates and rejected ones."""
    return int(outcome["inserted"]) + int(outcome["updated"]) + int(outcome["unchanged"])


def months(outcome: Mapping[str, Any]) -> tuple[list[IssueDate], list[IssueDate]]:
    """(issue dates with new bills, issue dates whose bills are all known), by date."""
    lines = [
        IssueDate(
            dt.date.fromisoformat(entry["date"]),
            entry["new_bills"],
            entry["payable"],
            dt.date.fromisoformat(entry["month"]),
            str(MONTH_SOURCES.get(entry["source"], entry["source"])),
        )
        for entry in outcome["issue_dates"]
    ]
    return [line for line in lines if line.new_bills], [line for line in lines if not line.new_bills]


def new_bills(outcome: Mapping[str, Any]) -> tuple[int, int]:
    """(number of new bills, rupees payable on them)."""
    dates = outcome["issue_dates"]
    return sum(entry["new_bills"] for entry in dates), sum(entry["payable"] for entry in dates)


def inserted_words(kind: str, count: int) -> str:
    """What the new rows of a kind are, without the number."""
    words = {
        "areas": lambda: ngettext("new area", "new areas", count),
        "survey": lambda: ngettext("new unit", "new units", count),
        "biller": lambda: ngettext("new account", "new accounts", count),
        "paid": lambda: ngettext("new payment", "new payments", count),
    }
    return str(words[kind]())


def pending_words(kind: str, count: int) -> str:
    """What the waiting rows of a kind wait for, with the number."""
    n = fmt.number(count)
    if kind == "paid":
        return str(
            ngettext(
                "%(n)s of these rows waits for its account", "%(n)s of these rows wait for their account", count, n=n
            )
        )
    return str(
        ngettext("%(n)s of these rows waits for its survey", "%(n)s of these rows wait for their survey", count, n=n)
    )


def file_words(kind_name: str, facts: Mapping[str, Any]) -> str:
    """`Biller list, 23 columns recognised, UTF-8`."""
    parts = [kind_name]
    if facts.get("form"):
        parts.append(_("long form") if facts["form"] == "long" else _("short form"))
    if facts.get("columns"):
        parts.append(ngettext("%(num)d column recognised", "%(num)d columns recognised", facts["columns"]))
    if facts.get("sheet"):
        parts.append(_("sheet “%(name)s”", name=facts["sheet"]))
    elif facts.get("encoding"):
        parts.append({"utf-8-sig": "UTF-8"}.get(facts["encoding"], str(facts["encoding"]).upper()))
    return ", ".join(map(str, parts))


def finding_lines(outcome: Mapping[str, Any], may_see: bool) -> list[FindingLine]:
    """What was found, reasons for rejected rows first."""
    lines = []
    for entry in outcome["findings"]:
        known = FINDINGS.get(entry["code"])
        samples = [
            (sample["line_no"], sample["column"], hidden(sample["column"], sample["value"], may_see))
            for sample in entry["samples"]
        ]
        lines.append(
            FindingLine(
                entry["code"],
                entry["severity"],
                str(known.sentence) if known else entry["code"].replace("_", " ").capitalize(),
                str(known.remedy) if known else "",
                entry["rows"],
                samples,
            )
        )
    order = {"REJECT": 0, "DUPLICATE": 1}
    return sorted(lines, key=lambda line: order.get(line.severity, 2))


def hidden(column: str, value: str, may_see: bool) -> str:
    """A value, its digits hidden from those who may not see personal numbers."""
    return mask_value(column, value, may_see)


def total_lines(outcome: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(label, figure) of the control totals."""
    return [
        (str(TOTALS.get(name, name)), fmt.rupees(value) if name in MONEY_TOTALS else fmt.number(value))
        for name, value in sorted(outcome["totals"].items(), key=lambda total: _TOTAL_ORDER.get(total[0], 99))
    ]


def _ids(outcome: Mapping[str, Any], field: str) -> list[int]:
    pairs = [sample["changes"].get(field) or () for sample in outcome["samples"]]
    return sorted({number for pair in pairs for number in pair if isinstance(number, int)})


def location_ids(outcome: Mapping[str, Any]) -> list[int]:
    """Ids of the places that changes name."""
    return _ids(outcome, "location_id")


def unit_ids(outcome: Mapping[str, Any]) -> list[int]:
    """Ids of the units that changes name."""
    return _ids(outcome, "unit_id")


def _shown(field: str, value: Any, names: Mapping[str, Mapping[int, str]], may_see: bool, locale: str) -> str:
    if value is None or value in ("", []):
        return ""
    if field in names:
        return names[field].get(value, str(value))
    if field in MONEY_FIELDS:
        return fmt.number(value)
    if field == "bill_month":
        return fmt.month(parse_month(str(value)), locale)
    if isinstance(value, list):
        text = ", ".join(map(str, value))
    elif isinstance(value, bool):
        text = str(_("yes") if value else _("no"))
    else:
        text = str(CODES.get(field, {}).get(value, value))
    return hidden(field, text, may_see)


def sample_lines(
    outcome: Mapping[str, Any], names: Mapping[str, Mapping[int, str]], may_see: bool, locale: str
) -> list[Sample]:
    """Some rows that change or are new. `names` has the names of the ids in `location_id` and `unit_id`."""
    return [_sample(outcome["kind"], sample, names, may_see, locale) for sample in outcome["samples"]]


def _sample(
    kind: str, sample: Mapping[str, Any], names: Mapping[str, Mapping[int, str]], may_see: bool, locale: str
) -> Sample:
    facts, changed = sample.get("facts") or {}, sample["changes"]
    amount_field = "total_payable" if kind == "biller" else "amount"
    old_amount = (changed.get(amount_field) or [None])[0]
    is_new_bill = bool(facts.get("new_bill"))
    # The amount stands in its own column; what a new bill brings with it is said by its being new.
    silent = {amount_field, "bill"} if kind == "biller" else {"gps_lat", "gps_lon"}
    if is_new_bill:
        silent |= {"bill_month"}
    shown = [
        Change(
            str(FIELDS.get(field, field)),
            _shown(field, before, names, may_see, locale),
            _shown(field, after, names, may_see, locale),
        )
        for field, (before, after) in _pairs(changed)
        if field not in silent
    ]
    news = str(_("new bill")) if is_new_bill else ""
    if sample["outcome"] == "INSERTED":
        news = inserted_words(kind, 1)
    day = facts.get("date")
    return Sample(
        sample["line_no"],
        sample["key"] or "",
        facts.get("name") or "",
        facts.get("place") or "",
        fmt.date(dt.date.fromisoformat(day), locale) if day else "",
        fmt.number(facts["amount"]) if facts.get("amount") is not None else "",
        fmt.number(old_amount) if old_amount is not None and not is_new_bill else "",
        news,
        shown,
    )


def _pairs(changed: Mapping[str, Sequence[Any]]) -> list[tuple[str, tuple[Any, Any]]]:
    return [(field, (pair[0], pair[1])) for field, pair in changed.items() if len(pair) == 2]
