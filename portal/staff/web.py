"""What the views of signing in and of one's own account share: blueprint, cookies, the queue, rate limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from flask import Blueprint, Response, current_app, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user
from sqlalchemy.orm import Session

from portal.db import side_transaction, transaction
from portal.errors import DomainError, InvalidInputError
from portal.extensions import limiter
from portal.staff import devices, passwords, selects, signin
from portal.staff.happenings import Happening, What, tell
from portal.staff.password_queue import PasswordQueue
from portal.staff.password_rules import PasswordRules
from portal.staff.second_factor import Who
from portal.staff.sessions import device_words
from portal.web.context import client_address, settings
from portal.web.cookies import get_cookie, set_cookie
from portal.web.slots import stepped_aside

T = TypeVar("T")

blueprint = Blueprint("staff", __name__)
DEVICE_COOKIE = "portal_device"

# By address, over everything that is tried from it. A whole office behind one address stays far below.
SIGN_IN_RATE = "300 per minute"
RESET_RATE = "20 per minute; 100 per hour"
sign_in_limit = limiter.shared_limit(SIGN_IN_RATE, scope="sign-in")
reset_limit = limiter.shared_limit(RESET_RATE, scope="reset")


class WaitError(DomainError):
    """Too many failures; `seconds` says how long to wait."""

    status = 429
    code = "wait"

    def __init__(self, seconds: int) -> None:
        super().__init__(
            ngettext(
                "Too many attempts. Wait %(num)d second and try again.",
                "Too many attempts. Wait %(num)d seconds and try again.",
                seconds,
            )
        )
        self.seconds = seconds


def _queued(work: Callable[[], T]) -> T:
    """Run a check when its turn has come, in a thread that knows no request. No connection may be held meanwhile."""
    queue = cast(PasswordQueue, current_app.extensions["password_queue"])
    with stepped_aside():
        return queue.run(work)


def checked(account: signin.Account | None, password: str) -> str | None:
    """`signin.check_password` in the queue."""
    cost = settings().bcrypt_cost
    return _queued(lambda: signin.check_password(account, password, cost))


def hashed(password: str) -> str:
    """The hash of a new password, made in the queue."""
    cost = settings().bcrypt_cost
    return _queued(lambda: passwords.hash_password(password, cost))


def matches(password: str, stored: str) -> bool:
    """Whether a password (or a code that is hashed like one) belongs to a hash, found out in the queue."""
    return _queued(lambda: passwords.verify_password(password, stored))


def rules() -> PasswordRules:
    """The rules for new passwords in force."""
    return PasswordRules.of(settings())


def me_acting() -> Who:
    """The signed-in person, for the audit log."""
    return Who(current_user.username, current_user.id, client_address())


def is_known_device(staff_id: int, mark: int) -> bool:
    """Whether the person has signed in with this browser before."""
    return devices.is_known(get_cookie(DEVICE_COOKIE), settings().secret_key, staff_id, mark)


def remember_device(response: Response, staff_id: int, mark: int) -> Response:
    """Note in the browser that the person has signed in with it."""
    value = devices.remembering(get_cookie(DEVICE_COOKIE), settings().secret_key, staff_id, mark)
    set_cookie(response, DEVICE_COOKIE, value, devices.DAYS * 86_400)
    return response


def tell_of_new_device(db_session: Session, account: signin.Account) -> None:
    """Tell of a sign-in, in its transaction, when this browser is new to the person and not his first one at all."""
    if devices.has_met(get_cookie(DEVICE_COOKIE), settings().secret_key, account.id):
        return
    if db_session.scalar(selects.has_signed_in_before(account.id)):
        device = device_words(request.user_agent.string)
        tell(db_session, Happening(What.NEW_DEVICE, account.id, account.username, True, client_address(), device))


def begin_attempt(name: str, account: signin.Account | None) -> int:
    """Count an attempt; its id. Raises WaitError when too many failed."""
    is_known = account is not None and is_known_device(account.id, account.device_mark)
    with side_transaction() as connection:
        attempt_id, wait = signin.begin_attempt(connection, name, client_address(), is_known)
    if attempt_id is None:
        raise WaitError(wait)
    return attempt_id


def confirm_password(password: str) -> None:
    """Raises InvalidInputError unless it is the signed-in person's password, WaitError after too many failures."""
    with transaction() as db_session:
        account = signin.find_account(db_session, current_user.username)
    if account is None:
        raise InvalidInputError(_("This password is wrong."))
    attempt_id = begin_attempt(account.username.lower(), account)
    if checked(account, password) is None:
        with transaction() as db_session:
            signin.record_failure(db_session, account, client_address(), "confirmation")
        raise InvalidInputError(_("This password is wrong."))
    with transaction() as db_session:
        signin.end_attempt(db_session, attempt_id)


def wait_page(error: WaitError, page: ResponseReturnValue) -> Response:
    """A page that shows the error, with the status and the header that say how long."""
    response = current_app.make_response(page)
    response.status_code = error.status
    response.headers["Retry-After"] = str(error.seconds)
    return response
