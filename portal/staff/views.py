"""Signing in and out, the home page, one's own account, language and theme."""

from __future__ import annotations

from typing import Any

from flask import (
    Blueprint,
    Response,
    flash,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user, logout_user

from portal.db import side_transaction, transaction
from portal.errors import InvalidInputError
from portal.permissions import Permission, Role, require
from portal.staff import service
from portal.staff.forms import LoginForm
from portal.staff.login import sign_in
from portal.web import i18n
from portal.web.context import client_address, safe_next, settings

blueprint = Blueprint("staff", __name__)


def _login_page(form: LoginForm, status: int, error: str | None = None, wait: int = 0) -> Response:
    response = make_response(
        render_template(
            "staff/login.html",
            form=form,
            error=error,
            next=safe_next(request.values.get("next")) or "",
            expired=request.args.get("expired") == "1" and error is None,
        ),
        status,
    )
    if wait:
        response.headers["Retry-After"] = str(wait)
    return response


@blueprint.get("/login")
@require(Permission.PUBLIC)
def login() -> ResponseReturnValue:
    """The login page; who is signed in already goes on to where he wanted."""
    if current_user.is_authenticated:
        return redirect(safe_next(request.args.get("next")) or url_for("staff.home"), 303)
    return _login_page(LoginForm(), 200)


@blueprint.post("/login")
@require(Permission.PUBLIC)
def login_post() -> ResponseReturnValue:
    """Check name and password. Every failure says the same, whatever was wrong."""
    form = LoginForm()
    if not form.validate():
        return _login_page(form, 422)
    username, password = str(form.username.data), str(form.password.data)
    with side_transaction() as connection:
        attempt_id, wait = service.begin_attempt(connection, username, client_address())
    if attempt_id is None:
        message = ngettext(
            "Too many attempts. Wait %(num)d second and try again.",
            "Too many attempts. Wait %(num)d seconds and try again.",
            wait,
        )
        return _login_page(form, 429, str(message), wait)
    with transaction() as db_session:
        if current_user.is_authenticated:  # somebody signs in over an open session: that one ends
            service.end_session(db_session, current_user.session_id)
        staff = service.authenticate(db_session, username, password, settings().bcrypt_cost)
        token = None
        if staff is not None:
            agent = request.user_agent.string
            token = service.open_session(db_session, staff, attempt_id, client_address(), agent)
    if token is None:
        return _login_page(form, 401, str(_("User name or password is wrong.")))
    session.clear()  # nothing an anonymous session held survives: no fixation
    sign_in(token)
    return redirect(safe_next(request.form.get("next")) or url_for("staff.home"), 303)


@blueprint.post("/logout")
@require(Permission.SIGNED_IN)
def logout() -> ResponseReturnValue:
    """End the session here and in the table."""
    with transaction() as db_session:
        service.end_session(db_session, current_user.session_id)
    logout_user()
    session.clear()
    flash(str(_("You are signed out.")), "info")
    return redirect(url_for("staff.login"), 303)


@blueprint.get("/")
@require(Permission.SIGNED_IN)
def home() -> ResponseReturnValue:
    """The first page of a role: figures for the office, search and own areas for the field."""
    if current_user.role in {Role.AGENT, Role.SUPERVISOR}:
        return redirect(url_for("staff.field_home"), 302)
    return redirect("/dash/overview/", 302)


@blueprint.get("/home")
@require(Permission.SIGNED_IN)
def field_home() -> ResponseReturnValue:
    """Search box and own areas: what a phone in the field opens on."""
    return render_template("staff/home.html")


@blueprint.get("/me")
@require(Permission.SIGNED_IN)
def me() -> ResponseReturnValue:
    """One's own account: role, areas, language, theme, signing out."""
    names = {"languages": i18n.LANGUAGES, "themes": _theme_names(), "role_name": role_name(current_user.role)}
    return render_template("staff/me.html", **names)


def _theme_names() -> dict[str, str]:
    return {"system": str(_("As the device")), "light": str(_("Light")), "dark": str(_("Dark"))}


def role_name(role: Role) -> str:
    """The role in the reader's language."""
    names: dict[Role, Any] = {
        Role.AGENT: _("Field agent"),
        Role.SUPERVISOR: _("Supervisor"),
        Role.ADMIN: _("Office administrator"),
        Role.MANAGER: _("Manager"),
        Role.HEAD: _("Head administrator"),
    }
    return str(names[role])


@blueprint.post("/preferences")
@require(Permission.PUBLIC)
def preferences() -> ResponseReturnValue:
    """Remember language or theme: in the browser, and for a signed-in person also on his account."""
    language, theme = request.form.get("language"), request.form.get("theme")
    if (language is not None and language not in i18n.LANGUAGES) or (theme is not None and theme not in i18n.THEMES):
        raise InvalidInputError(_("There is no such language or theme."))
    if current_user.is_authenticated:
        with transaction() as db_session:
            service.save_preferences(db_session, current_user.id, language=language, theme=theme)
    response = redirect(safe_next(request.form.get("next")) or url_for("staff.home"), 303)
    for name, value in (("language", language), ("theme", theme)):
        if value is not None:
            response.set_cookie(
                name, value, max_age=i18n.COOKIE_SECONDS, httponly=True, samesite="Lax", secure=settings().behind_tls
            )
    return response


@blueprint.get("/session")
@require(Permission.SIGNED_IN)
def session_state() -> ResponseReturnValue:
    """Seconds until the idle session ends. Asked by the page's timer, so it is no activity by itself."""
    left = settings().idle_minutes * 60 - int(current_user.idle_seconds)
    return jsonify(seconds_left=max(left, 0))


@blueprint.post("/session")
@require(Permission.SIGNED_IN)
def session_stay() -> ResponseReturnValue:
    """ "Stay signed in": an activity like any other."""
    with side_transaction() as connection:
        service.touch_session(connection, current_user.session_id, 0)
    return jsonify(seconds_left=settings().idle_minutes * 60)
