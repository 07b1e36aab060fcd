"""One timeline of a record: bills, payments, files and people, newest first. Pure but for the words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from portal.audit.words import field_label
from portal.audit.words import title as action_title
from portal.billing.cycles import parse_month
from portal.billing.models import CANCELLED
from portal.records.record import History, superseding
from portal.registers.models import CHANNEL
from portal.registers.service import HOLD
from portal.registers.wording import in_words
from portal.tickets.panel import Line
from portal.visits import words as visit_words
from portal.visits.models import APPROVED
from portal.web import format as fmt
from portal.web.filters import language
from portal.web.masking import mask_text, mask_value

SHOWN = 60


@dataclass(frozen=True)
class Event:
    """One line. `at` is a timestamp, or a date where the source knows only the day."""

    at: dt.datetime | dt.date
    title: str
    text: str = ""
    who: str = ""
    icon: str = "dot"
    href: str = ""
    badge: str = ""

    @property
    def order(self) -> dt.datetime:
        """A day counts as its end: a payment follows the bill of the same day."""
        if isinstance(self.at, dt.datetime):
            return self.at
        return dt.datetime.combine(self.at, dt.time(23, 59), fmt.KARACHI)


def build(
    history: History,
    *,
    may_see: bool,
    many: bool = False,
    surveyed: tuple[dt.datetime, str] | None = None,
    import_url: Callable[[int], str] | None = None,
    visit_url: Callable[[int], str] | None = None,
    tickets: Sequence[Line] = (),
    files: Sequence[tuple[dt.datetime, str, str, str, str]] = (),
) -> list[Event]:
    """The newest events. `many`: the record has several accounts, name the PSID. `surveyed`: when and by whom.
    `files`: photos and documents (see `portal.documents.panels`)."""
    events = [*_bills(history, many), *_payments(history, many)]
    events += _imports(history, may_see, import_url)
    events += _people(history, may_see)
    events += _visits(history, may_see, visit_url)
    events += _tickets(tickets, may_see)
    events += [Event(at, title, text, who, icon) for at, title, text, who, icon in files]
    if surveyed is not None:
        events.append(Event(surveyed[0], _("Surveyed"), who=surveyed[1], icon="clipboard-check"))
    return sorted(events, key=lambda event: event.order, reverse=True)[:SHOWN]


def _bills(history: History, many: bool) -> list[Event]:
    replaced = superseding(history.bills)
    events = []
    for bill in history.bills:
        text = _(
            "Fee %(fee)s, payable %(payable)s",
            fee=fmt.rupees(bill.monthly_fee),
            payable=fmt.rupees(bill.amount_payable),
        )
        if bill.status == CANCELLED:
            text = _("Superseded by a later bill") if bill.id in replaced else _("Cancelled")
        if many:
            text = f"{bill.psid} · {text}"
        title = _("Bill of %(month)s issued", month=_month(bill.billing_month))
        events.append(Event(bill.issued_at, title, text, icon="receipt", badge=bill.status))
    return events


def _payments(history: History, many: bool) -> list[Event]:
    events = []
    for payment in history.payments:
        where = _(
            "for %(month)s by %(channel)s", month=_month(payment.month), channel=in_words(CHANNEL, payment.channel)
        )
        if payment.bill_month is None:
            where += " · " + _("not allocated to a bill")
        elif payment.bill_month != payment.month:
            where += " · " + _("counted for the bill of %(month)s", month=_month(payment.bill_month))
        if many:
            where = f"{payment.psid} · {where}"
        title = _("%(amount)s paid", amount=fmt.rupees(payment.paid_amount))
        events.append(Event(payment.paid_on, title, where, icon="cash-stack"))
    return events


def _imports(history: History, may_see: bool, url: Callable[[int], str] | None) -> list[Event]:
    """One event for each file that brought or changed something."""
    changed: dict[int, list[Any]] = {}
    for row in history.import_rows:
        changed.setdefault(row.batch_id, []).append(row)
    events = []
    for batch in history.files.values():
        text = " · ".join(filter(None, (outcome_text(row, may_see) for row in changed.get(batch.id, ()))))
        href = url(batch.id) if url else ""
        title = _("Import: %(file)s", file=batch.file_name)
        events.append(Event(batch.at, title, text, batch.who or _("system"), "box-arrow-in-down", href))
    return events


def _people(history: History, may_see: bool) -> list[Event]:
    events = []
    for entry in history.audit:
        before, after = entry.before or {}, entry.after or {}
        pairs = {
            key: [before.get(key), after.get(key)] for key in {*before, *after} if before.get(key) != after.get(key)
        }
        text = " · ".join(filter(None, (changes_text(pairs, may_see), entry.reason)))
        events.append(Event(entry.at, action_title(entry.action), text, entry.actor, "pencil"))
    return events


def _visits(history: History, may_see: bool, url: Callable[[int], str] | None) -> list[Event]:
    events = []
    for visit, agent in history.visits:
        said = [str(visit_words.OUTCOMES[visit.outcome])]
        if visit.bill_month is not None:
            said.append(_("bill of %(month)s", month=_month(visit.bill_month)))
        if visit.promise_date is not None:
            amount = fmt.rupees(visit.promise_amount) if visit.promise_amount else ""
            said.append(f"{amount} {fmt.date(visit.promise_date, language())}".strip())
        if visit.notes:
            said.append(mask_text(visit.notes[:200], may_see))
        state = "" if visit.review_state == APPROVED else f" · {visit_words.STATES[visit.review_state]}"
        title = f"{visit_words.TYPES[visit.visit_type]}{state}"
        href = url(visit.id) if url else ""
        events.append(Event(visit.visited_at, title, " · ".join(said), agent, "clipboard-check", href))
    return events


def _tickets(lines: Sequence[Line], may_see: bool) -> list[Event]:
    """A ticket when it was made, and when it was resolved."""
    events = []
    for one in lines:
        text, href = f"{one.category} · {mask_text(one.title, may_see)}", f"/tickets/{one.number}"
        made = _("Ticket %(number)s made", number=one.number)
        events.append(Event(one.made_at, made, text, icon="ticket-detailed", href=href))
        if one.resolved_at is not None:
            resolved = _("Ticket %(number)s resolved", number=one.number)
            events.append(Event(one.resolved_at, resolved, one.category, icon="check-circle", href=href))
    return events


def outcome_text(row: Any, may_see: bool) -> str:
    """What a file's row did, in words."""
    if row.outcome == "DUPLICATE":
        return str(_("line %(line)s repeats another line", line=row.line_no))
    if row.outcome == "REJECTED":
        return str(_("line %(line)s was rejected", line=row.line_no))
    if row.changes:
        return changes_text(row.changes, may_see)
    return str(_("waits for its survey")) if row.pending else ""


def changes_text(changes: dict[str, list[Any]], may_see: bool) -> str:
    """`monthly_fee: 300 → 500`, personal numbers masked; what is only an inner number is named without it."""
    words = [_one_change(column, old, new, may_see) for column, (old, new) in sorted(changes.items())[:6]]
    if len(changes) > 6:
        words.append(str(ngettext("%(num)d more change", "%(num)d more changes", len(changes) - 6)))
    return "; ".join(words)


def _one_change(column: str, old: Any, new: Any, may_see: bool) -> str:
    label = column_label(column)
    if column in {"location_id", "place_id"}:
        return str(_("moved to another place"))
    if column == "unit_id":
        return str(_("matched to its survey")) if new else str(_("no longer matched to a survey"))
    if column in {"bill_pdf", "image_urls", "gps_lat", "gps_lon"}:
        return str(_("%(what)s changed", what=label))
    if column == HOLD:
        names = ", ".join(column_label(name) for name in str(old).split(", "))
        return str(_("hold released: %(fields)s", fields=names))
    hide = _hider(column, may_see)
    if old is None:
        return f"{label}: {fmt.isolated(hide(new), language())}"
    arrow = "←" if language() == "ur" else "→"  # arrows are not turned around with the line
    return f"{label}: {fmt.isolated(hide(old), language())} {arrow} {fmt.isolated(hide(new), language())}"


def _month(month: dt.date | None) -> str:
    return fmt.month(month, language())


def _hider(column: str, may_see: bool) -> Callable[[Any], str]:
    def plain(value: Any) -> str:
        if isinstance(value, bool):
            return str(_("yes") if value else _("no"))
        if isinstance(value, int) and column in {"monthly_fee", "total_payable", "amount", "fine", "paid_amount"}:
            return fmt.number(value)
        return fmt.NONE if value is None or value == "" else str(value)

    def month(value: Any) -> str:
        return _month(parse_month(value)) if value else fmt.NONE

    if column == "bill_month":
        return month
    return lambda value: mask_value(column, plain(value), may_see)


_LABELS = {
    "consumer_name": _l("name"),
    "mobile": _l("mobile"),
    "mobile_text": _l("mobile as written"),
    "cnic": _l("CNIC"),
    "cnic_text": _l("CNIC as written"),
    "address": _l("address"),
    "email": _l("e-mail"),
    "use": _l("use"),
    "size_band": _l("size"),
    "size_text": _l("size as written"),
    "business_type": _l("business"),
    "monthly_fee": _l("monthly fee"),
    "total_payable": _l("total payable"),
    "is_active": _l("active"),
    "survey_id": _l("survey id"),
    "bill": _l("new bill"),
    "bill_month": _l("bill's month"),
    "image_urls": _l("photos"),
    "bill_pdf": _l("bill PDF"),
    "portal_status": _l("status on the portal"),
    "wmc": _l("company"),
    "gps_lat": _l("latitude"),
    "gps_lon": _l("longitude"),
}


def column_label(column: str) -> str:
    """A column's name as people say it."""
    return str(_LABELS[column] if column in _LABELS else field_label(column))
