"""The home page, one's own account, language and theme. The other pages of staff register on the same blueprint."""

from __future__ import annotations

from flask import make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from portal.db import session, transaction
from portal.errors import InvalidInputError
from portal.mail.addresses import refusal_of
from portal.permissions import Permission, Role, require
from portal.roles import role_name
from portal.staff import account_views, reset_views, service, sessions, signin_views  # noqa: F401 - registers the views
from portal.staff.web import blueprint
from portal.web import i18n
from portal.web.context import safe_next, settings
from portal.web.cookies import set_cookie

__all__ = ["blueprint"]


@blueprint.get("/")
@require(Permission.SIGNED_IN)
def home() -> ResponseReturnValue:
    """The first page of a role: figures for the office, what to do next for the field."""
    if current_user.role == Role.AGENT:
        return redirect(url_for("field.assigned"), 302)
    if current_user.role == Role.SUPERVISOR:
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
    """One's own account: role, areas, password, second factor, sessions, language, theme, signing out."""
    config = settings()
    own = sessions.open_sessions(
        session(), current_user.id, current_user.session_id, config.idle_minutes, config.session_hours
    )
    return render_template(
        "staff/me.html",
        languages=i18n.offered(),
        themes=_theme_names(),
        role_name=role_name(current_user.role),
        sessions=own,
        refusal=refusal_of(session(), current_user.email),
        needs_second_factor=current_user.role in config.second_factor_roles,
    )


def _theme_names() -> dict[str, str]:
    return {
        "system": str(_("As the device")),
        "light": str(_("Light")),
        "dark": str(_("Dark")),
        "sunlight": str(_("Sunlight")),
    }


@blueprint.post("/preferences")
@require(Permission.PUBLIC)
def preferences() -> ResponseReturnValue:
    """Remember language or theme: in the browser, and for a signed-in person also on his account, as is whether he
    saves data."""
    language, theme = request.form.get("language"), request.form.get("theme")
    low_data = request.form.get("low_data")
    if (language is not None and language not in i18n.offered()) or (theme is not None and theme not in i18n.THEMES):
        raise InvalidInputError(_("There is no such language or theme."))
    if current_user.is_authenticated:
        with transaction() as db_session:
            service.save_preferences(
                db_session,
                current_user.id,
                language=language,
                theme=theme,
                low_data=None if low_data is None else low_data == "1",
            )
    response = make_response(redirect(safe_next(request.form.get("next")) or url_for("staff.home"), 303))
    for name, value in (("language", language), ("theme", theme)):
        if value is not None:
            set_cookie(response, name, value, i18n.COOKIE_SECONDS)
    return response
