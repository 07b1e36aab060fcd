"""Settings in words: values for the history, and what a change means before it is confirmed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from portal.billing.cycles import cycle_bounds, cycle_of
from portal.settings.catalogue import BY_NAME, Kind, Spec
from portal.web import format as fmt

SLOW_COST = 14


def shown(spec: Spec, value: Any, areas: Mapping[int, str] | None = None) -> str:
    """A stored value as a person reads it. `areas` are the names of areas by id."""
    return _SHOWN[spec.kind](spec, value, areas or {})


def _text(_spec: Spec, value: Any, _areas: Mapping[int, str]) -> str:
    return value or str(_("empty"))


def _number(spec: Spec, value: Any, _areas: Mapping[int, str]) -> str:
    if spec.name == "recovery_target" and not value:
        return str(_("none"))
    return f"{value}\u00a0{spec.unit}".rstrip("\u00a0")


def _choice(spec: Spec, value: Any, _areas: Mapping[int, str]) -> str:
    return str((spec.choices or {}).get(value, value))


def _choices(spec: Spec, value: Any, areas: Mapping[int, str]) -> str:
    return ", ".join(_choice(spec, one, areas) for one in value) or str(_("none"))


def _targets(_spec: Spec, value: Any, areas: Mapping[int, str]) -> str:
    named = [f"{areas.get(int(area), '#' + area)} {percent}\u00a0%" for area, percent in value.items()]
    return ", ".join(named) or str(_("none"))


def _logo(_spec: Spec, value: Any, _areas: Mapping[int, str]) -> str:
    return f"{value['digest'][:8]} ({value['width']} × {value['height']})" if value else str(_("none"))


_SHOWN: dict[Kind, Callable[[Spec, Any, Mapping[int, str]], str]] = {
    Kind.TEXT: _text,
    Kind.NUMBER: _number,
    Kind.CHOICE: _choice,
    Kind.CHOICES: _choices,
    Kind.TARGETS: _targets,
    Kind.LOGO: _logo,
}


def consequences(before: Mapping[str, Any], after: Mapping[str, Any], today: dt.date, language: str) -> list[str]:
    """What a change brings that one may not expect, in sentences. Empty: it needs no confirmation."""
    found: list[str] = []
    for name, value in after.items():
        told = _TOLD.get(name)
        if told is not None:
            found += told(before[name], value, today, language)
    return [str(sentence) for sentence in found]


def _cycle(before: int, after: int, today: dt.date, language: str) -> list[str]:
    def span(start_day: int) -> dict[str, str]:
        month = cycle_of(today, start_day)
        first, last = cycle_bounds(month, start_day)
        return {
            "month": fmt.month(month, language),
            "first": fmt.date(first, language),
            "last": fmt.date(last, language),
        }

    return [
        _("Today lies in the cycle %(month)s, from %(first)s to %(last)s.", **span(before)),
        _("With the new day it would lie in the cycle %(month)s, from %(first)s to %(last)s.", **span(after)),
        _("Bills and payments keep their months and dates; not a rupee changes."),
        _("Every figure by day of the cycle, also of past cycles, is counted from the new day: comparisons with the"
          " same day of an earlier cycle and the collected amounts of a cycle change."),
        _("Imports propose the billing month by the new day. Choose the day on which no cycle is half imported."),
    ]  # fmt: skip


def _audit(before: int, after: int, _today: dt.date, _language: str) -> list[str]:
    if after >= before:
        return []
    return [_("Lines of the audit log that are older than %(n)s months are deleted tonight, for good.", n=after)]


def _files(before: int, after: int, _today: dt.date, _language: str) -> list[str]:
    if after >= before:
        return []
    return [_("Imported files that are older than %(n)s days are deleted tonight, for good.", n=after)]


def _notifications(before: int, after: int, _today: dt.date, _language: str) -> list[str]:
    if after >= before:
        return []
    return [_("Notifications that are older than %(n)s days are deleted tonight, for good.", n=after)]


def _languages(before: list[str], after: list[str], _today: dt.date, _language: str) -> list[str]:
    gone = [str(BY_NAME["languages"].choices[one]) for one in before if one not in after]  # type: ignore[index]
    if not gone:
        return []
    return [_("%(names)s is no longer offered: who uses it sees the default language.", names=", ".join(gone))]


def _second_factor(before: list[str], after: list[str], _today: dt.date, _language: str) -> list[str]:
    new = [str(BY_NAME["second_factor_roles"].choices[one]) for one in after if one not in before]  # type: ignore[index]
    if not new:
        return []
    return [
        _("People with the role %(names)s must set up a second factor before they can go on.", names=", ".join(new))
    ]


def _cost(before: int, after: int, _today: dt.date, _language: str) -> list[str]:
    if after < SLOW_COST or after <= before:
        return []
    seconds = 2 ** (after - 12) * 0.26
    return [
        ngettext(
            "Each sign-in will take about %(num)s second of a processor.",
            "Each sign-in will take about %(num)s seconds of a processor.",
            round(seconds),
        )
    ]


def _idle(before: int, after: int, _today: dt.date, _language: str) -> list[str]:
    if after >= before:
        return []
    return [_("Whoever has done nothing for %(n)s minutes is signed out at once.", n=after)]


_TOLD: dict[str, Callable[[Any, Any, dt.date, str], list[str]]] = {
    "cycle_start_day": _cycle,
    "audit_months": _audit,
    "import_file_days": _files,
    "notification_days": _notifications,
    "languages": _languages,
    "second_factor_roles": _second_factor,
    "bcrypt_cost": _cost,
    "idle_minutes": _idle,
}
