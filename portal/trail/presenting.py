"""From a line of the audit log to a sentence, a small table of what changed, and a link to the thing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from flask_babel import gettext as _
from markupsafe import Markup

from portal.audit.models import AuditEntry
from portal.audit.words import ACTIONS, ENTITIES, FIELDS, field_label, nobody_of_ours, title
from portal.billing.cycles import parse_month
from portal.registers.history import field_label as column_label
from portal.registers.wording import field_words
from portal.reports.catalogue import REPORTS
from portal.settings.catalogue import BY_NAME
from portal.settings.words import shown
from portal.tickets import words as ticket_words
from portal.visits import words as visit_words
from portal.web import format as fmt
from portal.web.masking import mask_text, mask_value
from portal.web.statuses import status_text

LONGEST_VALUE = 300
MOST_FIELDS = 6
MONEY = frozenset({"fees", "demand", "paid_amount", "monthly_fee", "payable"})


class Change(NamedTuple):
    """A field in words, before and after; '' where there was nothing."""

    label: str
    before: str
    after: str


@dataclass(frozen=True)
class Line:
    """A line as the screen shows it. `sentence` begins with who; `has_before`: what changed, not only what is."""

    id: int
    at: dt.datetime
    who: str
    username: str
    sentence: Markup
    place: str
    address: str
    reason: str
    changes: list[Change]
    has_before: bool


@dataclass(frozen=True)
class Names:
    """Names of the people and places that a page of lines speaks of, by id; `may_see` personal numbers in full."""

    people: Mapping[int, tuple[str, str]]
    places: Mapping[int, str]
    may_see: bool
    locale: str


def staff_ids(entries: list[AuditEntry]) -> list[int]:
    """Ids of everybody the lines name."""
    named = {int(one.entity_id) for one in entries if one.entity == "staff" and one.entity_id.isdecimal()}
    return sorted({one.staff_id for one in entries if one.staff_id is not None} | {n for n in named if n < 2**31})


def place_ids(entries: list[AuditEntry]) -> list[int]:
    """Ids of all locations the lines name, also before and after."""
    inside = [value for one in entries for value in ((one.before or {}), (one.after or {}))]
    ids = {value.get("location_id") for value in inside} | {one.location_id for one in entries}
    ids |= {int(one.entity_id) for one in entries if one.entity == "location" and one.entity_id.isdecimal()}
    return sorted(value for value in ids if isinstance(value, int) and not isinstance(value, bool))


def thing_text(entry: AuditEntry, names: Names) -> str:
    """What it was done to, in words: `Import 02_Biller.csv`, `Unit 2319001`, `Sana Malik`."""
    facts = {**(entry.before or {}), **(entry.after or {})}
    key, kind = entry.entity_id, str(ENTITIES.get(entry.entity, entry.entity))

    def name(text: Any) -> str:
        return fmt.isolated(str(text), names.locale)

    if entry.entity == "staff":
        known = names.people.get(int(key)) if key.isdecimal() else None
        return _person(*known) if known else str(facts.get("username") or key or kind)
    if entry.entity == "bills":
        return str(_("bills issued on %(day)s", day=_day(key, names.locale)))
    named = {
        "setting": f"“{BY_NAME[key].label}”" if key in BY_NAME else key,
        "report": f"“{_report_title(key)}”",
        "unit": name(key),
        "account": name(key),
        "list": {
            "units": str(_("Units")),
            "accounts": str(_("Accounts")),
            "staff": str(_("Staff")),
            "visits": str(_("Visits")),
        }.get(key, key),
        "import_batch": name(facts.get("file") or key),
        "place": name(facts.get("name") or key),
        "audit_log": _month(key, names.locale) if key else "",
        "location": name(names.places.get(int(key), key) if key.isdecimal() else key),
        "file": _of_what(facts) or key,
    }
    return f"{kind} {named.get(entry.entity, key)}".strip()


def _of_what(facts: Mapping[str, Any]) -> str:
    """What a file belongs to: the log keeps no file names, and its number says nothing to anybody."""
    owner = str(facts.get("owner", ""))
    return f"({ENTITIES.get(owner, owner)} {facts.get('owner_id', '')})" if owner else ""


def _report_title(name: str) -> str:
    return next((str(report.title) for report in REPORTS if report.name == name), name)


def line(entry: AuditEntry, names: Names, href: str) -> Line:
    """A line for the screen; `href` opens the thing ('' when there is nothing to open, or not for this reader)."""
    thing = thing_text(entry, names)
    named = Markup("<bdi>{}</bdi>").format(thing)
    if href:
        named = Markup('<a href="{}">{}</a>').format(href, named)
    words = ACTIONS.get(entry.action)
    if words is None:
        sentence = Markup.escape(_("did “%(action)s” to %(thing)s", action=entry.action, thing="%(thing)s"))
    else:
        sentence = Markup.escape(str(words.sentence))
    own = names.people.get(entry.staff_id) if entry.staff_id is not None else None
    return Line(
        id=entry.id,
        at=entry.at,
        who=_person(*own) if own else nobody_of_ours(entry.actor),
        username=entry.actor,
        sentence=Markup(str(sentence).replace("%(thing)s", str(named))),
        place=names.places.get(entry.location_id, "") if entry.location_id else "",
        address=entry.address,
        reason=entry.reason,
        changes=changes(entry, names),
        has_before=bool(entry.before),
    )


@dataclass(frozen=True)
class Day:
    """A day of the feed with its lines, the newest first."""

    day: dt.date
    lines: list[Line]


def days(lines: list[Line]) -> list[Day]:
    """The lines by day, Asia/Karachi; they come newest first."""
    by_day: dict[dt.date, list[Line]] = {}
    for one in lines:
        by_day.setdefault(fmt.local(one.at).date(), []).append(one)
    return [Day(day, found) for day, found in by_day.items()]


def told(entry: AuditEntry, names: Names, href: str) -> Line:
    """A line for the activity feed: who did what where and why, and which fields it was, but no value of any."""
    full = line(entry, names, href)
    fields = list(dict.fromkeys(change.label for change in full.changes)) if full.has_before else []
    shown = [Change(label, "", "") for label in fields[:MOST_FIELDS]]
    return replace(full, address="", reason=mask_text(full.reason, False), changes=shown)


def changes(entry: AuditEntry, names: Names) -> list[Change]:
    """What is different after, field by field, those that are known first; what stayed is left out."""
    is_setting = entry.entity == "setting"  # a setting's value is one, also where it is an object
    before, after = ((facts or {}) if is_setting else _flat(facts or {}) for facts in (entry.before, entry.after))
    order = list(FIELDS)
    keys = sorted({*before, *after}, key=lambda key: (order.index(key) if key in FIELDS else len(order), key))
    if is_setting and entry.entity_id in BY_NAME and set(keys) == {"value"}:
        spec = BY_NAME[entry.entity_id]
        return [Change(field_label("value"), *(shown(spec, one["value"], names.places) for one in (before, after)))]
    return [
        Change(field_label(key), _value(key, before.get(key), names), _value(key, after.get(key), names))
        for key in keys
        if before.get(key) != after.get(key)
    ]


def _flat(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Nested objects one level deep: {"options": {"month": ...}} is "options month"."""
    flat: dict[str, Any] = {}
    for key, value in facts.items():
        if isinstance(value, dict) and value:
            flat.update({f"{key} {inner}": one for inner, one in value.items()})
        else:
            flat[key] = value
    return flat


def _value(key: str, value: Any, names: Names) -> str:
    """A value in words, cut where it is very long."""
    if value is None or value in ("", [], {}):
        return ""
    if isinstance(value, bool):
        text = str(_("yes") if value else _("no"))
    elif isinstance(value, int):
        text = _number(key, value, names)
    elif isinstance(value, list):
        text = ", ".join(_value(key, one, names) for one in value)
    elif isinstance(value, dict):
        text = ", ".join(f"{field_label(inner)}: {_value(inner, one, names)}" for inner, one in value.items())
    else:
        text = _words(key, str(value), names)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]} …"


def _number(key: str, value: int, names: Names) -> str:
    if key == "location_id":
        return names.places.get(value, str(value))
    if key == "began":
        return str(value)
    return fmt.rupees(value) if key in MONEY else fmt.number(value)


# Codes that one kind of thing has, in its own words: what waits for a reviewer is not what waits for its survey.
_CODES: dict[str, Mapping[str, Any]] = {
    "status": ticket_words.STATUSES,
    "priority": ticket_words.PRIORITIES,
    "decision": ticket_words.DECISIONS,
    "review_state": visit_words.STATES,
    "outcome": visit_words.OUTCOMES,
    "visit_type": visit_words.TYPES,
}


def _words(key: str, value: str, names: Names) -> str:
    if value in _CODES.get(key, {}):
        return str(_CODES[key][value])
    if key == "status":
        return str(status_text(value))
    if key == "fields":
        return column_label(value)
    if key == "month":
        return _month(value, names.locale)
    if key == "of":
        return title(value)
    return mask_value(key, field_words(key, value), names.may_see)


def _person(username: str, full_name: str) -> str:
    return full_name or username


def _month(text: str, locale: str) -> str:
    month = parse_month(text[:7])
    return fmt.month(month, locale) if month else text


def _day(text: str, locale: str) -> str:
    try:
        return fmt.date(dt.date.fromisoformat(text), locale)
    except ValueError:
        return text
