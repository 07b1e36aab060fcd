"""Every setting that HEAD may change: what it is called, what it may be, and what it means. The page is made of it.

A value has three forms: typed (text of a form), stored (a JSON value, the same for the same setting) and in force (the
attribute of `portal.config.Settings`). `clean` gives stored of typed, `in_force` the attribute, `stored_of` goes back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.config import (
    BOUNDS,
    DIRECT_EDIT,
    LANGUAGES,
    PORTAL_PHOTOS,
    ROLES_WITH_SECOND_FACTOR,
    SMTP_SECURITY,
    SWITCH,
    WEEKDAYS,
    Logo,
    Settings,
)
from portal.errors import InvalidInputError
from portal.settings import checks


class Kind(StrEnum):
    """What a value is, and by which control it is typed."""

    TEXT = "text"
    NUMBER = "number"
    CHOICE = "choice"
    CHOICES = "choices"
    TARGETS = "targets"  # {location id: percent}
    LOGO = "logo"  # {digest, width, height} or None


class Section(StrEnum):
    """A page of settings; the value is its address."""

    GENERAL = "general"
    BILLING = "billing"
    FIELD = "field"
    ACCESS = "access"
    MAIL = "mail"
    DATA = "data"
    TICKETS = "tickets"


@dataclass(frozen=True)
class Spec:
    """One setting. `name` is the attribute of Settings, `env` the variable that gives the default."""

    name: str
    kind: Kind
    section: Section
    label: Any
    help: Any
    env: str = ""
    unit: Any = ""
    choices: Mapping[str, Any] | None = None
    check: Callable[[str], str] | None = None  # text in, text out; raises InvalidInputError
    max_length: int = 200
    at_least_one: bool = False
    placeholder: str = ""

    @property
    def low(self) -> int:
        return BOUNDS[self.name][0]

    @property
    def high(self) -> int:
        return BOUNDS[self.name][1]


LANGUAGE_NAMES = dict(zip(LANGUAGES, ("English", "اردو"), strict=True))
ROLE_NAMES = dict(
    zip(ROLES_WITH_SECOND_FACTOR, (_l("Office administrator"), _l("Manager"), _l("Head administrator")), strict=True)
)
SECURITY_NAMES = dict(
    zip(
        SMTP_SECURITY,
        (_l("STARTTLS (usually port 587)"), _l("TLS (usually port 465)"), _l("None, not encrypted (usually port 25)")),
        strict=True,
    )
)
SWITCH_NAMES = dict(zip(SWITCH, (_l("No"), _l("Yes")), strict=True))
WEEKDAY_NAMES = dict(
    zip(
        WEEKDAYS,
        (
            _l("Monday"), _l("Tuesday"), _l("Wednesday"), _l("Thursday"), _l("Friday"), _l("Saturday"), _l("Sunday"),
        ),
        strict=True,
    )
)  # fmt: skip
DIRECT_EDIT_NAMES = dict(zip(DIRECT_EDIT, (_l("A supervisor decides"), _l("Applied at once")), strict=True))
PHOTO_SOURCES = dict(
    zip(
        PORTAL_PHOTOS,
        (_l("From any public host"), _l("Only from the hosts named below"), _l("Not at all")),
        strict=True,
    )
)
SECTION_NAMES: dict[Section, Any] = {
    Section.GENERAL: _l("General"),
    Section.BILLING: _l("Billing and targets"),
    Section.FIELD: _l("Field work"),
    Section.ACCESS: _l("Signing in"),
    Section.MAIL: _l("Mail"),
    Section.DATA: _l("Data and storage"),
    Section.TICKETS: _l("Tickets and complaints"),
}

SPECS: tuple[Spec, ...] = (
    Spec(
        "company_name", Kind.TEXT, Section.GENERAL, _l("Company name"),
        _l("Shown in the menu, on the sign-in page and as the sender of mails."),
        "COMPANY_NAME", max_length=60, placeholder="Suthra Portal",
    ),
    Spec(
        "languages", Kind.CHOICES, Section.GENERAL, _l("Languages offered"),
        _l("Who has chosen a language that is switched off sees the default one."),
        "LANGUAGES", choices=LANGUAGE_NAMES, at_least_one=True,
    ),
    Spec(
        "default_language", Kind.CHOICE, Section.GENERAL, _l("Default language"),
        _l("For the sign-in page and for people who have chosen none."), "DEFAULT_LANGUAGE", choices=LANGUAGE_NAMES,
    ),
    Spec("logo", Kind.LOGO, Section.GENERAL, _l("Logo"), ""),
    Spec(
        "cycle_start_day", Kind.NUMBER, Section.BILLING, _l("Start day of the billing cycle"),
        _l("The day of the month on which a cycle begins. Every figure by day of the cycle follows it."),
        "CYCLE_START_DAY",
    ),
    Spec(
        "due_days", Kind.NUMBER, Section.BILLING, _l("Days until a bill is due"),
        _l("For bills made by the portal, which come with a later version; until then it is only kept."),
        "DUE_DAYS", _l("days"),
    ),
    Spec(
        "recovery_target", Kind.NUMBER, Section.BILLING, _l("Recovery to be reached"),
        _l("Share of a month's demand, everywhere that has no target of its own. 0: no target."),
        "RECOVERY_TARGET", _l("percent"),
    ),
    Spec(
        "recovery_targets", Kind.TARGETS, Section.BILLING, _l("Targets of single areas"),
        _l("A tehsil's own target goes before its district's, and both before the one above."),
    ),
    Spec(
        "visit_far_m", Kind.NUMBER, Section.FIELD, _l("A visit is too far away from"),
        _l("Visits logged further from the unit than this stand first in the review. It holds for visits to come."),
        "VISIT_FAR_M", _l("metres"),
    ),
    Spec(
        "auto_approve_visits", Kind.CHOICE, Section.FIELD, _l("Approve visits by themselves"),
        _l(
            "A visit near the unit, with a photo and an exact position of the phone's own, needs no reviewer then."
            " All others wait for one as before."
        ),
        "AUTO_APPROVE_VISITS", choices=SWITCH_NAMES,
    ),
    Spec(
        "idle_minutes", Kind.NUMBER, Section.ACCESS, _l("Sign out after idling"),
        _l("A session ends after this time without activity. Phones in the field are shared: keep it short."),
        "IDLE_MINUTES", _l("minutes"),
    ),
    Spec(
        "session_hours", Kind.NUMBER, Section.ACCESS, _l("Longest session"),
        _l("A session ends after this time, however busy it is."), "SESSION_HOURS", _l("hours"),
    ),
    Spec(
        "password_min_length", Kind.NUMBER, Section.ACCESS, _l("Shortest password"),
        _l("For new passwords; those in use stay valid."), "PASSWORD_MIN_LENGTH", _l("characters"),
    ),
    Spec(
        "second_factor_roles", Kind.CHOICES, Section.ACCESS, _l("Second factor required of"),
        _l("They sign in with a code of their phone besides the password. Everybody else may."),
        "SECOND_FACTOR_ROLES", choices=ROLE_NAMES,
    ),
    Spec(
        "bcrypt_cost", Kind.NUMBER, Section.ACCESS, _l("Cost of a password check"),
        _l(
            "Each step doubles the time to check a password, for us and for whoever steals the table; 12 is a quarter"
            " of a second. Passwords move to a new cost when their owners sign in."
        ),
        "BCRYPT_COST",
    ),
    Spec(
        "smtp_host", Kind.TEXT, Section.MAIL, _l("Mail server"),
        _l("Its name, such as smtp.example.org. Without one no mail is sent."),
        "SMTP_HOST", check=checks.host, max_length=253, placeholder="smtp.example.org",
    ),
    Spec(
        "smtp_port", Kind.NUMBER, Section.MAIL, _l("Port"),
        _l("587 with STARTTLS, 465 with TLS; your provider says which."), "SMTP_PORT",
    ),
    Spec(
        "smtp_security", Kind.CHOICE, Section.MAIL, _l("Encryption"),
        _l("The server's certificate is always checked."), "SMTP_SECURITY", choices=SECURITY_NAMES,
    ),
    Spec(
        "smtp_user", Kind.TEXT, Section.MAIL, _l("User name at the mail server"),
        _l("Empty when the server asks for none. The password is SMTP_PASSWORD in the environment."),
        "SMTP_USER", check=checks.one_word,
    ),
    Spec(
        "smtp_from", Kind.TEXT, Section.MAIL, _l("Sender's address"),
        _l("The address that mails of the portal come from."),
        "SMTP_FROM", check=checks.address, max_length=254, placeholder="portal@example.org",
    ),
    Spec(
        "digest_hour", Kind.NUMBER, Section.MAIL, _l("Hour of the daily mail"),
        _l("From this hour on, Pakistan time, the mail goes out that gathers a day's notifications."),
        "DIGEST_HOUR", _l("o'clock"),
    ),
    Spec(
        "direct_edit", Kind.CHOICE, Section.DATA, _l("Corrections from the field"),
        _l(
            "Whether what agents correct on their phones waits for a supervisor, or changes the register at once. The"
            " history keeps each change either way."
        ),
        "DIRECT_EDIT", choices=DIRECT_EDIT_NAMES,
    ),
    Spec(
        "max_import_mib", Kind.NUMBER, Section.DATA, _l("Largest file to import"),
        _l("Larger files are refused with a sentence."), "MAX_IMPORT_MIB", _l("MiB"),
    ),
    Spec(
        "max_photo_mib", Kind.NUMBER, Section.DATA, _l("Largest photo"),
        _l("As it is sent; phones make it smaller before. What is stored is smaller still."),
        "MAX_PHOTO_MIB", _l("MiB"),
    ),
    Spec(
        "max_document_mib", Kind.NUMBER, Section.DATA, _l("Largest document"),
        _l("Larger ones are refused with a sentence."), "MAX_DOCUMENT_MIB", _l("MiB"),
    ),
    Spec(
        "portal_photos", Kind.CHOICE, Section.DATA, _l("Photos of the provincial portal"),
        _l("Files name addresses of photos; the portal shows them from here, fetched once and made smaller."),
        "PORTAL_PHOTOS", choices=PHOTO_SOURCES,
    ),
    Spec(
        "portal_photo_hosts", Kind.TEXT, Section.DATA, _l("Hosts of these photos"),
        _l("Names with blanks between, such as photos.example.gov.pk, for photos of named hosts only."),
        "PORTAL_PHOTO_HOSTS", check=checks.hosts, max_length=500, placeholder="photos.example.gov.pk",
    ),
    Spec(
        "photo_cache_mib", Kind.NUMBER, Section.DATA, _l("Room for fetched photos"),
        _l("Above it, those not looked at for longest are deleted at night; they are fetched again when needed."),
        "PHOTO_CACHE_MIB", _l("MiB"),
    ),
    Spec(
        "import_file_days", Kind.NUMBER, Section.DATA, _l("Keep imported files"),
        _l("Uploaded files are deleted after this time; what they brought stays, with the history of the import."),
        "IMPORT_FILE_DAYS", _l("days"),
    ),
    Spec(
        "notification_days", Kind.NUMBER, Section.DATA, _l("Keep notifications"),
        _l("Older notifications are deleted at night, read or not."), "NOTIFICATION_DAYS", _l("days"),
    ),
    Spec(
        "audit_months", Kind.NUMBER, Section.DATA, _l("Keep the audit log"),
        _l("Whole months that are older are deleted, and a line says so. Not less than a year."),
        "AUDIT_MONTHS", _l("months"),
    ),
    Spec(
        "storage_url", Kind.TEXT, Section.DATA, _l("Storage of photos and documents"),
        _l(
            "Empty: the folder of the instance. Else a folder as file:///srv/portal, s3://bucket/folder, or"
            " gdrive://folder-id of a shared drive. What is stored already is not moved along: move it first (see the"
            " administrator’s manual). Imports stay in the instance."
        ),
        "STORAGE_URL", check=checks.storage_url, max_length=300, placeholder="file:///srv/portal",
    ),
    Spec(
        "working_days", Kind.CHOICES, Section.TICKETS, _l("Working days"),
        _l("Deadlines of tickets count working hours only. Holidays are listed under Tickets."),
        "WORKING_DAYS", choices=WEEKDAY_NAMES, at_least_one=True,
    ),
    Spec(
        "working_from", Kind.TEXT, Section.TICKETS, _l("Work begins at"),
        _l("A ticket that comes before is counted from then on."),
        "WORKING_FROM", check=checks.clock, max_length=5, placeholder="09:00",
    ),
    Spec(
        "working_to", Kind.TEXT, Section.TICKETS, _l("Work ends at"),
        _l("Deadlines of tickets that are made or changed from now on follow; those already set stay."),
        "WORKING_TO", check=checks.clock, max_length=5, placeholder="17:00",
    ),
    Spec(
        "helpline", Kind.TEXT, Section.TICKETS, _l("Helpline"),
        _l("The number that the public complaint form names. Empty: none."),
        "HELPLINE", check=checks.phone, max_length=30, placeholder="1139",
    ),
    Spec(
        "complaint_form", Kind.CHOICE, Section.TICKETS, _l("Public complaint form"),
        _l("Whether people without a login may send complaints. Asking for the status stays possible."),
        "COMPLAINT_FORM", choices={"on": _l("Open"), "off": _l("Closed")},
    ),
)  # fmt: skip

BY_NAME: dict[str, Spec] = {spec.name: spec for spec in SPECS}


def of_section(section: Section) -> tuple[Spec, ...]:
    """The settings of a page that are typed into its form (a logo is uploaded)."""
    return tuple(spec for spec in SPECS if spec.section is section and spec.kind is not Kind.LOGO)


def clean(spec: Spec, typed: Any) -> Any:
    """The stored form of what was typed (or stored before). Raises InvalidInputError with a sentence for the field."""
    if spec.kind is Kind.NUMBER:
        return checks.number(typed, spec.low, spec.high)
    if spec.kind is Kind.TEXT:
        text = checks.line(typed, spec.max_length)
        return spec.check(text) if spec.check is not None and text else text
    if spec.kind is Kind.TARGETS:
        return checks.targets(typed, *BOUNDS["recovery_target"])
    if spec.kind is Kind.LOGO:
        return checks.logo(typed)
    choices = spec.choices or {}
    if spec.kind is Kind.CHOICE:
        if typed not in choices:
            raise InvalidInputError(_("Choose one of the list."))
        return typed
    given = set(typed or ())
    if not given <= choices.keys():
        raise InvalidInputError(_("Choose from the list."))
    if spec.at_least_one and not given:
        raise InvalidInputError(_("Choose at least one."))
    return [value for value in choices if value in given]


def in_force(spec: Spec, stored: Any) -> Any:
    """The attribute of Settings for a stored value."""
    if spec.name == "recovery_target":
        return stored or None
    if spec.kind is Kind.CHOICES:
        return tuple(stored)
    if spec.kind is Kind.TARGETS:
        return tuple(sorted((int(area), percent) for area, percent in stored.items()))
    if spec.kind is Kind.LOGO:
        return Logo(stored["digest"], stored["width"], stored["height"]) if stored else None
    return stored


def stored_of(spec: Spec, settings: Settings) -> Any:
    """The stored form of the value in force."""
    value = getattr(settings, spec.name)
    if spec.name == "recovery_target":
        return value or 0
    if spec.kind is Kind.CHOICES:
        return list(value)
    if spec.kind is Kind.TARGETS:
        return {str(area): percent for area, percent in value}
    if spec.kind is Kind.LOGO:
        return {"digest": value.digest, "width": value.width, "height": value.height} if value else None
    return value


def check_together(values: Mapping[str, Any]) -> dict[str, str]:
    """Errors by field of values (all stored, in force after the change) that do not go together."""
    errors: dict[str, str] = {}
    if values["default_language"] not in values["languages"]:
        errors["default_language"] = str(_("Choose one of the languages offered."))
    if values["smtp_host"] and not values["smtp_from"]:
        errors["smtp_from"] = str(_("A mail server needs a sender's address."))
    if values["smtp_user"] and values["smtp_security"] == "none" and not checks.is_this_machine(values["smtp_host"]):
        errors["smtp_security"] = str(_("With a user name the line must be encrypted: the password goes over it."))
    for name in ("working_from", "working_to"):
        if not values[name]:
            errors[name] = str(_("Enter a time like 09:00."))
    if not errors.keys() & {"working_from", "working_to"} and values["working_from"] >= values["working_to"]:
        errors["working_to"] = str(_("Work must end after it begins."))
    if values["portal_photos"] == "named" and not values["portal_photo_hosts"]:
        errors["portal_photo_hosts"] = str(_("Name at least one host."))
    if values["idle_minutes"] > values["session_hours"] * 60:
        errors["idle_minutes"] = str(_("This is longer than the longest session."))
    return errors


assert {spec.name for spec in SPECS} <= {field.name for field in fields(Settings)}
