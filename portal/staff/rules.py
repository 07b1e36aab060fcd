"""Who may do what to whom: pure functions, the only place that decides about the administration of staff.

    decide(actor, Action.CHANGE_ROLE, target, role=Role.ADMIN) -> None (go on) or the reason against it

HEAD acts on everybody, MANAGER and ADMIN on people below their own role; all of them only on people whose areas lie
wholly inside their own, and they hand out nothing beyond what they have. Nobody changes his own standing. The last
person who can set everything right (an active HEAD of the whole province) stays, whoever acts, the system included.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from portal.permissions import Permission, Role, role_allows


class Action(StrEnum):
    """What can be done to a person's account. The values stand in addresses and in the audit log."""

    VIEW = "view"
    CREATE = "create"
    EDIT = "edit"  # name, e-mail, mobile
    CHANGE_ROLE = "role"
    CHANGE_AREAS = "areas"
    DEACTIVATE = "deactivate"
    REACTIVATE = "reactivate"
    RESET_PASSWORD = "password"
    SIGN_OUT = "sign-out"
    UNLOCK = "unlock"
    RESET_SECOND_FACTOR = "second-factor"
    INVITE = "invite"
    REVOKE = "revoke"


class Reason(StrEnum):
    """Why not."""

    NOT_PERMITTED = "not-permitted"  # the role administers nobody
    HIDDEN = "hidden"  # the person is above, or beside, what the actor sees: as if he did not exist
    SELF = "self"
    ROLE_TOO_HIGH = "role-too-high"
    AREA_OUTSIDE = "area-outside"
    NO_AREA = "no-area"
    LAST_HEAD = "last-head"


# On his own account an administrator keeps what cannot widen or end his standing; the rest is for a colleague.
OWN = frozenset({Action.VIEW, Action.EDIT, Action.SIGN_OUT, Action.UNLOCK})
RANK: dict[Role, int] = {role: position for position, role in enumerate(Role)}


@dataclass(frozen=True)
class Area:
    """A node of the location tree by the ids on the way down to it, the root first and itself last."""

    path: tuple[int, ...]

    @property
    def id(self) -> int:
        return self.path[-1]

    @property
    def is_root(self) -> bool:
        return len(self.path) == 1

    def lies_in(self, nodes: Collection[int]) -> bool:
        """Whether one of the nodes is it, or stands above it."""
        return any(step in nodes for step in self.path)


@dataclass(frozen=True)
class Actor:
    """Who acts. `role` None is the system (the command line), which no rule but that of the last head binds."""

    id: int | None
    role: Role | None
    area_ids: frozenset[int] = frozenset()

    @classmethod
    def system(cls) -> Actor:
        return cls(None, None)


@dataclass(frozen=True)
class Person:
    """Whose account it is. `can_sign_in`: active, and has had a password."""

    id: int
    role: Role
    areas: tuple[Area, ...]
    can_sign_in: bool = True

    @property
    def leads_the_province(self) -> bool:
        """A HEAD of the whole province who can sign in: somebody who can set everything right."""
        return self.can_sign_in and _leads(self.role, self.areas)


def _leads(role: Role, areas: Collection[Area]) -> bool:
    return role is Role.HEAD and any(area.is_root for area in areas)


def grantable_roles(actor: Actor) -> tuple[Role, ...]:
    """The roles an actor may hand out, lowest first."""
    if actor.role is None or actor.role is Role.HEAD:
        return tuple(Role)
    if not role_allows(actor.role, Permission.MANAGE_STAFF):
        return ()
    return tuple(role for role in Role if RANK[role] < RANK[actor.role])


def sees(actor: Actor, target: Person) -> bool:
    """Whether the account exists for the actor: of a role he could hand out, and wholly inside his area."""
    if actor.role is None:
        return True
    if target.role not in grantable_roles(actor):
        return False
    return bool(target.areas) and all(area.lies_in(actor.area_ids) for area in target.areas)


def decide(
    actor: Actor,
    action: Action,
    target: Person | None = None,
    *,
    role: Role | None = None,
    areas: Collection[Area] | None = None,
    other_heads: int = 0,
) -> Reason | None:
    """None when the actor may do it, else the reason. `target` is None for CREATE only.

    `role` and `areas` are what the person would have afterwards (None: as before). `other_heads` counts the people
    apart from the target who lead the province.
    """
    return _authority(actor, action, target, role, areas) or _integrity(action, target, role, areas, other_heads)


def _authority(
    actor: Actor, action: Action, target: Person | None, role: Role | None, areas: Collection[Area] | None
) -> Reason | None:
    if actor.role is None:
        return None
    if not role_allows(actor.role, Permission.MANAGE_STAFF):
        return Reason.NOT_PERMITTED
    if target is not None and not sees(actor, target):
        return Reason.HIDDEN
    changes_standing = areas is not None or (role is not None and (target is None or role is not target.role))
    if target is not None and target.id == actor.id and (action not in OWN or changes_standing):
        return Reason.SELF
    if changes_standing and role is not None and role not in grantable_roles(actor):
        return Reason.ROLE_TOO_HIGH
    outside = areas is not None and not all(area.lies_in(actor.area_ids) for area in areas)
    return Reason.AREA_OUTSIDE if outside else None


def _integrity(
    action: Action, target: Person | None, role: Role | None, areas: Collection[Area] | None, other_heads: int
) -> Reason | None:
    if areas is not None and not areas:
        return Reason.NO_AREA
    if target is None or not target.leads_the_province or other_heads > 0:
        return None
    stays = action is not Action.DEACTIVATE and _leads(
        target.role if role is None else role, target.areas if areas is None else areas
    )
    return None if stays else Reason.LAST_HEAD


def allowed(actor: Actor, target: Person, other_heads: int) -> frozenset[Action]:
    """The actions to offer on a person's page (what becomes of role and areas is decided when it is known)."""
    return frozenset(
        action
        for action in Action
        if action is not Action.CREATE and decide(actor, action, target, other_heads=other_heads) is None
    )


def without_nested(areas: Collection[Area]) -> tuple[Area, ...]:
    """The areas without those that lie in another one of them, in the order of their ids."""
    ids = {area.id for area in areas}
    kept = {area.id: area for area in areas if not any(step in ids for step in area.path[:-1])}
    return tuple(kept[key] for key in sorted(kept))


def common_area(areas: Collection[Area]) -> int | None:
    """The lowest node that all the areas lie in, None without any."""
    paths = [area.path for area in areas]
    common = [steps[0] for steps in zip(*paths, strict=False) if len(set(steps)) == 1]
    return common[-1] if common else None
