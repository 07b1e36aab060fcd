"""The rules are applied on every address: below, beside, above and outside the own standing."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import func, select

from portal.db import session
from portal.permissions import Role
from portal.staff import people
from portal.staff.models import StaffSession
from tests.staff_admin.office import Browser, Office

ADMINISTRATORS = (Role.ADMIN, Role.MANAGER, Role.HEAD)
# (method, path below /staff/<id>, form): every address that touches a person.
TOUCHES: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "", {}),
    ("GET", "/edit", {}),
    ("POST", "/edit", {"full_name": "Changed", "role": "AGENT", "version": 1}),
    ("GET", "/areas", {}),
    ("POST", "/areas", {"version": 1}),
    ("GET", "/password", {}),
    ("POST", "/password", {}),
    ("POST", "/invite", {}),
    *(
        (method, f"/do/{action}", {"version": 1} if method == "POST" else {})
        for action in ("deactivate", "reactivate", "sign-out", "unlock", "second-factor", "revoke")
        for method in ("GET", "POST")
    ),
]
UNTOUCHED = ("full_name", "role", "is_active", "password_hash", "version", "areas", "email", "mobile")


def standing(office: Office, staff_id: int) -> dict[str, Any]:
    row = office.staff(staff_id)
    return {key: row[key] for key in UNTOUCHED}


def touch(browser: Browser, staff_id: int, method: str, path: str, form: dict[str, Any]) -> int:
    address = f"/staff/{staff_id}{path}"
    if method == "GET":
        return browser.get(address).status_code
    if path == "/areas":
        form = {**form, "area": [browser.office.tree["khushab/khushab"]]}
    return browser.post(address, form).status_code


@pytest.mark.parametrize("role", ADMINISTRATORS)
def test_people_above_beside_and_outside_do_not_exist(office: Office, role: Role) -> None:
    browser = office.browser(role, "khushab")
    hidden = {
        "outside": office.add(Role.AGENT, "bhakkar"),
        "above the area": office.add(Role.AGENT, "punjab"),
        "straddling": office.add(Role.AGENT, "khushab", "bhakkar"),
        "elsewhere too": office.add(Role.AGENT, "noorpur", "other mc-9"),
    }
    if role is not Role.HEAD:
        hidden["same role"] = office.add(role, "noorpur")
        hidden["head"] = office.add(Role.HEAD, "noorpur")
        hidden["himself"] = browser.staff_id
    for kind, staff_id in hidden.items():
        before = standing(office, staff_id)
        for method, path, form in TOUCHES:
            assert touch(browser, staff_id, method, path, form) == 404, (kind, method, path)
        assert standing(office, staff_id) == before, kind
    listed = browser.html("/staff/")
    assert not any(f'"/staff/{staff_id}"' in listed for staff_id in hidden.values())
    assert browser.get("/staff/999999").status_code == 404
    assert browser.get("/staff/99999999999999999999").status_code == 404


@pytest.mark.parametrize("role", [Role.AGENT, Role.SUPERVISOR])
def test_the_field_administers_nobody(office: Office, role: Role) -> None:
    browser = office.browser(role, "khushab")
    target = office.add(Role.AGENT, "khushab/khushab")
    before = standing(office, target)
    for method, path, form in TOUCHES:
        assert touch(browser, target, method, path, form) == 403, (method, path)
    for path in ("/staff/", "/staff/new", "/staff/roles", "/staff/bulk/", "/staff/bulk/template.csv"):
        assert browser.get(path).status_code == 403
    form = {"username": "crony", "full_name": "Crony", "role": "AGENT", "area": [office.tree["khushab"]]}
    assert browser.post("/staff/new", form).status_code == 403
    assert standing(office, target) == before


@pytest.mark.parametrize("role", ADMINISTRATORS)
def test_people_below_are_listed_and_every_page_of_theirs_opens(office: Office, role: Role) -> None:
    browser = office.browser(role, "khushab")
    target = office.add(Role.AGENT, "mc-9", "noorpur")
    assert f'"/staff/{target}"' in browser.html("/staff/")
    for method, path, _form in TOUCHES:
        if method == "GET":
            assert browser.get(f"/staff/{target}{path}").status_code == 200, path


@pytest.mark.parametrize("role", ADMINISTRATORS)
@pytest.mark.parametrize("wanted", list(Role))
def test_only_roles_below_ones_own_are_handed_out(office: Office, role: Role, wanted: Role) -> None:
    browser = office.browser(role, "khushab")
    target = office.add(Role.AGENT, "mc-9")
    may = role is Role.HEAD or list(Role).index(wanted) < list(Role).index(role)
    answer = browser.edit(target, role=str(wanted))
    assert answer.status_code == (303 if may else 403)
    assert office.staff(target)["role"] == (wanted if may else Role.AGENT)
    form = {"username": "new.one", "full_name": "N", "role": str(wanted), "area": [office.tree["mc-9"]], "how": "link"}
    answer = browser.post("/staff/new", form)
    assert answer.status_code == (200 if may else 403)
    assert office.number_of_staff() == (4 if may else 3)


@pytest.mark.parametrize("role", ADMINISTRATORS)
def test_only_areas_within_ones_own_are_granted(office: Office, role: Role) -> None:
    browser = office.browser(role, "khushab")
    target = office.add(Role.AGENT, "mc-9")
    for places in (["bhakkar"], ["punjab"], ["mc-9", "other mc-9"], ["sargodha district"]):
        assert browser.set_areas(target, places).status_code == 404, places
        form = {"username": "x1", "full_name": "X", "role": "AGENT", "area": [office.tree[place] for place in places]}
        assert browser.post("/staff/new", form).status_code == 404
    assert office.staff(target)["areas"] == [office.tree["mc-9"]]
    assert office.number_of_staff() == 3
    assert browser.post(f"/staff/{target}/areas", {"area": [987654], "version": 1}).status_code == 404
    assert browser.set_areas(target, ["noorpur", "khushab/khushab"]).status_code == 303
    assert office.staff(target)["areas"] == sorted([office.tree["noorpur"], office.tree["khushab/khushab"]])


def test_areas_inside_another_chosen_one_are_left_out(office: Office) -> None:
    browser = office.browser(Role.HEAD)
    target = office.add(Role.AGENT, "mc-9")
    assert browser.set_areas(target, ["khushab", "mc-9", "khushab/khushab"]).status_code == 303
    assert office.staff(target)["areas"] == [office.tree["khushab"]]
    assert browser.post(f"/staff/{target}/areas", {"version": 2}).status_code == 422  # none at all
    assert office.staff(target)["areas"] == [office.tree["khushab"]]


def test_a_head_changes_nothing_of_his_own_standing(office: Office) -> None:
    browser = office.browser(Role.HEAD)
    me = browser.staff_id
    before = standing(office, me)
    assert browser.edit(me, role="ADMIN").status_code == 403
    assert browser.set_areas(me, ["khushab"]).status_code == 403
    assert browser.act(me, "deactivate").status_code == 403
    assert browser.act(me, "second-factor").status_code == 403
    assert browser.post(f"/staff/{me}/password").status_code == 403
    assert standing(office, me) == before
    page = browser.html(f"/staff/{me}")
    assert f"/staff/{me}/do/deactivate" not in page
    assert f"/staff/{me}/areas" not in page
    assert browser.edit(me, full_name="A Better Name", mobile="0300 1112223").status_code == 303
    assert office.staff(me)["full_name"] == "A Better Name"


# -- The last head -------------------------------------------------------------------------------------------------
def heads(office: Office) -> int:
    with office.app.app_context():
        return session().scalar(people.heads_of_the_province(None)) or 0


def test_the_last_head_stays_whoever_acts(office: Office) -> None:
    """A head of a part, and one who was invited only, do not count."""
    standing_head = office.id_of("standing.head")
    office.add(Role.HEAD, "khushab")
    browser = office.browser(Role.HEAD)
    form = {"username": "invited", "full_name": "I", "role": "HEAD", "area": [office.tree["punjab"]], "how": "link"}
    assert browser.post("/staff/new", form).status_code == 200
    assert browser.act(standing_head, "deactivate").status_code == 303  # two were there
    assert heads(office) == 1
    runner = office.app.test_cli_runner()
    for command in (
        ["deactivate", browser.username],
        ["role", browser.username, "MANAGER"],
        ["areas", browser.username, "--area", "Sargodha/Khushab"],
    ):
        result = runner.invoke(args=["staff", *command])
        assert result.exit_code == 1, command
        assert "last head administrator" in result.output
    assert heads(office) == 1
    assert office.staff(browser.staff_id)["areas"] == [office.tree["punjab"]]
    # His own account he cannot touch anyway, and others see why the button is missing.
    assert browser.act(browser.staff_id, "deactivate").status_code == 403


def test_another_head_sees_why_the_last_one_stays(office: Office) -> None:
    """Only heads of the whole province see one; so two of them, of whom one has lost his password for good."""
    me = office.browser(Role.HEAD)
    other = office.id_of("standing.head")
    runner = office.app.test_cli_runner()
    with office.app.app_context():
        from portal.db import transaction
        from portal.staff.models import Staff

        with transaction() as db:  # an administrator without a password: as after an invitation that was never taken
            db.get_one(Staff, me.staff_id).password_hash = ""
    answer = me.act(other, "deactivate")
    assert answer.status_code == 422
    assert "last head administrator" in answer.get_data(as_text=True)
    assert runner.invoke(args=["staff", "deactivate", "standing.head"]).exit_code == 1
    assert office.staff(other)["is_active"]


def test_two_heads_who_remove_each_other_at_once_leave_one(office: Office) -> None:
    one, two = office.browser(Role.HEAD), office.browser(Role.HEAD)
    assert one.act(office.id_of("standing.head"), "deactivate").status_code == 303
    for _round in range(3):
        answers: list[int] = []
        start = threading.Barrier(2)

        def remove(browser: Browser, target: int, answers: list[int] = answers, start: Any = start) -> None:
            token_page = browser.get("/me")  # the form is open, then both press at once
            assert token_page.status_code == 200
            start.wait()
            answers.append(browser.act(target, "deactivate").status_code)

        threads = [
            threading.Thread(target=remove, args=(one, two.staff_id)),
            threading.Thread(target=remove, args=(two, one.staff_id)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers)[0] == 303
        # The slower one is signed out by then (303 to the login page), or refused.
        assert heads(office) == 1
        survivor, other = (one, two) if office.staff(one.staff_id)["is_active"] else (two, one)
        assert office.staff(survivor.staff_id)["is_active"]
        assert survivor.act(other.staff_id, "reactivate").status_code == 303
        again = office.signed_in(other.staff_id)
        one, two = survivor, again


def test_concurrent_demotions_through_the_use_case_leave_a_head(office: Office) -> None:
    """Without the web in between: five transactions at once against five heads, each acted on by the system."""
    from portal.db import transaction
    from portal.errors import DomainError
    from portal.staff import accounts
    from portal.staff.authority import By

    ids = [office.id_of("standing.head"), *(office.add(Role.HEAD) for _ in range(4))]
    start = threading.Barrier(len(ids))
    refused: list[str] = []

    def remove(staff_id: int) -> None:
        with office.app.app_context():
            start.wait()
            try:
                with transaction() as db:
                    accounts.deactivate(db, By.system(), staff_id, None)
            except DomainError as error:
                refused.append(error.code)
            finally:
                session().close()

    threads = [threading.Thread(target=remove, args=(staff_id,)) for staff_id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == ["last_head"]
    assert heads(office) == 1


def test_an_administrator_who_loses_his_role_meanwhile_is_refused(office: Office) -> None:
    """The use case looks at the actor anew, whatever his request began with."""
    from portal.db import transaction
    from portal.errors import ForbiddenError
    from portal.staff import accounts
    from portal.staff.authority import By

    admin = office.browser(Role.ADMIN, "khushab")
    target = office.add(Role.AGENT, "mc-9")
    head = office.signed_in(office.id_of("standing.head"))
    assert head.edit(admin.staff_id, role="AGENT").status_code == 303
    with office.app.app_context(), pytest.raises(ForbiddenError), transaction() as db:
        accounts.deactivate(db, By(admin.staff_id, admin.username), target, None)
    assert office.staff(target)["is_active"]


# -- From the next request on --------------------------------------------------------------------------------------
PAGES = ("/reports/", "/units/", "/imports/", "/staff/", "/reports/bill-register.csv")
CALLBACK = "/dash/overview/_dash-update-component"


def test_deactivation_ends_everything_at_once(office: Office) -> None:
    victim = office.browser(Role.ADMIN, "khushab")
    second = office.signed_in(victim.staff_id)
    assert all(victim.get(page).status_code == 200 for page in PAGES)
    assert victim.client.post(CALLBACK, json={}).status_code not in {401, 403}
    head = office.signed_in(office.id_of("standing.head"))
    assert head.act(victim.staff_id, "deactivate", reason="Left the company").status_code == 303
    for browser in (victim, second):
        assert [browser.get(page).status_code for page in PAGES] == [303] * len(PAGES)
        assert browser.client.post(CALLBACK, json={}).status_code == 401
    with office.app.app_context():
        open_ones = select(func.count()).where(
            StaffSession.staff_id == victim.staff_id, StaffSession.ended_at.is_(None)
        )
        assert session().scalar(open_ones) == 0
    line = office.audit(victim.staff_id, "staff.deactivate")[0]
    assert (line.actor, line.reason, line.before) == ("standing.head", "Left the company", {"active": True})
    assert line.after == {"username": victim.username, "active": False, "sessions_ended": 2, "links_ended": 0}
    assert line.location_id == office.tree["khushab"]
    assert line.address
    # Reactivated, the old sessions stay ended; the password is the one he had.
    assert head.act(victim.staff_id, "reactivate").status_code == 303
    assert victim.get("/units/").status_code == 303
    assert office.signed_in(victim.staff_id).get("/units/").status_code == 200


def test_a_role_counts_from_the_next_request(office: Office) -> None:
    person = office.browser(Role.ADMIN, "khushab")
    assert all(person.get(page).status_code == 200 for page in PAGES)
    head = office.signed_in(office.id_of("standing.head"))
    assert head.edit(person.staff_id, role="AGENT", reason="Back to the field").status_code == 303
    expected = {"/units/": 200}
    assert {page: person.get(page).status_code for page in PAGES} == {page: expected.get(page, 403) for page in PAGES}
    assert person.client.post(CALLBACK, json={}).status_code == 403
    line = office.audit(person.staff_id, "staff.role")[0]
    assert (line.before, line.reason) == ({"role": "ADMIN"}, "Back to the field")
    assert line.after == {"username": person.username, "role": "AGENT"}


def test_areas_count_from_the_next_request(office: Office) -> None:
    person = office.browser(Role.MANAGER, "khushab", "bhakkar")
    path = f"/units/?area={office.tree['bhakkar/bhakkar']}"
    export = f"/reports/bill-register.csv?area={office.tree['bhakkar/bhakkar']}"
    assert person.get(path).status_code == 200
    assert person.get(export).status_code == 200
    head = office.signed_in(office.id_of("standing.head"))
    assert head.set_areas(person.staff_id, ["khushab"], reason="Bhakkar has its own now").status_code == 303
    assert person.get(path).status_code == 404
    assert person.get(export).status_code == 404
    assert person.get(f"/units/?area={office.tree['khushab/khushab']}").status_code == 200
    line = office.audit(person.staff_id, "staff.areas")[0]
    assert [area["id"] for area in line.before["areas"]] == sorted([office.tree["khushab"], office.tree["bhakkar"]])
    assert line.after["areas"] == [{"id": office.tree["khushab"], "name": "Sargodha › Khushab"}]
