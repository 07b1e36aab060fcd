"""Signing in, the second factor, signing out, and how long the session still lasts."""

from __future__ import annotations

import re

from flask import Response, flash, jsonify, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user, logout_user

from portal.audit.service import record
from portal.db import side_transaction, transaction
from portal.permissions import Permission, require
from portal.staff import second_factor as factor
from portal.staff import sessions, signin
from portal.staff.forms import CodeForm, LoginForm
from portal.staff.login import GIVE_CODE, seconds_left, sign_in
from portal.staff.password_queue import BusyError
from portal.staff.web import (
    WaitError,
    begin_attempt,
    blueprint,
    checked,
    remember_device,
    sign_in_limit,
    tell_of_new_device,
    wait_page,
)
from portal.web.context import client_address, safe_next, settings

_PLAIN_NAME = re.compile(r"[A-Za-z0-9._@-]*")


def _login_page(form: LoginForm, error: str | None = None) -> str:
    return render_template(
        "staff/login.html",
        form=form,
        error=error,
        next=safe_next(request.values.get("next")) or "",
        expired=request.args.get("expired") == "1" and error is None,
    )


def _onwards() -> str:
    """Where somebody wanted to go, or the first page."""
    return safe_next(request.values.get("next")) or url_for("staff.home")


@blueprint.get("/login")
@require(Permission.PUBLIC)
def login() -> ResponseReturnValue:
    """The login page; who is signed in already goes on to where he wanted."""
    if current_user.is_authenticated:
        return redirect(_onwards(), 303)
    if getattr(current_user, "step", None) is GIVE_CODE and "again" not in request.args:
        return redirect(url_for("staff.second_factor", next=safe_next(request.args.get("next"))), 303)
    return make_response(_login_page(LoginForm()))


@blueprint.post("/login")
@sign_in_limit
@require(Permission.PUBLIC)
def login_post() -> ResponseReturnValue:
    """Check name and password. Every failure says the same, whatever was wrong."""
    form = LoginForm()
    if not form.validate():
        return make_response(_login_page(form), 422)
    typed, password, config = str(form.username.data), str(form.password.data), settings()
    with transaction() as db_session:
        previous = getattr(current_user, "session_id", None)
        account = signin.find_account(db_session, typed)
    try:
        attempt_id = begin_attempt(signin.attempt_name(account, typed, config.secret_key), account)
        new_hash = checked(account, password)
    except WaitError as error:
        return wait_page(error, _login_page(form, str(error)))
    except BusyError as error:
        return make_response(_login_page(form, str(error)), error.status)
    address = client_address()
    with transaction() as db_session:
        if previous is not None:  # somebody signs in over an open session: that one ends
            sessions.end_session(db_session, previous)
        opened = None
        if account is not None and new_hash is not None:
            agent = request.user_agent.string
            opened = signin.accept(db_session, account, new_hash, attempt_id, address, agent)
        if opened is None:
            signin.record_failure(db_session, account, address)
        elif account is not None and not opened.awaits_second_factor:
            tell_of_new_device(db_session, account)
    if account is None or opened is None:
        return make_response(_login_page(form, _refusal(typed)), 401)
    session.clear()  # nothing an anonymous session held survives: no fixation
    sign_in(opened.token)
    if opened.awaits_second_factor:
        return redirect(url_for("staff.second_factor", next=safe_next(request.form.get("next"))), 303)
    return remember_device(make_response(redirect(_onwards(), 303)), account.id, account.device_mark)


def _refusal(typed: str) -> str:
    """The same for every failure; of the name only what anybody can see of it: letters that no user name has."""
    text = str(_("User name or password is wrong."))
    if not _PLAIN_NAME.fullmatch(typed.strip()):
        text += " " + str(
            _("User names are written in English letters and digits: look whether the keyboard is set to English.")
        )
    return text


# --- second factor -------------------------------------------------------------------------------------------------


def _code_page(form: CodeForm, error: str | None = None) -> str:
    return render_template(
        "staff/second_factor.html", form=form, error=error, next=safe_next(request.values.get("next")) or ""
    )


@blueprint.get("/second-factor")
@require(Permission.SIGNED_IN)
def second_factor() -> ResponseReturnValue:
    """Asks for the code; who has given it goes on."""
    if current_user.is_authenticated:
        return redirect(_onwards(), 303)
    return _code_page(CodeForm())


@blueprint.post("/second-factor")
@sign_in_limit
@require(Permission.SIGNED_IN)
def second_factor_post() -> ResponseReturnValue:
    """Take a code of the app or a recovery code; the session is complete then, under a new token."""
    if current_user.is_authenticated:
        return redirect(_onwards(), 303)
    form = CodeForm()
    if not form.validate():
        return make_response(_code_page(form), 422)
    user, address, key = current_user._get_current_object(), client_address(), settings().secret_key
    with transaction() as db_session:
        account = signin.find_account(db_session, user.username)
    try:
        attempt_id = begin_attempt(signin.second_factor_name(user.id), account)
    except WaitError as error:
        return wait_page(error, _code_page(form, str(error)))
    with transaction() as db_session:
        given = factor.use_code(db_session, user.id, str(form.code.data), key)
        left = factor.recovery_codes_left(db_session, user.id)
        if given is None:
            record(
                db_session, "staff.second_factor_failed", "staff", user.id, actor=user.username, staff_id=user.id,
                address=address,
            )  # fmt: skip
        else:
            signin.end_attempt(db_session, attempt_id)
            token = sessions.renew_token(db_session, user.session_id)
            signin.record_sign_in(db_session, user.id, user.username, address, second_factor=given)
            if account is not None:
                tell_of_new_device(db_session, account)
    if given is None or account is None:
        message = _("This code is wrong, or was used before. Wait for the next one in your app and enter that.")
        return make_response(_code_page(form, str(message)), 401)
    session.clear()
    sign_in(token)
    if given == "recovery":
        flash(
            ngettext(
                "You used a recovery code. %(num)d is left; make new ones under My account.",
                "You used a recovery code. %(num)d are left; make new ones under My account.",
                left,
            ),
            "warning",
        )
    return remember_device(make_response(redirect(_onwards(), 303)), user.id, account.device_mark)


# --- the session ---------------------------------------------------------------------------------------------------


def _end_here() -> None:
    """End the session here and in the table."""
    user = current_user._get_current_object()
    with transaction() as db_session:
        if sessions.end_session(db_session, user.session_id) and user.is_authenticated:
            record(
                db_session, "staff.sign_out", "staff", user.id, actor=user.username, staff_id=user.id,
                address=client_address(),
            )  # fmt: skip
    logout_user()
    session.clear()


@blueprint.post("/logout")
@require(Permission.SIGNED_IN)
def logout() -> ResponseReturnValue:
    """Sign out; the browser is told to forget drafts, too."""
    _end_here()
    flash(str(_("You are signed out.")), "info")
    return redirect(url_for("staff.login"), 303)


@blueprint.post("/session/anew")
@require(Permission.SIGNED_IN)
def session_anew() -> ResponseReturnValue:
    """Sign in again before the session ends by itself, and come back; drafts stay."""
    _end_here()
    return redirect(url_for("staff.login", next=safe_next(request.form.get("next"))), 303)


def _session_times() -> Response:
    idle, absolute = seconds_left()
    return jsonify(seconds_left=min(idle, absolute), idle_left=idle, whole_left=absolute)


@blueprint.get("/session")
@require(Permission.SIGNED_IN)
def session_state() -> ResponseReturnValue:
    """Seconds until the session ends: by idleness, and in any case. Asked by a timer, so it is no activity."""
    return _session_times()


@blueprint.post("/session")
@require(Permission.SIGNED_IN)
def session_stay() -> ResponseReturnValue:
    """ "Stay signed in": an activity like any other. It does not move the end of the whole session."""
    with side_transaction() as connection:
        sessions.touch_session(connection, current_user.session_id, 0)
    config = settings()
    idle, absolute = config.idle_minutes * 60, seconds_left()[1]
    return jsonify(seconds_left=min(idle, absolute), idle_left=idle, whole_left=absolute)
