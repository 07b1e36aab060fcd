"""What tells people today: imports, names of places, the nightly check, the safety of their own accounts."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from portal.db import side_transaction, transaction
from portal.jobs.tasks import verify_everything
from portal.permissions import Role
from portal.staff import accounts
from portal.staff.authority import By
from tests.imports.office import Office, load_areas
from tests.imports.portal_files import biller_row
from tests.notifications.world import set_staff, staff_id
from tests.staff.helpers import enrol, send
from tests.support.importing import write
from tests.support.people import PASSWORD, add_staff, sign_in


@pytest.fixture(scope="module")
def places(module_app: Flask, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    return load_areas(module_app, tmp_path_factory.mktemp("areas"))


def told(app: Flask, one: int) -> list[tuple[str, str]]:
    """(type, English text) of what a person was told, the oldest first; it is told once."""
    with app.app_context(), side_transaction() as connection:
        rows = connection.execute(
            text("DELETE FROM notifications WHERE staff_id = :one RETURNING id, type, message->>'en' AS said"),
            {"one": one},
        ).all()
    return [(row.type, row.said) for row in sorted(rows)]


def types(app: Flask, one: int) -> list[str]:
    return [name for name, _said in told(app, one)]


# --- imports -------------------------------------------------------------------------------------------------------


def test_the_uploader_hears_what_became_of_his_files(module_app: Flask, places: dict[str, int], tmp_path: Path) -> None:
    app = module_app
    username = add_staff(app, Role.HEAD)
    me = staff_id(app, username)
    colleague = staff_id(app, add_staff(app, Role.HEAD))
    agent = staff_id(app, add_staff(app, Role.AGENT))
    office = Office(app, sign_in(app.test_client(), username))
    # A file that is in.
    office.imported(write(tmp_path, "biller", [biller_row(1)], "02_Biller_Nilokot_Nov2025.csv"))
    found = dict(told(app, me))
    assert found["import.done"] == "02_Biller_Nilokot_Nov2025.csv is imported: 1 new, 0 updated, 0 rejected."
    assert types(app, agent) == []
    assert "import.done" not in types(app, colleague)  # another's file
    # One that is refused.
    bad = tmp_path / "letter.csv"
    bad.write_text("Dear sir,\nplease find attached\n")
    office.checked(bad)
    assert told(app, me) == [("import.failed", "letter.csv was refused: nothing of it was imported.")]
    # One whose preview is old by the time it is written.
    late = office.checked(write(tmp_path, "biller", [biller_row(n) for n in (1, 2)], "02_Biller_Later_Nov2025.csv"))
    other = office.checked(write(tmp_path, "biller", [biller_row(n) for n in (2, 3)], "02_Biller_Other_Nov2025.csv"))
    office.decide(other)
    office.decide(late)
    assert office.work() == ["imports.commit", "imports.commit"]
    assert office.batch(late).status == "PREVIEW"
    assert [name for name, _ in told(app, me)] == ["import.done", "import.changed"]
    # One that is no longer there.
    gone = office.checked(write(tmp_path, "biller", [biller_row(9)], "02_Biller_Gone_Nov2025.csv"))
    path = office.batch(gone).stored_path
    assert path
    Path(path).unlink()
    office.decide(gone)
    office.work()
    assert told(app, me) == [("import.failed", "02_Biller_Gone_Nov2025.csv was not imported; nothing was written.")]


def test_names_of_places_are_told_to_who_links_them(module_app: Flask, places: dict[str, int], tmp_path: Path) -> None:
    app = module_app
    username = add_staff(app, Role.HEAD)
    others = {role: staff_id(app, add_staff(app, role)) for role in (Role.ADMIN, Role.MANAGER)}
    me = staff_id(app, username)
    office = Office(app, sign_in(app.test_client(), username))
    rows = [["MC-77 Nowhere" if "MC-" in cell or "UC-" in cell else cell for cell in biller_row(21)]]
    office.imported(write(tmp_path, "biller", rows, "02_Biller_Odd_Nov2025.csv"))
    waiting = office.scalar("SELECT count(*) FROM places WHERE state = 'OPEN' AND name LIKE 'MC-77%'")
    assert waiting == 1
    said = "1 name of a place in 02_Biller_Odd_Nov2025.csv matches no location and waits to be linked."
    assert ("places.waiting", said) in told(app, me)
    assert types(app, others[Role.ADMIN]) == ["places.waiting"]
    assert types(app, others[Role.MANAGER]) == []  # who links none
    # The same name in the next file waits already.
    office.imported(write(tmp_path, "biller", rows, "02_Biller_Odd2_Nov2025.csv"))
    assert types(app, others[Role.ADMIN]) == []


# --- the nightly check ---------------------------------------------------------------------------------------------


def test_differences_of_the_nightly_check_are_told_to_the_heads_of_the_province(
    module_app: Flask, places: dict[str, int]
) -> None:
    app = module_app
    head, manager = (staff_id(app, add_staff(app, role)) for role in (Role.HEAD, Role.MANAGER))
    with app.app_context():
        verify_everything()
    assert types(app, head) == []
    district = staff_id(app, add_staff(app, Role.HEAD, [max(places.values())]))
    with app.app_context():
        with side_transaction() as connection:
            connection.execute(text("UPDATE unit_states SET accounts = accounts + 1"))
            planted = connection.execute(text("UPDATE account_balances SET outstanding = outstanding + 1"))
            assert planted.rowcount > 0
        for _night in range(2):
            with pytest.raises(RuntimeError, match="differences found"):
                verify_everything()
        with side_transaction() as connection:
            connection.execute(text("UPDATE unit_states SET accounts = accounts - 1"))
            connection.execute(text("UPDATE account_balances SET outstanding = outstanding - 1"))
    ((name, said),) = told(app, head)
    assert name == "alert.verify"
    assert "figures that are not what the rows say" in said
    assert types(app, manager) == types(app, district) == []


# --- the safety of the own account ---------------------------------------------------------------------------------


class Person:
    """Somebody with a browser of his own."""

    def __init__(self, app: Flask) -> None:
        self.app, self.username = app, add_staff(app, Role.AGENT)
        self.id = staff_id(app, self.username)
        self.client: FlaskClient = sign_in(app.test_client(), self.username)

    def told(self) -> list[tuple[str, str]]:
        return told(self.app, self.id)


@pytest.fixture
def person(module_app: Flask) -> Person:
    return Person(module_app)


def test_a_sign_in_on_a_new_device(person: Person) -> None:
    def anew(client: FlaskClient) -> None:
        assert send(client, "/logout", page="/me").status_code == 303
        sign_in(client, person.username)

    assert person.told() == []  # the first one of all
    anew(person.client)
    assert person.told() == []  # the same browser again
    stranger = person.app.test_client()
    sign_in(stranger, person.username)
    ((name, said),) = person.told()
    assert name == "security.sign_in"
    assert "from 127.0.0.1" in said
    anew(stranger)
    assert person.told() == []


def test_a_new_password(person: Person) -> None:
    new = "another horse 8 battery"
    answer = send(person.client, "/me/password", password=PASSWORD, new_password=new, repeated=new)
    assert answer.status_code == 303
    assert person.told() == [
        ("security.password", "You changed your password. Was it not you? Tell your administrator.")
    ]
    with person.app.app_context(), transaction() as session:
        accounts.reset_password(session, By.system(), person.id)
    assert person.told() == [("security.password", "system reset your password.")]


def test_another_second_factor(person: Person) -> None:
    enrol(person.client)
    ((name, said),) = person.told()
    assert name == "security.second_factor"
    assert said.startswith("You set up a second factor.")
    with person.app.app_context(), transaction() as session:
        accounts.reset_second_factor(session, By.system(), person.id)
    assert person.told() == [("security.second_factor", "system removed your second factor.")]


def test_whoever_is_not_active_is_not_told(person: Person) -> None:
    enrol(person.client)
    assert len(person.told()) == 1
    set_staff(person.app, person.id, is_active=False)
    with person.app.app_context(), transaction() as session:
        accounts.reset_second_factor(session, By.system(), person.id)
    assert person.told() == []
