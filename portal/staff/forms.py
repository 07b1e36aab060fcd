"""Forms of signing in and of one's own account."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import EqualTo, InputRequired, Length

_NAME = {"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}


def _current_password(*validators: Any) -> PasswordField:
    return PasswordField(
        _l("Password"),
        validators=[*validators, Length(max=1000, message=_l("This password is wrong."))],
        render_kw={"autocomplete": "current-password"},
    )


class LoginForm(FlaskForm):  # type: ignore[misc]
    """User name and password."""

    username = StringField(
        _l("User name"),
        validators=[InputRequired(_l("Enter your user name.")), Length(max=64)],
        render_kw=_NAME,
    )
    password = _current_password(InputRequired(_l("Enter your password.")))


class NewPasswordForm(FlaskForm):  # type: ignore[misc]
    """A new password, twice. What makes a good one is `portal.staff.password_rules`'s to say."""

    new_password = PasswordField(
        _l("New password"),
        validators=[InputRequired(_l("Enter a new password."))],
        render_kw={"autocomplete": "new-password"},
    )
    repeated = PasswordField(
        _l("The same once more"),
        validators=[EqualTo("new_password", _l("The two passwords differ. Enter the same one twice."))],
        render_kw={"autocomplete": "new-password"},
    )


class ChangePasswordForm(NewPasswordForm):
    """The same with the password of now, which is asked for unless it was given a moment ago."""

    password = _current_password()


class CodePasswordForm(NewPasswordForm):
    """An administrator's one-time code and the new password."""

    username = StringField(
        _l("User name"), validators=[InputRequired(_l("Enter your user name.")), Length(max=64)], render_kw=_NAME
    )
    one_time_code = StringField(
        _l("One-time code"),
        validators=[InputRequired(_l("Enter the code.")), Length(max=40)],
        render_kw={"autocomplete": "one-time-code", "autocapitalize": "characters", "spellcheck": "false"},
    )


class ForgotForm(FlaskForm):  # type: ignore[misc]
    """Who wants a link by e-mail."""

    name = StringField(
        _l("User name or e-mail address"),
        validators=[InputRequired(_l("Enter your user name or e-mail address.")), Length(max=254)],
        render_kw=_NAME,
    )


class CodeForm(FlaskForm):  # type: ignore[misc]
    """A code of the authenticator app, or a recovery code."""

    code = StringField(
        _l("Code"),
        validators=[InputRequired(_l("Enter the code.")), Length(max=40)],
        render_kw={"autocomplete": "one-time-code", "spellcheck": "false", "autocapitalize": "characters"},
    )


class SetUpForm(CodeForm):
    """The first code of a new secret. `sealed` holds the secret; the password is asked for unless it was given a moment
    ago and no other second factor gives way."""

    sealed = HiddenField()
    password = _current_password()


class PasswordForm(FlaskForm):  # type: ignore[misc]
    """The password of now, before something that weakens the account."""

    password = _current_password(InputRequired(_l("Enter your password.")))
