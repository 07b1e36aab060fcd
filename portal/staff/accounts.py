"""The state of accounts: open or closed, password, sessions, second factor, invitations. Flushes, never commits."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from flask_babel import gettext as _
from sqlalchemy import func, update
from sqlalchemy.orm import Session

from portal.errors import InvalidInputError
from portal.mail.addresses import forget_refusal
from portal.staff import areas as tree
from portal.staff import second_factor, signin, tokens
from portal.staff.authority import By, note, open_person
from portal.staff.happenings import Happening, What, tell
from portal.staff.models import Staff, StaffToken
from portal.staff.rules import Action
from portal.staff.sessions import end_all_sessions
from portal.staff.tokens import TokenKind


def revoke_tokens(session: Session, staff_id: int, kinds: Collection[TokenKind] = tuple(TokenKind)) -> int:
    """Use up the open one-time secrets of a person. Returns how many there were."""
    open_ones = (
        StaffToken.staff_id == staff_id,
        StaffToken.kind.in_([str(kind) for kind in kinds]),
        StaffToken.used_at.is_(None),
    )
    alive = StaffToken.expires_at > func.now()
    ended = session.execute(update(StaffToken).where(*open_ones).values(used_at=func.now()).returning(alive))
    return sum(ended.scalars())


def deactivate(session: Session, by: By, staff_id: int, version: int | None, reason: str = "") -> None:
    """Close an account: no sign-in, sessions and one-time secrets end at once. What the person did stays."""
    staff = open_person(session, by, staff_id, Action.DEACTIVATE, version)
    if not staff.is_active:
        raise InvalidInputError(_("This account is deactivated already."), code="state")
    staff.is_active, staff.deactivated_at = False, func.now()
    staff.version += 1
    session.flush()
    after = {"active": False, "sessions_ended": end_all_sessions(session, staff.id)}
    after["links_ended"] = revoke_tokens(session, staff.id)
    note(session, by, "staff.deactivate", staff, before={"active": True}, after=after, reason=reason)


def reactivate(session: Session, by: By, staff_id: int, version: int | None, reason: str = "") -> None:
    """Open a closed account again, with the password, role and areas it had."""
    staff = open_person(session, by, staff_id, Action.REACTIVATE, version)
    if staff.is_active:
        raise InvalidInputError(_("This account is active already."), code="state")
    staff.is_active, staff.deactivated_at = True, None
    staff.version += 1
    session.flush()
    note(session, by, "staff.reactivate", staff, before={"active": False}, after={"active": True}, reason=reason)


def _check_active(staff: Staff) -> None:
    if not staff.is_active:
        raise InvalidInputError(_("This account is deactivated. Reactivate it first."), code="state")


def reset_password(session: Session, by: By, staff_id: int, version: int | None = None, reason: str = "") -> str:
    """Make the password worthless and end the sessions; returns the one-time code to read out, shown nowhere else."""
    staff = open_person(session, by, staff_id, Action.RESET_PASSWORD, version)
    _check_active(staff)
    staff.password_hash, staff.password_changed_at = "", func.now()
    session.flush()
    revoke_tokens(session, staff.id)
    after = {"sessions_ended": end_all_sessions(session, staff.id)}
    note(session, by, "staff.reset_password", staff, after=after, reason=reason)
    tell(session, Happening(What.PASSWORD_RESET, staff.id, by.name, by.staff_id == staff.id))
    return tokens.issue(session, staff.id, TokenKind.CODE, created_by=by.staff_id, minutes=tokens.CODE_MINUTES)


def sign_out_everywhere(session: Session, by: By, staff_id: int, reason: str = "") -> int:
    """End all sessions of a person. Returns how many were open."""
    staff = open_person(session, by, staff_id, Action.SIGN_OUT, None)
    ended = end_all_sessions(session, staff.id)
    note(session, by, "staff.sign_out_everywhere", staff, after={"sessions_ended": ended}, reason=reason)
    return ended


def unlock(session: Session, by: By, staff_id: int, reason: str = "") -> int:
    """Forgive the failures to sign in that make a person wait. Returns how many they were."""
    staff = open_person(session, by, staff_id, Action.UNLOCK, None)
    count = signin.unlock(session, staff)
    note(session, by, "staff.unlock", staff, after={"failures_forgiven": count}, reason=reason)
    return count


def reset_second_factor(session: Session, by: By, staff_id: int, reason: str = "") -> None:
    """Forget the second factor and its recovery codes and end the sessions; the person sets a new one up."""
    staff = open_person(session, by, staff_id, Action.RESET_SECOND_FACTOR, None)
    if not second_factor.remove(session, staff, second_factor.Who(by.name, by.staff_id, by.address), reason):
        raise InvalidInputError(_("This person has no second factor."), code="state")
    note(session, by, "staff.sign_out_everywhere", staff, after={"sessions_ended": end_all_sessions(session, staff.id)})


def try_address_again(session: Session, by: By, staff_id: int) -> bool:
    """Send mails to an address again that was refused. False: it was not."""
    staff = open_person(session, by, staff_id, Action.EDIT, None)
    if not forget_refusal(session, staff.email):
        return False
    note(session, by, "mail.address_reset", staff)
    return True


# -- Invitations ---------------------------------------------------------------------------------------------------
def _open_to_invite(session: Session, by: By, staff_id: int) -> Staff:
    staff = open_person(session, by, staff_id, Action.INVITE, None)
    _check_active(staff)
    if staff.password_hash:
        raise InvalidInputError(
            _("This person has a password already. If it is forgotten, reset it."), code="has_password"
        )
    return staff


def invite(session: Session, by: By, staff_id: int, *, by_mail: bool = False) -> str:
    """A new link by which a person sets his first password; earlier ones stop working. Returns its token.

    `by_mail` is for the audit line: whether the link is mailed, or shown to the administrator.
    """
    staff = _open_to_invite(session, by, staff_id)
    token = tokens.issue(session, staff.id, TokenKind.INVITE, created_by=by.staff_id, minutes=tokens.INVITE_MINUTES)
    note(session, by, "staff.invite", staff, after={"by_mail": by_mail})
    return token


def ask_to_invite(session: Session, by: By, staff_id: int) -> Staff:
    """Check that a person may be invited by mail; earlier links stop working. The job that mails makes the link."""
    staff = _open_to_invite(session, by, staff_id)
    revoke_tokens(session, staff.id, (TokenKind.INVITE,))
    note(session, by, "staff.invite", staff, after={"by_mail": True})
    return staff


def invite_new(session: Session, by: By, made: Sequence[Staff], mailed: Collection[int]) -> dict[int, str]:
    """Invite people whom the same actor has made in this transaction; to be called with nobody else.

    Returns the token of each by id, but for those whose invitation a job mails (`mailed`).
    """
    areas = tree.named(session, {one.location_id for staff in made for one in staff.areas})
    issued = {}
    for staff in made:
        by_mail = staff.id in mailed
        if not by_mail:
            issued[staff.id] = tokens.issue(
                session, staff.id, TokenKind.INVITE, created_by=by.staff_id, minutes=tokens.INVITE_MINUTES
            )
        own = [areas[one.location_id].area for one in staff.areas]
        note(session, by, "staff.invite", staff, after={"by_mail": by_mail}, areas=own)
    return issued


def revoke_invitation(session: Session, by: By, staff_id: int, reason: str = "") -> int:
    """Make an invitation worthless that was not taken yet. Returns how many links ended."""
    staff = open_person(session, by, staff_id, Action.REVOKE, None)
    ended = revoke_tokens(session, staff.id, (TokenKind.INVITE,))
    note(session, by, "staff.revoke_invitation", staff, after={"links_ended": ended}, reason=reason)
    return ended
