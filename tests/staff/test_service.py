"""Accounts, areas by name, passwords, and the command line over them."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from portal.audit.models import AuditEntry
from portal.db import session, transaction
from portal.errors import ConflictError, InvalidInputError, NotFoundError
from portal.locations.models import Location
from portal.permissions import Role
from portal.staff import passwords, service, signin
from portal.staff.models import Staff
from tests.support.people import PASSWORD
from tests.support.places import small_tree


@pytest.fixture(scope="module")
def tree(module_app: Flask) -> dict[str, int]:
    return small_tree(module_app)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("Punjab", "punjab"),
        (" punjab ", "punjab"),
        ("Khushab/Khushab", "khushab/khushab"),
        ("Khushab/Noorpur Thal", "noorpur"),
        ("Noorpur Thal", "noorpur"),
        ("Punjab/Sargodha/Khushab/Khushab", "khushab/khushab"),
        ("Sargodha/Khushab", "khushab"),
        ("Sargodha/Sargodha", "sargodha/sargodha"),
        ("Punjab/Sargodha/Sargodha", "sargodha district"),
        ("Punjab/Khushab/Khushab", "khushab/khushab"),
        ("Punjab/Khushab", "khushab"),
        ("Punjab/Bhakkar", "bhakkar"),
        ("Punjab/Khushab/MC-9 Clocktower", "mc-9"),
        ("KHUSHAB/khushab/mc-9 clocktower", "mc-9"),
        ("Bhakkar/MC-9 Clocktower", "other mc-9"),
        ("Zone-02/Jauharabad/Ward-20/Block No 1", "zone"),
        ("Khushab/Zone-02/Jauharabad/Ward-20/Block No 1", "zone"),
    ],
)
def test_a_path_of_names_finds_its_place(module_app: Flask, tree: dict[str, int], path: str, place: str) -> None:
    with module_app.app_context():
        assert service.resolve_area(session(), path).id == tree[place]


@pytest.mark.parametrize("path", ["MC-9 Clocktower", "Khushab", "Punjab/MC-9 Clocktower"])
def test_an_ambiguous_name_is_refused_with_its_candidates(module_app: Flask, tree: dict[str, int], path: str) -> None:
    with module_app.app_context(), pytest.raises(InvalidInputError) as caught:
        service.resolve_area(session(), path)
    assert len(caught.value.details["candidates"]) == 2
    assert "Punjab/Sargodha/Khushab" in str(caught.value)


@pytest.mark.parametrize("path", ["Lahore", "Khushab/Lahore", "Noorpur Thal/Khushab", "Zone-02"])
def test_an_unknown_name_is_refused(module_app: Flask, tree: dict[str, int], path: str) -> None:
    with module_app.app_context(), pytest.raises(NotFoundError):
        service.resolve_area(session(), path)
    with module_app.app_context(), pytest.raises(InvalidInputError):
        service.resolve_area(session(), " / ")


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"username": "TAKEN"}, ConflictError, "taken"),
        ({"username": "a b"}, InvalidInputError, "user name"),
        ({"username": ""}, InvalidInputError, "user name"),
        ({"role": "KING"}, InvalidInputError, "AGENT"),
        ({"areas": []}, InvalidInputError, "area"),
        ({"password": "short"}, InvalidInputError, "10"),
        ({"password": "x" * 201}, InvalidInputError, "200"),
        ({"username": "long.username", "password": "Long.Username7"}, InvalidInputError, "user name"),
    ],
)
def test_what_cannot_be_an_account(
    module_app: Flask, tree: dict[str, int], changes: dict[str, object], error: type[Exception], words: str
) -> None:
    with module_app.app_context():
        punjab = session().get(Location, tree["punjab"])
        assert punjab is not None
        if session().scalar(select(Staff.id).where(Staff.username == "taken")) is None:
            with transaction() as db_session:
                service.create_staff(
                    db_session, username="taken", password=PASSWORD, role=Role.AGENT, areas=[punjab], cost=4
                )
            entry = session().scalars(select(AuditEntry).where(AuditEntry.action == "staff.create")).one()
            assert (entry.actor, (entry.after or {})["areas"]) == ("system", [punjab.id])
        given = {"username": "new.one", "password": PASSWORD, "role": "AGENT", "areas": [punjab], "cost": 4, **changes}
        with pytest.raises(error, match=words), transaction() as db_session:
            service.create_staff(db_session, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("password", ["plain words", "پاس ورڈ اردو میں", "x" * 200, "nul\0byte and more"])
def test_the_whole_password_counts(password: str) -> None:
    stored = passwords.hash_password(password, 4)
    assert passwords.verify_password(password, stored)
    assert not passwords.verify_password(password[:-1] + "?", stored)
    assert password not in stored
    assert not passwords.needs_rehash(stored, 4)
    assert passwords.needs_rehash(stored, 5)


def test_nobody_has_the_dummy_password() -> None:
    assert not passwords.verify_password("", passwords.dummy_hash(4))
    assert not passwords.verify_password("anything", "not a hash")


def test_the_command_line_makes_lists_and_changes_accounts(app: Flask) -> None:
    small_tree(app)
    runner = app.test_cli_runner()
    made = runner.invoke(
        args=["staff", "create", "clerk", "--role", "admin", "--area", "Khushab/Khushab", "--area", "Noorpur Thal"],
        input="a good password\n",
    )
    assert made.exit_code == 0, made.output
    listed = runner.invoke(args=["staff", "list"]).output
    assert "clerk\tADMIN\tactive\tKhushab; Noorpur Thal" in listed
    for arguments, password, words in (
        (["create", "clerk2", "--role", "ADMIN", "--area", "Khushab"], "a good password", "could be any of"),
        (["create", "clerk2", "--role", "ADMIN", "--area", "Lahore"], "a good password", "no area 'Lahore'"),
        (["create", "clerk2", "--role", "ADMIN", "--area", "Punjab"], "", "10 characters"),
        (["create", "clerk2", "--role", "KING", "--area", "Punjab"], "a good password", "AGENT"),
        (["create", "clerk2", "--role", "ADMIN"], "a good password", "--area"),
        (["create", "Clerk", "--role", "ADMIN", "--area", "Punjab"], "a good password", "taken"),
        (["set-password", "nobody"], "a good password", "nobody"),
    ):
        refused = runner.invoke(args=["staff", *arguments], input=password + "\n")
        assert refused.exit_code != 0
        assert words.lower() in refused.output.lower()
    assert runner.invoke(args=["staff", "list"]).output == listed
    assert runner.invoke(args=["staff", "set-password", "CLERK"], input="another password\n").exit_code == 0
    for options, must in (([], True), (["--own"], False)):  # a password that somebody was given is to be changed
        name = f"given{len(options)}"
        new = ["staff", "create", name, "--role", "AGENT", "--area", "Punjab", *options]
        assert runner.invoke(args=new, input="a good password\n").exit_code == 0
        again = ["staff", "set-password", name, *options]
        for _time in range(2):
            with app.app_context():
                assert session().scalar(select(Staff.must_change_password).where(Staff.username == name)) is must
            assert runner.invoke(args=again, input="another password\n").exit_code == 0
    with app.app_context():
        account = signin.find_account(session(), "clerk")
        assert signin.check_password(account, "another password", 4) is not None
        assert signin.check_password(account, "a good password", 4) is None


def test_demo_users_are_added_once(app: Flask) -> None:
    tree = small_tree(app)
    with app.app_context():
        for expected in (5, 0):
            with transaction() as db_session:
                place = db_session.get(Location, tree["mc-9"])
                assert place is not None
                added = service.ensure_demo_users(db_session, {n: [place] for n in service.DEMO_USERS}, "demo", 4)
                assert len(added) == expected
        assert signin.check_password(signin.find_account(session(), "supervisor"), "demo", 4) is not None
