"""A new password without the old one: by a link in a mail, by an administrator's code, by an invitation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Response, flash, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.db import session, transaction
from portal.errors import InvalidInputError
from portal.jobs.defer import defer
from portal.mail.service import is_configured
from portal.permissions import Permission, require
from portal.staff import devices, password_rules, passwords, selects, service, signin, tokens
from portal.staff.forms import CodePasswordForm, ForgotForm, NewPasswordForm
from portal.staff.models import Staff
from portal.staff.password_queue import BusyError
from portal.staff.tokens import TokenKind
from portal.staff.web import (
    WaitError,
    begin_attempt,
    blueprint,
    hashed,
    matches,
    remember_device,
    reset_limit,
    rules,
    wait_page,
)
from portal.web.context import client_address, settings


@dataclass(frozen=True)
class _Link:
    """The words of a page that a one-time link opens."""

    kind: TokenKind
    how: str
    heading: Any
    intro: Any
    dead: Any


_RESET = _Link(
    TokenKind.RESET,
    "link",
    _l("Choose a new password"),
    _l("You sign in with it afterwards. Wherever you are signed in now, you are signed out."),
    _l("This link was used before, is older than 30 minutes, or a newer one was sent. Ask for a new one."),
)
_WELCOME = _Link(
    TokenKind.INVITE,
    "invitation",
    _l("Welcome: choose your password"),
    _l("You sign in with your user name and this password."),
    _l("This invitation was used before or is too old. Ask your administrator for a new one."),
)


def _private(page: str, status: int = 200) -> Response:
    """A page whose address is a secret: it is told to nobody, not even to our own pages."""
    response = make_response(page, status)
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def can_mail_links() -> bool:
    """Whether a link can be mailed: a mail server is set up, and the portal knows its own address."""
    config = settings()
    return is_configured(config) and bool(config.public_url)


# --- asking for a link ---------------------------------------------------------------------------------------------


@blueprint.get("/forgot")
@require(Permission.PUBLIC)
def forgot() -> ResponseReturnValue:
    """The two ways to a new password."""
    return render_template("staff/forgot.html", form=ForgotForm(), can_mail=can_mail_links(), sent=False)


@blueprint.post("/forgot")
@reset_limit
@require(Permission.PUBLIC)
def forgot_post() -> ResponseReturnValue:
    """Have a link mailed. The answer is the same whether there is such an account, and takes the same time."""
    form = ForgotForm()
    if not can_mail_links():
        return make_response(render_template("staff/forgot.html", form=form, can_mail=False, sent=False), 409)
    if not form.validate():
        return make_response(render_template("staff/forgot.html", form=form, can_mail=True, sent=False), 422)
    with transaction() as db_session:
        staff = db_session.scalar(selects.by_name_or_email(str(form.name.data).replace("\0", "")))
        # Nobody's id for an unknown name: the same work is done, and the name is written down nowhere.
        defer("staff.reset_mail", staff_id=staff.id if staff is not None and staff.email else 0)
    return render_template("staff/forgot.html", form=ForgotForm(formdata=None), can_mail=True, sent=True)


# --- links ---------------------------------------------------------------------------------------------------------


def _link_page(link: _Link, staff: Staff | None, form: NewPasswordForm, error: str = "", status: int = 200) -> Response:
    page = render_template(
        "staff/new_password.html",
        heading=link.heading,
        intro=link.intro,
        dead="" if staff is not None else link.dead,
        username=staff.username if staff is not None else "",
        form=form,
        error=error,
        is_reset=link.kind is TokenKind.RESET,
        min_length=rules().min_length,
    )
    return _private(page, status if staff is not None else 410)


def _show_link(link: _Link, token: str) -> Response:
    return _link_page(link, tokens.peek(session(), link.kind, token), NewPasswordForm())


def _use_link(link: _Link, token: str) -> Response:
    """Set the password. The link is used up only by a password that is accepted."""
    form = NewPasswordForm()
    with transaction() as db_session:
        staff = tokens.peek(db_session, link.kind, token)
        person = (staff.username, staff.full_name) if staff is not None else ("", "")
    if staff is None or not form.validate():
        return _link_page(link, tokens.peek(session(), link.kind, token), form, status=422)
    password = str(form.new_password.data)
    try:
        password_rules.check(password, *person, rules())
        session().rollback()  # no connection is held while the hash is made
        new_hash = hashed(password)
    except (InvalidInputError, BusyError) as error:
        return _link_page(link, tokens.peek(session(), link.kind, token), form, str(error), error.status)
    with transaction() as db_session:
        staff = tokens.take(db_session, link.kind, token)
        if staff is not None:
            _store(staff, new_hash, link.how)
            staff_id, mark = staff.id, devices.mark_of(staff.password_changed_at)
    if staff is None:
        return _link_page(link, None, form)
    return _done(staff_id, mark)


def _store(staff: Staff, new_hash: str, how: str) -> None:
    db_session = session()
    service.change_password(
        db_session, staff, new_hash, how=how, actor=staff.username, actor_id=staff.id, address=client_address()
    )
    service.unlock(db_session, staff)  # whatever went wrong before, he has the right password now
    db_session.refresh(staff)


def _done(staff_id: int, mark: int) -> Response:
    flash(str(_("Your new password is set. Sign in with it.")), "success")
    return remember_device(make_response(redirect(url_for("staff.login", again=1), 303)), staff_id, mark)


@blueprint.get("/reset/<token>")
@require(Permission.PUBLIC)
def reset_link(token: str) -> ResponseReturnValue:
    """The form behind the link of a mail. Looking at it uses nothing up: mail programs look, too."""
    return _show_link(_RESET, token)


@blueprint.post("/reset/<token>")
@reset_limit
@require(Permission.PUBLIC)
def reset_link_post(token: str) -> ResponseReturnValue:
    """Set the new password; the link is used up."""
    return _use_link(_RESET, token)


@blueprint.get("/welcome/<token>")
@require(Permission.PUBLIC)
def welcome(token: str) -> ResponseReturnValue:
    """The form behind an invitation."""
    return _show_link(_WELCOME, token)


@blueprint.post("/welcome/<token>")
@reset_limit
@require(Permission.PUBLIC)
def welcome_post(token: str) -> ResponseReturnValue:
    """Set the first password; the invitation is used up."""
    return _use_link(_WELCOME, token)


# --- codes ---------------------------------------------------------------------------------------------------------


def _code_page(form: CodePasswordForm, error: str = "") -> str:
    return render_template("staff/reset_code.html", form=form, error=error, min_length=rules().min_length)


@blueprint.get("/reset")
@require(Permission.PUBLIC)
def reset_code() -> ResponseReturnValue:
    """The form for an administrator's one-time code."""
    return _private(_code_page(CodePasswordForm()))


@blueprint.post("/reset")
@reset_limit
@require(Permission.PUBLIC)
def reset_code_post() -> ResponseReturnValue:
    """Set a new password with a code. A wrong name and a wrong code get the same answer, after the same time."""
    form = CodePasswordForm()
    if not form.validate():
        return _private(_code_page(form), 422)
    typed, password, config = str(form.username.data), str(form.new_password.data), settings()
    code = tokens.normalise_code(str(form.one_time_code.data))
    try:
        # Before the code is looked at: a password that is refused costs no try.
        password_rules.check(password, typed, "", rules())
        with transaction() as db_session:
            account = signin.find_account(db_session, typed)
            live = tokens.live_code(db_session, account.id) if account is not None else None
        attempt_id = begin_attempt(signin.attempt_name(account, typed, config.secret_key), account)
        if live is not None:
            with transaction() as db_session:
                live = live if tokens.begin_code_try(db_session, live.id) else None
        stored = live.token_hash if live is not None else passwords.dummy_hash(tokens.CODE_COST)
        is_right = matches(code, stored) and live is not None
        new_hash = hashed(password) if is_right else ""
    except WaitError as error:
        return wait_page(error, _private(_code_page(form, str(error))))
    except (InvalidInputError, BusyError) as error:
        return _private(_code_page(form, str(error)), error.status)
    with transaction() as db_session:
        staff = db_session.get(Staff, account.id, with_for_update=True) if account is not None and is_right else None
        if staff is not None and staff.is_active and live is not None and tokens.use_code(db_session, live.id):
            signin.end_attempt(db_session, attempt_id)
            _store(staff, new_hash, "code")
            staff_id, mark = staff.id, devices.mark_of(staff.password_changed_at)
            is_set = True
        else:
            signin.record_failure(db_session, account, client_address(), "one-time code")
            is_set = False
    if not is_set:
        message = _(
            "User name or code is wrong, or the code is older than 15 minutes or was tried too often."
            " Your administrator can give you a new one."
        )
        return _private(_code_page(form, str(message)), 401)
    return _done(staff_id, mark)
