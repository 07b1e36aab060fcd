"""Every error as a page in the product's look, or as JSON for scripts."""

from __future__ import annotations

import math
import time
from typing import Any
from urllib.parse import urlsplit

import structlog
from flask import Flask, g, jsonify, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, SecurityError

from portal.errors import DomainError
from portal.extensions import limiter
from portal.web.context import wants_data

log = structlog.get_logger(__name__)

# Never offered again: what was typed as a secret, in whatever field that says so.
_SECRET_FIELDS = ("password", "repeated", "csrf_token", "code", "secret", "sealed")
PLAIN = "text/plain; charset=utf-8"


def _words(status: int) -> tuple[str, str]:
    """Heading and explanation: what happened, what was not done, what to do."""
    nothing = _("Nothing was changed.")
    words: dict[int, tuple[Any, Any]] = {
        400: (_("The request could not be read"), _("Go back, check what you entered and try again.")),
        401: (_("You are not signed in"), _("Sign in and try again.")),
        403: (_("You may not open this"), _("Your role does not allow it. Ask your administrator if you need it.")),
        404: (
            _("There is nothing here"),
            _("The address is wrong, or what it leads to lies outside your area. Check the link or search."),
        ),
        405: (_("This cannot be done this way"), _("Use the buttons of the page.")),
        409: (_("Somebody was faster"), _("Open the page again and look at the new state.")),
        413: (_("The file is too large"), _("Split the file, or ask your administrator to raise the limit.")),
        422: (_("This cannot be accepted"), _("Correct what is wrong and send it again.")),
        429: (_("Too many requests"), _("Wait a minute and try again.")),
        503: (_("The service is not ready"), _("Try again in a minute.")),
    }
    fallback = (
        _("Something failed here"),
        _("The failure is recorded. Try again; if it stays, report the number below."),
    )
    heading, text = words.get(status, fallback if status >= 500 else words[400])
    return str(heading), str(text) if status in {403, 404} else f"{nothing} {text}"


def render_error(status: int, message: str | None = None, code: str = "error", **details: Any) -> ResponseReturnValue:
    """The answer for an error. `message` is a sentence for the user and replaces the general explanation."""
    heading, explanation = _words(status)
    if wants_data():
        return make_response(jsonify(error=code, message=message or explanation, details=details), status)
    resend = details.pop("resend", None)
    page = render_template(
        "errors/error.html",
        status=status,
        error_heading=heading,
        explanation=message or explanation,
        request_id=g.get("request_id", "") if status >= 500 else "",
        resend=resend,
    )
    return make_response(page, status)


def _domain_error(error: DomainError) -> ResponseReturnValue:
    if error.status >= 500:
        log.error("domain error", code=error.code, message=str(error))
    return render_error(error.status, str(error), error.code, **error.details)


def _http_error(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None:
        return error.response
    if isinstance(error, SecurityError):  # a host that is not ours: there are no URLs to make a page with
        return make_response(str(_("The portal is not reached under this address.")), 400, {"Content-Type": PLAIN})
    status = error.code or 500
    if status < 400:
        return error.get_response()  # a redirect of the router
    answer = render_error(status, code=(error.name or "error").lower().replace(" ", "_"))
    for name, value in error.get_headers():
        if name.lower() not in {"content-type", "content-length"}:
            answer.headers[name] = value  # type: ignore[union-attr]  # Allow, Retry-After
    if status == 429 and limiter.current_limit is not None:
        seconds = math.ceil(limiter.current_limit.reset_at - time.time())
        answer.headers.setdefault("Retry-After", str(max(seconds, 1)))  # type: ignore[union-attr]
    return answer


def _is_own_page() -> bool:
    """Whether the browser says that the form was sent from a page of this site."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        return False
    origin = request.headers.get("Origin")
    return urlsplit(origin or request.referrer or "").netloc == request.host


def _csrf_error(_error: CSRFError) -> ResponseReturnValue:
    """The form was too old, or forged. What was typed is offered again, but only to a form of our own pages."""
    message = str(_("This form was open too long or does not come from this site. Nothing was changed."))
    if request.endpoint == "staff.login_post":
        again = url_for("staff.login", next=request.form.get("next") or None)
        return render_error(400, message, "csrf", resend={"link": again})
    resend = None
    if _is_own_page() and not request.files:
        typed = request.form.items(multi=True)
        fields = [(name, value) for name, value in typed if not any(secret in name for secret in _SECRET_FIELDS)]
        resend = {"action": request.full_path.rstrip("?"), "fields": fields}
    return render_error(400, message, "csrf", **({"resend": resend} if resend and not wants_data() else {}))


def _unexpected(error: Exception) -> ResponseReturnValue:
    log.exception("unexpected error", exc_info=error)
    try:
        _ = current_user.is_authenticated
    except Exception:
        # The database may be what failed: show the page as to somebody unknown.
        from flask_login import AnonymousUserMixin

        g._login_user = AnonymousUserMixin()
    return render_error(500)


def install(app: Flask) -> None:
    """Register the handlers."""
    app.register_error_handler(DomainError, _domain_error)
    app.register_error_handler(CSRFError, _csrf_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected)
