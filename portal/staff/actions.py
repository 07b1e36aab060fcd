"""The actions on an account that are one press and a confirmation: their words, and what they do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy.orm import Session

from portal.errors import NotFoundError
from portal.staff import accounts
from portal.staff.authority import By
from portal.staff.rules import Action


@dataclass(frozen=True)
class Step:
    """One action: what the page of confirmation says, and the use case. `run` returns the sentence of success."""

    action: Action
    title: Any
    button: Any
    consequences: tuple[Any, ...]
    icon: str
    run: Callable[[Session, By, int, int, str], str]
    is_danger: bool = False


def _deactivate(session: Session, by: By, staff_id: int, version: int, reason: str) -> str:
    accounts.deactivate(session, by, staff_id, version, reason)
    return str(_l("The account is deactivated."))


def _reactivate(session: Session, by: By, staff_id: int, version: int, reason: str) -> str:
    accounts.reactivate(session, by, staff_id, version, reason)
    return str(_l("The account is active again."))


def _sign_out(session: Session, by: By, staff_id: int, _version: int, reason: str) -> str:
    ended = accounts.sign_out_everywhere(session, by, staff_id, reason)
    return str(ngettext("%(num)d session ended.", "%(num)d sessions ended.", ended))


def _unlock(session: Session, by: By, staff_id: int, _version: int, reason: str) -> str:
    accounts.unlock(session, by, staff_id, reason)
    return str(_l("The account is unlocked: nobody has to wait before signing in."))


def _reset_second_factor(session: Session, by: By, staff_id: int, _version: int, reason: str) -> str:
    accounts.reset_second_factor(session, by, staff_id, reason)
    return str(_l("The second factor is gone. If it is required, the person sets a new one up at the next sign-in."))


def _revoke(session: Session, by: By, staff_id: int, _version: int, reason: str) -> str:
    accounts.revoke_invitation(session, by, staff_id, reason)
    return str(_l("The invitation is withdrawn; its link does not work any more."))


STEPS: dict[str, Step] = {
    str(step.action): step
    for step in (
        Step(
            Action.DEACTIVATE,
            _l("Deactivate"),
            _l("Deactivate the account"),
            (
                _l("He cannot sign in any more, and every open session ends at once."),
                _l("Invitations and codes that were given to him stop working."),
                _l("What he did stays as it is, under his name. The account can be reactivated."),
            ),
            "person-x",
            _deactivate,
            is_danger=True,
        ),
        Step(
            Action.REACTIVATE,
            _l("Reactivate"),
            _l("Reactivate the account"),
            (_l("He can sign in again, with the password, role and areas he had."),),
            "person-check",
            _reactivate,
        ),
        Step(
            Action.SIGN_OUT,
            _l("Sign out everywhere"),
            _l("End all sessions"),
            (
                _l("Every open session ends at once, on every phone and computer."),
                _l("He can sign in again with his password: if that is known to others, reset it instead."),
            ),
            "box-arrow-right",
            _sign_out,
        ),
        Step(
            Action.UNLOCK,
            _l("Unlock"),
            _l("Unlock the account"),
            (_l("Failed attempts to sign in are forgiven. The password stays as it is."),),
            "unlock",
            _unlock,
        ),
        Step(
            Action.RESET_SECOND_FACTOR,
            _l("Reset the second factor"),
            _l("Reset the second factor"),
            (
                _l("The code app on his phone and his recovery codes stop working, and every open session ends."),
                _l("Do this only when you are sure who asks: see him, or call him back on a number you know."),
            ),
            "shield-x",
            _reset_second_factor,
            is_danger=True,
        ),
        Step(
            Action.REVOKE,
            _l("Withdraw the invitation"),
            _l("Withdraw the invitation"),
            (_l("The link that was sent or shown stops working. You can invite him again."),),
            "x-circle",
            _revoke,
        ),
    )
}


def step(name: str) -> Step:
    """The action of this name. Raises NotFoundError."""
    if name not in STEPS:
        raise NotFoundError(str(_l("There is no such action.")))
    return STEPS[name]
