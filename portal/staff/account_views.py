"""One's own account: password, second factor, sessions."""

from __future__ import annotations

from flask import Response, flash, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user
from sqlalchemy.orm import Session

from portal.audit.service import record
from portal.db import transaction
from portal.errors import DomainError, InvalidInputError, NotFoundError
from portal.permissions import Permission, require
from portal.staff import devices, password_rules, service, sessions
from portal.staff import second_factor as factor
from portal.staff.forms import ChangePasswordForm, PasswordForm, SetUpForm
from portal.staff.login import sign_in
from portal.staff.models import Staff
from portal.staff.web import (
    WaitError,
    blueprint,
    confirm_password,
    hashed,
    matches,
    me_acting,
    remember_device,
    rules,
    wait_page,
)
from portal.web.context import client_address, safe_next, settings


def _onwards() -> str:
    return safe_next(request.values.get("next")) or url_for("staff.home")


def _refused(error: DomainError, page: str) -> Response:
    """The page with the reason on it, and the status that fits."""
    if isinstance(error, WaitError):
        return wait_page(error, page)
    return make_response(page, error.status)


# --- password ------------------------------------------------------------------------------------------------------


def _asks_for_the_old_one() -> bool:
    """Always, but right after a sign-in whose password has to be changed: that one was typed a moment ago."""
    return current_user.step is None or not current_user.is_fresh


def _password_page(form: ChangePasswordForm, error: str = "") -> str:
    return render_template(
        "staff/password.html",
        form=form,
        error=error,
        next=safe_next(request.values.get("next")) or "",
        must=current_user.step is not None,
        ask_password=_asks_for_the_old_one(),
        min_length=rules().min_length,
    )


@blueprint.get("/me/password")
@require(Permission.SIGNED_IN)
def password() -> ResponseReturnValue:
    """The form for a new password; the only page there is for somebody who must change his."""
    return _password_page(ChangePasswordForm())


@blueprint.post("/me/password")
@require(Permission.SIGNED_IN)
def password_post() -> ResponseReturnValue:
    """Change the password. The other sessions end, this one gets a new token."""
    form, user, must = ChangePasswordForm(), current_user._get_current_object(), current_user.step is not None
    if not form.validate():
        return make_response(_password_page(form), 422)
    new = str(form.new_password.data)
    try:
        if _asks_for_the_old_one():
            confirm_password(str(form.password.data or ""))
        with transaction() as db_session:
            stored = db_session.get_one(Staff, user.id).password_hash
        password_rules.check(new, user.username, user.full_name, rules())
        if matches(new, stored):
            raise InvalidInputError(_("This is the password you have already. Choose another one."))
        new_hash = hashed(new)
    except DomainError as error:
        return _refused(error, _password_page(form, str(error)))
    with transaction() as db_session:
        staff = db_session.get_one(Staff, user.id, with_for_update=True)
        service.change_password(
            db_session, staff, new_hash, how="own", actor=user.username, actor_id=user.id, address=client_address(),
            keep_session=user.session_id,
        )  # fmt: skip
        token = sessions.renew_token(db_session, user.session_id)
        db_session.refresh(staff)
        mark = devices.mark_of(staff.password_changed_at)
    session.clear()
    sign_in(token)
    flash(str(_("Your password is changed. Wherever else you were signed in, you are signed out.")), "success")
    target = _onwards() if must else url_for("staff.me")
    return remember_device(make_response(redirect(target, 303)), user.id, mark)


# --- second factor -------------------------------------------------------------------------------------------------


def _asks_before_setting_up() -> bool:
    """Always before a second factor gives way to another one: who finds a phone or PC open must not make it his.

    The first one may be set up without the password when that was given a moment ago.
    """
    return bool(current_user.has_second_factor) or not current_user.is_fresh


def _factor_page(form: SetUpForm, error: str = "", codes: list[str] | None = None) -> str:
    """The state of the second factor, its new recovery codes, or the QR code of a new secret."""
    user = current_user
    is_setting_up = codes is None and (not user.has_second_factor or request.args.get("replace") == "1")
    qr = secret = ""
    left = 0
    if is_setting_up:
        secret = _secret_of(form)
        issuer = settings().company_name or "Suthra Portal"
        qr = factor.qr_svg(factor.address_of(secret, user.username, issuer))
    else:
        with transaction() as db_session:
            left = factor.recovery_codes_left(db_session, user.id)
    return render_template(
        "staff/own_factor.html",
        form=form,
        password_form=PasswordForm(formdata=None),
        error=error,
        codes=codes,
        is_setting_up=is_setting_up,
        is_required=user.role in settings().second_factor_roles,
        must=user.step is not None,
        ask_password=_asks_before_setting_up(),
        qr=qr,
        secret=factor.spaced(secret),
        left=left,
        next=safe_next(request.values.get("next")) or "",
    )


def _secret_of(form: SetUpForm) -> str:
    """The secret of the form that was sent, as long as it is valid, else a new one (which goes into the form)."""
    key = settings().secret_key
    if form.sealed.data:
        try:
            return factor.unseal(key, current_user.id, str(form.sealed.data))
        except InvalidInputError:
            pass
    secret, form.sealed.data = factor.new_secret(key, current_user.id)
    return secret


@blueprint.get("/me/second-factor")
@require(Permission.SIGNED_IN)
def own_factor() -> ResponseReturnValue:
    """Set up the second factor, or see that it is."""
    return _factor_page(SetUpForm(formdata=None))


@blueprint.post("/me/second-factor")
@require(Permission.SIGNED_IN)
def own_factor_confirm() -> ResponseReturnValue:
    """Put the second factor in force with its first code; shows the recovery codes, this once."""
    form, user, key = SetUpForm(), current_user._get_current_object(), settings().secret_key
    if not form.validate():
        return make_response(_factor_page(form), 422)
    try:
        secret = factor.unseal(key, user.id, str(form.sealed.data or ""))
        if _asks_before_setting_up():
            confirm_password(str(form.password.data or ""))
        with transaction() as db_session:
            codes = factor.confirm(db_session, user.id, secret, str(form.code.data), key, me_acting())
            ended = sessions.end_all_sessions(db_session, user.id, keep=user.session_id) if codes else 0
            token = sessions.renew_token(db_session, user.session_id) if codes else ""
        if codes is None:
            raise InvalidInputError(_("This code is wrong. Look at the time of your phone: it must be set by itself."))
    except DomainError as error:
        return _refused(error, _factor_page(form, str(error)))
    session.clear()
    sign_in(token)
    if ended:
        flash(str(_("Wherever else you were signed in, you are signed out.")), "info")
    return make_response(_factor_page(SetUpForm(formdata=None), codes=codes))


@blueprint.post("/me/second-factor/codes")
@require(Permission.SIGNED_IN)
def own_factor_codes() -> ResponseReturnValue:
    """New recovery codes in the place of the old ones."""
    return _with_password("codes")


@blueprint.post("/me/second-factor/remove")
@require(Permission.SIGNED_IN)
def own_factor_remove() -> ResponseReturnValue:
    """Do without the second factor, where the role allows it."""
    return _with_password("remove")


def _with_password(what: str) -> ResponseReturnValue:
    form, user = PasswordForm(), current_user._get_current_object()
    try:
        if not user.has_second_factor:
            raise InvalidInputError(_("You have no second factor yet."))
        if what == "remove" and user.role in settings().second_factor_roles:
            raise InvalidInputError(_("Your role needs a second factor. You can replace it, not remove it."))
        if not form.validate():
            raise InvalidInputError(_("Enter your password."))
        confirm_password(str(form.password.data))
    except DomainError as error:
        return _refused(error, _factor_page(SetUpForm(formdata=None), str(error)))
    who = me_acting()
    with transaction() as db_session:
        staff = db_session.get_one(Staff, user.id, with_for_update=True)
        if what == "codes":
            codes = factor.renew_codes(db_session, user.id, settings().secret_key, who)
        else:
            factor.remove(db_session, staff, who)
    if what == "codes":
        return make_response(_factor_page(SetUpForm(formdata=None), codes=codes))
    flash(str(_("The second factor is off.")), "success")
    return redirect(url_for("staff.me"), 303)


# --- sessions ------------------------------------------------------------------------------------------------------


@blueprint.post("/me/sessions/<int:session_id>/end")
@require(Permission.SIGNED_IN)
def end_own_session(session_id: int) -> ResponseReturnValue:
    """End one of one's own sessions."""
    user = current_user._get_current_object()
    with transaction() as db_session:
        if not sessions.end_session(db_session, session_id, user.id):
            raise NotFoundError(_("There is no such session, or it has ended already."))
        _record_ended(db_session, 1)
    flash(str(_("The session is ended.")), "success")
    return redirect(url_for("staff.me") + "#sessions", 303)


@blueprint.post("/me/sessions/end-others")
@require(Permission.SIGNED_IN)
def end_other_sessions() -> ResponseReturnValue:
    """End all of one's sessions but this one."""
    user = current_user._get_current_object()
    with transaction() as db_session:
        ended = sessions.end_all_sessions(db_session, user.id, keep=user.session_id)
        if ended:
            _record_ended(db_session, ended)
    flash(ngettext("%(num)d other session is ended.", "%(num)d other sessions are ended.", ended), "success")
    return redirect(url_for("staff.me") + "#sessions", 303)


def _record_ended(db_session: Session, number: int) -> None:
    who = me_acting()
    record(
        db_session, "staff.sessions_ended", "staff", who.staff_id or "", actor=who.actor, staff_id=who.staff_id,
        address=who.address, after={"sessions": number},
    )  # fmt: skip
