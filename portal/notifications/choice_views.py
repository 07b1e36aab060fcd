"""What a person chooses to be told of and how, the link in mails that ends them, and addresses that take no mail."""

from __future__ import annotations

from flask import flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from portal import db
from portal.audit.service import record
from portal.db import transaction
from portal.errors import NotFoundError
from portal.extensions import csrf
from portal.mail.addresses import forget_refusal, refusal_of
from portal.mail.service import is_configured
from portal.notifications import preferences, unsubscribe
from portal.notifications.preferences import DIGEST
from portal.notifications.types import GROUPS, TYPES
from portal.notifications.views import blueprint
from portal.notifications.words import MAIL
from portal.permissions import Permission, require
from portal.staff.models import Staff
from portal.web.context import client_address, settings


@blueprint.get("/me/notifications")
@require(Permission.SIGNED_IN)
def choices() -> ResponseReturnValue:
    """How one is told of each type."""
    config = settings()
    return render_template(
        "notifications/choices.html",
        groups=GROUPS,
        choices=preferences.choices(db.session(), current_user.id, current_user.role),
        ways=MAIL,
        email=current_user.email,
        refusal=refusal_of(db.session(), current_user.email),
        can_mail=is_configured(config) and bool(config.public_url),
        digest_hour=config.digest_hour,
    )


@blueprint.post("/me/notifications")
@require(Permission.SIGNED_IN)
def choices_post() -> ResponseReturnValue:
    """Store the choices, or go back to those that everybody has at first."""
    with transaction() as db_session:
        if request.form.get("default") == "1":
            preferences.back_to_default(db_session, current_user.id)
        else:
            wanted = {
                name: (request.form.get(f"app-{name}") == "1", request.form.get(f"mail-{name}", ""))
                for name in TYPES
                if f"mail-{name}" in request.form
            }
            preferences.save(db_session, current_user.id, current_user.role, wanted)
    flash(_("Saved."), "success")
    return redirect(url_for("notifications.choices"), 303)


@blueprint.post("/me/notifications/address")
@require(Permission.SIGNED_IN)
def try_address_again() -> ResponseReturnValue:
    """One's own address takes mail again: the next mail will tell."""
    with transaction() as db_session:
        if forget_refusal(db_session, current_user.email):
            record(
                db_session, "mail.address_reset", "staff", current_user.id, actor=current_user.username,
                staff_id=current_user.id, address=client_address(),
            )  # fmt: skip
    flash(_("Mails go to your address again."), "success")
    return redirect(url_for("notifications.choices"), 303)


# --- the link in mails ---------------------------------------------------------------------------------------------


def _person(token: str) -> tuple[Staff, str]:
    """The person and the type of a link. Raises NotFoundError for one that is not ours."""
    known = unsubscribe.read(settings(), token)
    staff = db.session().get(Staff, known[0]) if known else None
    if known is None or staff is None:
        raise NotFoundError(_("This link is not whole. Copy all of it from the mail."))
    return staff, known[1]


def _stop_page(what: str, done: bool) -> ResponseReturnValue:
    label = _("the daily mail") if what == DIGEST else TYPES[what].label
    response = make_response(render_template("notifications/stop.html", label=label, done=done))
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


@blueprint.get("/notifications/stop/<token>")
@require(Permission.PUBLIC)
def stop(token: str) -> ResponseReturnValue:
    """Asks for one press: programs that look at the links of a mail must not switch anything off."""
    return _stop_page(_person(token)[1], done=False)


@blueprint.post("/notifications/stop/<token>")
@csrf.exempt  # type: ignore[untyped-decorator]
@require(Permission.PUBLIC)
def stop_post(token: str) -> ResponseReturnValue:
    """No more mails of this type. Twice is once.

    Mail programs send it without any page of ours (RFC 8058), so there is no form token: the signed link is the
    permission.
    """
    with transaction() as db_session:
        staff, what = _person(token)
        preferences.switch_mail_off(db_session, staff.id, staff.role, what, staff.username)
    return _stop_page(what, done=True)
