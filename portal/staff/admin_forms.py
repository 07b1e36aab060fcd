"""Forms of the administration of staff, and what its addresses say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField
from wtforms.validators import InputRequired, Length, ValidationError

from portal.errors import DomainError
from portal.permissions import Role
from portal.staff import contact, people
from portal.staff.administration import Facts
from portal.staff.people import StaffFilter
from portal.web.masking import holds_personal_number

LONGEST_REASON = 500
# With so many digits it is a number of somebody, which must not stand in an address.
DIGITS_OF_A_NUMBER = 5


def _clean(cleaner: Callable[[str], Any]) -> Callable[[Any, Any], None]:
    def check(_form: Any, field: Any) -> None:
        try:
            cleaner(field.data or "")
        except DomainError as error:
            raise ValidationError(str(error)) from error

    return check


def _known_role(_form: Any, field: Any) -> None:
    if field.data not in {role.value for role in Role}:
        raise ValidationError(_l("Choose a role."))


class EditForm(FlaskForm):  # type: ignore[misc]
    """What is known about a person, and his role. Which roles may be given, the rules decide."""

    full_name = StringField(
        _l("Full name"),
        validators=[InputRequired(_l("Enter the full name.")), _clean(contact.clean_full_name)],
        render_kw={"autocomplete": "off", "dir": "auto"},
    )
    email = StringField(
        _l("E-mail"),
        validators=[_clean(contact.clean_email)],
        description=_l("Optional. Invitations and links to reset the password go there."),
        render_kw={"type": "email", "autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"},
    )
    mobile = StringField(
        _l("Mobile"),
        validators=[_clean(contact.clean_mobile)],
        description=_l("Optional, like 0300 1234567."),
        render_kw={"type": "tel", "autocomplete": "off", "inputmode": "tel"},
    )
    role = SelectField(_l("Role"), validate_choice=False, validators=[_known_role])
    reason = StringField(
        _l("Reason"),
        validators=[Length(max=LONGEST_REASON)],
        description=_l("Optional. It stands in the audit log."),
        render_kw={"autocomplete": "off", "dir": "auto"},
    )

    @property
    def facts(self) -> Facts:
        """What was typed, clean; to be asked after validation."""
        email, mobile = contact.clean_email(self.email.data or ""), contact.clean_mobile(self.mobile.data or "")
        return Facts(contact.clean_full_name(self.full_name.data or ""), email, mobile)


class CreateForm(EditForm):
    """The same with the user name, which stays for good."""

    username = StringField(
        _l("User name"),
        validators=[InputRequired(_l("Enter a user name.")), _clean(contact.clean_username)],
        description=_l("English letters and digits. It cannot be changed later: the audit log names people by it."),
        render_kw={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false", "dir": "ltr"},
    )


def read_ids(values: Iterable[str]) -> list[int]:
    """The numbers among them that could be ids of locations, each once."""
    return list(dict.fromkeys(int(one) for one in values if one.isascii() and one.isdigit() and len(one) < 10))


def read_version(values: Mapping[str, str]) -> int:
    """The version of the person that the form was made of; one that nobody has (0) when it is missing."""
    found = read_ids([values.get("version", "")])
    return found[0] if found else 0


def is_a_number(words: str) -> bool:
    """Whether what is searched for is a number of somebody rather than a name."""
    if any(char.isalpha() for char in words):  # a user name may hold the number of an employee
        return holds_personal_number(words)
    return sum(char.isdigit() for char in words) >= DIGITS_OF_A_NUMBER


def read_filter(values: Mapping[str, str]) -> StaffFilter:
    """The filter in an address; what cannot be read is no filter. Words that are a number are left out."""
    sort = values.get("sort", "")
    role, state, words = values.get("role", ""), values.get("state", ""), values.get("q", "").strip()[:100]
    area = read_ids([values.get("area", "")])
    return StaffFilter(
        words="" if is_a_number(words) else words,
        role=Role(role) if role in set(Role) else None,
        area=area[0] if area else None,
        state=state if state in people.STATES else None,
        sort=sort.removeprefix("-") if sort.removeprefix("-") in people.SORTS else "name",
        descending=sort.startswith("-"),
    )
