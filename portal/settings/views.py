"""The settings page of HEAD: a page for each section, logo, test mail, what the environment holds, history."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Mapping
from typing import Any, cast

from flask import Blueprint, Response, current_app, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from flask_wtf import FlaskForm

from portal.audit.service import record
from portal.config import Settings
from portal.db import session, transaction
from portal.errors import ConflictError, NotFoundError, RefusedFileError
from portal.extensions import limiter
from portal.mail.compose import compose
from portal.mail.service import MailError, is_configured, send
from portal.permissions import Permission, require
from portal.settings import catalogue, connections, forms, images, selects, service, words
from portal.settings.catalogue import BY_NAME, SECTION_NAMES, Kind, Section
from portal.settings.models import SettingChange
from portal.web import format as fmt
from portal.web.assets import FOR_EVER
from portal.web.context import client_address, settings
from portal.web.filters import language
from portal.web.pages import Key, paginate

blueprint = Blueprint("settings", __name__)

LAST_CHANGES = 5


def _environment() -> Settings:
    """What holds where nothing was changed."""
    return cast(Settings, current_app.extensions["settings"])


def _actor() -> service.Actor:
    return service.Actor(current_user.username, current_user.id, client_address())


def _today() -> dt.date:
    return dt.datetime.now(fmt.KARACHI).date()


def _section(name: str) -> Section:
    try:
        return Section(name)
    except ValueError:
        raise NotFoundError(_("There is no such page of settings.")) from None


def _areas() -> list[Any]:
    """Districts and tehsils as (id, kind, name with the parent's)."""
    found = []
    for row in session().execute(selects.target_areas()):
        name, parent = row.name, row.parent
        if language() == "ur":
            name, parent = row.name_ur or name, row.parent_ur or parent
        found.append({"id": row.id, "kind": row.kind, "name": f"{name} ({parent})" if parent else name})
    return found


def _words() -> Any:
    """A function (name of a setting, stored value) -> text, with the names of areas at hand."""
    names = {one["id"]: one["name"] for one in _areas()}

    def shown(name: str, value: Any) -> str:
        return words.shown(BY_NAME[name], value, names)

    return shown


def _tabs() -> list[tuple[str, str, str]]:
    """(key, label, address) of every page."""
    pages = [(str(one), str(SECTION_NAMES[one]), url_for(".show", section=one)) for one in Section]
    return [
        *pages,
        ("environment", str(_("Keys and connections")), url_for(".environment")),
        ("history", str(_("History")), url_for(".history")),
    ]


def _page(section: Section, status: int = 200, **changed: Any) -> ResponseReturnValue:
    """A page of settings; `changed` replaces what it shows by default."""
    version, now = service.read(session(), _environment())
    specs = catalogue.of_section(section)
    names = [spec.name for spec in catalogue.SPECS if spec.section is section]
    recent = selects.history(names).order_by(SettingChange.id.desc()).limit(LAST_CHANGES)
    shown: dict[str, Any] = {
        "section": section,
        "title": SECTION_NAMES[section],
        "specs": specs,
        "form": None,
        "version": version,
        "now": now,
        "defaults": service.defaults(_environment()),
        "changes": session().scalars(recent).all(),
        "labels": {name: BY_NAME[name].label for name in names},
        "areas": _areas() if section is Section.BILLING else [],
        "new_rows": forms.NEW_ROWS,
        "told": [],
        "promise": "",
        "clashes": [],
        "logo_error": "",
        "email": getattr(current_user, "email", None),
        "can_send": is_configured(settings()),
        "Kind": Kind,
        "words": _words(),
        "tabs": _tabs(),
        "tab": str(section),
        **changed,
    }
    shown["form"] = shown["form"] or forms.form_of(section, now)
    return make_response(render_template("settings/section.html", **shown), status)


@blueprint.get("/settings/")
@require(Permission.MANAGE_SETTINGS)
def index() -> ResponseReturnValue:
    """The first page."""
    return _page(Section.GENERAL)


@blueprint.get("/settings/<section>")
@require(Permission.MANAGE_SETTINGS)
def show(section: str) -> ResponseReturnValue:
    """One page of settings."""
    return _page(_section(section))


@blueprint.post("/settings/<section>")
@require(Permission.MANAGE_SETTINGS)
def save(section: str) -> ResponseReturnValue:
    """Save what was changed on a page: all of it or, when one value is wrong or somebody was faster, nothing."""
    page = _section(section)
    form = forms.form_of(page, {}, request.form)
    seen = forms.version_of(request.form)
    if not form.validate():
        return _page(page, 422, form=form, version=seen)
    typed = forms.stored_values(form, catalogue.of_section(page))
    try:
        with transaction() as db_session:
            plan = service.plan(db_session, _environment(), typed, seen)
            told = words.consequences(plan.before, plan.after, _today(), language())
            is_confirmed = not told or request.form.get("confirm") == plan.promise
            if is_confirmed:
                service.write(db_session, plan, _actor())
    except service.SettingsConflict as conflict:
        return _conflict(page, form, conflict)
    except service.SettingsErrors as error:
        return _page(page, 422, form=_with_errors(form, error.errors), version=seen)
    if not is_confirmed:
        return _page(page, form=form, version=seen, told=told, promise=plan.promise)
    flash(str(_("Saved. It holds from now on.") if plan.after else _("Nothing was different, so nothing was saved.")),
          "success" if plan.after else "info")  # fmt: skip
    return redirect(url_for(".show", section=page), 303)


def _with_errors(form: FlaskForm, errors: Mapping[str, str]) -> FlaskForm:
    """The form with errors of values that do not go together; on its first field where the field is elsewhere."""
    fields = [field for field in form if field.name in BY_NAME]
    for name, sentence in errors.items():
        field = form[name] if name in form else fields[0]
        field.errors = [*field.errors, sentence]
    return form


def _conflict(page: Section, form: FlaskForm, conflict: service.SettingsConflict) -> ResponseReturnValue:
    """Both versions. The form keeps what this person changed himself, and shows the state of now in all else."""
    current = forms.form_of(page, conflict.now)
    for name in conflict.mine:
        if name in form:
            current[name].data = form[name].data
    return _page(page, 409, form=current, version=conflict.version, now=conflict.now, clashes=conflict.clashes)


# --- the logo ----------------------------------------------------------------------------------------------------


def _save_logo(picture: images.Picture | None) -> ResponseReturnValue:
    try:
        with transaction() as db_session:
            if picture is not None:
                service.keep_image(db_session, picture)
            typed = {"logo": picture.facts if picture else None}
            plan = service.plan(db_session, _environment(), typed, forms.version_of(request.form))
            service.write(db_session, plan, _actor())
    except service.SettingsConflict as conflict:
        flash(str(conflict), "warning")
        return redirect(url_for(".show", section=Section.GENERAL), 303)
    flash(str(_("The logo is in use.") if picture else _("The logo is removed.")), "success")
    return redirect(url_for(".show", section=Section.GENERAL), 303)


@blueprint.post("/settings/logo")
@require(Permission.MANAGE_SETTINGS)
def save_logo() -> ResponseReturnValue:
    """Take an uploaded picture as the logo."""
    file = request.files.get("logo")
    try:
        if file is None:
            raise RefusedFileError(_("Choose a picture first."))
        picture = images.read_logo(file.stream)
    except RefusedFileError as error:
        return _page(Section.GENERAL, 422, logo_error=str(error))
    return _save_logo(picture)


@blueprint.post("/settings/logo/remove")
@require(Permission.MANAGE_SETTINGS)
def remove_logo() -> ResponseReturnValue:
    """Go without a logo; the history can set it back."""
    return _save_logo(None)


@blueprint.get("/logo/<digest>.png")
@require(Permission.PUBLIC)
def logo_image(digest: str) -> Response:
    """A logo by its digest: also for the sign-in page, kept by browsers for ever, never run as anything."""
    stored = session().scalar(selects.image(digest)) if digest.isalnum() and len(digest) == 32 else None
    if stored is None:
        raise NotFoundError(_("There is no such picture."))
    response = make_response(base64.b64decode(stored["png"]))
    response.headers["Content-Type"] = "image/png"
    response.headers["Content-Disposition"] = 'inline; filename="logo.png"'
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cache-Control"] = FOR_EVER
    return response


# --- mail, keys and connections ----------------------------------------------------------------------------------


@blueprint.post("/settings/mail/test")
@require(Permission.MANAGE_SETTINGS)
@limiter.limit("10 per minute")
def test_mail() -> ResponseReturnValue:
    """Send a mail to oneself with the saved settings, and tell what the server said."""
    email = getattr(current_user, "email", None)
    back = redirect(url_for(".show", section=Section.MAIL), 303)
    if not email:
        flash(str(_("Your account has no e-mail address, so there is nowhere to send a test to.")), "warning")
        return back
    outcome: dict[str, Any]
    try:
        answer = send(compose(email, "test", language(), name=current_user.full_name or current_user.username),
                      settings())  # fmt: skip
        outcome = {"sent": True, "answer": answer}
        flash(str(_("The mail server took the mail to %(address)s. It said: %(answer)s", address=email, answer=answer)),
              "success")  # fmt: skip
    except MailError as error:
        outcome = {"sent": False, "answer": str(error)}
        flash(str(error), "error")
    with transaction() as db_session:
        who = _actor()
        record(db_session, "settings.test_mail", "setting", "smtp_host", actor=who.name, staff_id=who.staff_id,
               address=who.address, after=outcome)  # fmt: skip
    return back


def _environment_page(findings: Mapping[str, connections.Finding] | None = None) -> str:
    return render_template(
        "settings/environment.html",
        secrets=connections.secrets_of(settings()),
        findings=findings,
        storage=settings().storage_url,
        tabs=_tabs(),
        tab="environment",
    )


@blueprint.get("/settings/environment")
@require(Permission.MANAGE_SETTINGS)
def environment() -> ResponseReturnValue:
    """Which keys and passwords the environment holds. Never what they are."""
    return _environment_page()


@blueprint.post("/settings/environment")
@require(Permission.MANAGE_SETTINGS)
@limiter.limit("10 per minute")
def check_environment() -> ResponseReturnValue:
    """The same, and whether each connection works now."""
    return _environment_page(connections.check_all(settings()))


# --- the history -------------------------------------------------------------------------------------------------


@blueprint.get("/settings/history")
@require(Permission.MANAGE_SETTINGS)
def history() -> ResponseReturnValue:
    """Every change, the newest first."""
    keys = [Key(SettingChange.id, descending=True)]
    return render_template(
        "settings/history.html",
        page=paginate(session(), selects.history(list(BY_NAME)), keys, request.args.get("cursor")),
        specs=BY_NAME,
        defaults=service.defaults(_environment()),
        words=_words(),
        tabs=_tabs(),
        tab="history",
    )


def _change_page(change: SettingChange, status: int = 200) -> ResponseReturnValue:
    """One change, and what setting it back would do (or why that cannot be done)."""
    plan, told, refused = None, [], ""
    try:
        plan = service.plan_undo(session(), _environment(), change)
        told = words.consequences(plan.before, plan.after, _today(), language())
    except ConflictError as error:
        refused = str(error)
    except service.SettingsErrors as error:
        refused = " ".join(error.errors.values())
    page = render_template(
        "settings/change.html",
        change=change,
        spec=BY_NAME[change.name],
        default=service.defaults(_environment())[change.name],
        plan=plan,
        told=told,
        refused=refused,
        words=_words(),
        tabs=_tabs(),
        tab="history",
    )
    return make_response(page, status)


@blueprint.get("/settings/history/<int:change_id>")
@require(Permission.MANAGE_SETTINGS)
def change(change_id: int) -> ResponseReturnValue:
    """What setting a change back would do."""
    return _change_page(service.find_change(session(), change_id))


@blueprint.post("/settings/history/<int:change_id>")
@require(Permission.MANAGE_SETTINGS)
def undo(change_id: int) -> ResponseReturnValue:
    """Set back what a change did, when that is still what holds and still what was shown."""
    found = service.find_change(session(), change_id)
    try:
        with transaction() as db_session:
            plan = service.plan_undo(db_session, _environment(), found)
            is_shown = request.form.get("confirm") == plan.promise
            if is_shown:
                service.write(db_session, plan, _actor(), "settings.undo")
    except (ConflictError, service.SettingsErrors) as error:
        return _change_page(service.find_change(session(), change_id), error.status)
    if not is_shown:
        return _change_page(found)
    flash(str(_("Set back. It holds from now on.")), "success")
    return redirect(url_for(".show", section=BY_NAME[found.name].section), 303)
