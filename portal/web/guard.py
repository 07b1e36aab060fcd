"""Deny by default: no view runs unless it declares a permission and the signed-in person has it.

The routes of Dash apps declare theirs in `dashapps.mount`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog
from flask import Flask, current_app, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from portal.errors import DomainError, ForbiddenError
from portal.permissions import AreaScope, Permission
from portal.web.context import here, referring_path, wants_data

log = structlog.get_logger(__name__)

# Views made by libraries, which cannot carry a decorator. Static files hold nothing of anybody.
LIBRARY_ENDPOINTS: dict[str, Permission] = {"static": Permission.PUBLIC, "bootstrap.static": Permission.PUBLIC}


class SignInRequired(DomainError):
    """Nobody is signed in (any more)."""

    status = 401
    code = "sign_in_required"


@dataclass(frozen=True)
class Step:
    """What somebody who gave his password has to do before anything else, e.g. give his second factor.

    Until then only `endpoints` are open to him; from everywhere else he is led to `endpoint`. `sentence` tells
    scripts why.
    """

    endpoint: str
    endpoints: frozenset[str]
    sentence: Any


class StepFirst(DomainError):
    """Something has to be done first, on a page."""

    status = 403
    code = "step_first"


def permission_of(app: Flask, endpoint: str) -> Permission | None:
    """The permission an endpoint declares, None when it declares none (and so cannot be called)."""
    if endpoint in LIBRARY_ENDPOINTS:
        return LIBRARY_ENDPOINTS[endpoint]
    declared = getattr(app.view_functions.get(endpoint), "__permission__", None)
    return declared if isinstance(declared, Permission) else None


def current_scope() -> AreaScope:
    """The area of the signed-in person; of nobody: nothing."""
    scope = getattr(current_user, "scope", None)
    return scope if isinstance(scope, AreaScope) else AreaScope()


def sign_in_first() -> ResponseReturnValue:
    """Send an anonymous page request to the login page (and back here afterwards); data requests get a 401."""
    expired = "_user_id" in session
    if wants_data():
        raise SignInRequired(_("Your session has ended. Sign in again."))
    target = here() if request.method in {"GET", "HEAD"} else referring_path()
    values = {"next": target} if target and target != "/" else {}
    if expired:
        values["expired"] = "1"
    return redirect(url_for("staff.login", _external=False, **values), 303)


def step_first(step: Step) -> ResponseReturnValue | None:
    """None on the pages of the step, else the way there (and back here afterwards)."""
    if request.endpoint in step.endpoints:
        return None
    if wants_data():
        raise StepFirst(step.sentence)
    target = here() if request.method in {"GET", "HEAD"} else referring_path()
    return redirect(url_for(step.endpoint, next=target if target != "/" else None), 303)


def check(permission: Permission | None) -> ResponseReturnValue | None:
    """None when the current person may go on, else the answer he gets instead. Raises ForbiddenError."""
    if permission is Permission.PUBLIC:
        return None
    step = getattr(current_user, "step", None)
    if isinstance(step, Step):
        return step_first(step)
    if not current_user.is_authenticated:
        return sign_in_first()
    if permission is None or not current_user.can(permission):
        log.warning("denied", endpoint=request.endpoint, permission=permission, staff_id=current_user.id)
        raise ForbiddenError(_("Your role does not allow this."))
    return None


def _guard() -> ResponseReturnValue | None:
    if request.endpoint is None:  # no such URL: 404, whoever asks
        return None
    g.permission = permission_of(current_app, request.endpoint)
    return check(g.permission)


def install(app: Flask) -> None:
    """Put the guard before every request."""
    app.before_request(_guard)
