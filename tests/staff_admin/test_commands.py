"""`flask staff ...`: the same powers, acting as system."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from portal.permissions import Role
from tests.staff_admin.office import LINK, Office


def run(office: Office, *arguments: str) -> tuple[int, str]:
    result = office.app.test_cli_runner().invoke(args=["staff", *arguments])
    return result.exit_code, result.output


def test_a_person_s_life_on_the_command_line(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = run(office, "add", "sana", "--role", "agent", "--area", "Khushab/Khushab", "--name", "Sana")
    assert (code, "PUBLIC_URL" in said) == (1, True)  # the link would lead nowhere
    config = replace(office.app.extensions["settings"], public_url="https://portal.example.org")
    monkeypatch.setitem(office.app.extensions, "settings", config)
    code, said = run(office, "add", "sana", "--role", "agent", "--area", "Khushab/Khushab", "--name", "Sana")
    assert code == 0, said
    assert LINK.search(said)
    staff_id = office.id_of("sana")
    assert run(office, "role", "sana", "supervisor", "--reason", "Promoted")[0] == 0
    assert run(office, "areas", "sana", "--area", "Khushab/Noorpur Thal", "--area", "Bhakkar/Bhakkar")[0] == 0
    row = office.staff(staff_id)
    assert row["role"] == "SUPERVISOR"
    assert row["areas"] == sorted([office.tree["noorpur"], office.tree["bhakkar/bhakkar"]])
    line = office.audit(staff_id, "staff.role")[0]
    assert (line.actor, line.staff_id, line.reason) == ("system", None, "Promoted")
    assert LINK.search(run(office, "invite", "SANA")[1])
    assert run(office, "revoke", "sana")[0] == 0
    assert run(office, "unlock", "sana")[0] == 0
    assert run(office, "deactivate", "sana", "--reason", "Left")[0] == 0
    assert not office.staff(staff_id)["is_active"]
    assert run(office, "deactivate", "sana")[0] == 1
    assert run(office, "reset-code", "sana")[0] == 1
    assert run(office, "reactivate", "sana")[0] == 0
    assert office.staff(staff_id)["is_active"]


def test_a_reset_prints_a_code_and_ends_sessions(office: Office) -> None:
    person = office.browser(Role.AGENT, "mc-9")
    assert run(office, "sign-out", person.username)[0] == 0
    assert person.get("/units/").status_code == 303
    code, said = run(office, "reset-code", person.username)
    assert code == 0
    assert re.match(r"[A-Z0-9]{4}-[A-Z0-9]{4} ", said)
    assert office.staff(person.staff_id)["password_hash"] == ""


@pytest.mark.parametrize(
    "command",
    [["deactivate", "nobody"], ["role", "nobody", "AGENT"], ["areas", "standing.head", "--area", "Atlantis"]],
)
def test_mistakes_are_sentences(office: Office, command: list[str]) -> None:
    code, said = run(office, *command)
    assert code == 1
    assert said.startswith("Error: There is no ")
