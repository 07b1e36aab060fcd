"""The screens: list, record, forms, one-time secrets, conflicts, the picker, the matrix."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from portal.db import session, transaction
from portal.errors import InvalidInputError
from portal.permissions import Permission, Role, role_allows
from portal.roles import PERMISSIONS, ROLES, matrix
from portal.staff import contact
from portal.staff.models import LoginAttempt, RecoveryCode, Staff, StaffToken
from tests.staff_admin.office import CODE, LINK, Browser, Office
from tests.support.people import PASSWORD, csrf_token
from tests.support.queries import recorded_queries


@pytest.fixture
def head(office: Office) -> Browser:
    return office.signed_in(office.id_of("standing.head"))


def new_person(office: Office, **changes: object) -> dict[str, object]:
    return {
        "username": "sana.malik", "full_name": "Sana Malik", "role": "AGENT", "email": "", "mobile": "0300 1234567",
        "area": [office.tree["mc-9"]], "how": "link", **changes,
    }  # fmt: skip


# -- The list ------------------------------------------------------------------------------------------------------
def rows(html: str) -> list[str]:
    """The user names of a list, in its order."""
    return re.findall(r'data-label="User name"><bdi dir="ltr">([^<]+)</bdi>', html)


def test_an_empty_list_says_why_and_what_to_do(office: Office) -> None:
    html = office.browser(Role.ADMIN, "khushab").html("/staff/")
    assert "You administer nobody yet" in html
    assert "/staff/new" in html


def test_the_list_is_searched_and_filtered(office: Office, head: Browser) -> None:
    office.add(Role.AGENT, "mc-9", username="bilal")
    office.add(Role.SUPERVISOR, "bhakkar", username="nadia")
    gone = office.add(Role.AGENT, "noorpur", username="gone")
    assert head.edit(office.id_of("nadia"), full_name="Nadia Aslam", mobile="+92 301 7654321").status_code == 303
    assert head.act(gone, "deactivate").status_code == 303
    assert set(rows(head.html("/staff/"))) == {"bilal", "nadia", "gone", "standing.head"}
    assert rows(head.html("/staff/", q="ASLAM nad")) == ["nadia"]
    assert rows(head.html("/staff/", role="AGENT", sort="-username")) == ["gone", "bilal"]
    assert rows(head.html("/staff/", state="inactive")) == ["gone"]
    assert rows(head.html("/staff/", area=office.tree["khushab"])) == ["bilal", "gone"]
    assert head.get("/staff/", query={}).status_code == 200
    assert "Nobody matches" in head.html("/staff/", q="nobody at all")
    assert head.get("/staff/", area=99999).status_code == 404
    # A number is answered to a post, and never stands in an address.
    found = head.post("/staff/find", {"q": "0301-7654321"})
    assert rows(found.get_data(as_text=True)) == ["nadia"]
    assert head.post("/staff/find", {"q": "nadia", "role": "AGENT"}).location == "/staff/?role=AGENT&q=nadia"
    for number in ("03017654321", "Nadia 0301-7654321", "0301 76 543 21"):
        refused = head.get("/staff/", q=number)
        assert (refused.status_code, refused.location) == (303, "/staff/")
    # A user name may hold the number of an employee.
    assert head.post("/staff/find", {"q": "emp10234"}).location == "/staff/?q=emp10234"
    assert "Nobody matches" in head.html("/staff/", q="emp10234")


def test_the_list_goes_on_by_pages_in_every_order(office: Office, head: Browser) -> None:
    with office.app.app_context(), transaction() as db:
        from portal.staff.models import StaffArea

        for number in range(70):
            staff = Staff(username=f"p{number:03}", password_hash="x", role="AGENT", full_name=f"Person {number % 7}")
            staff.areas = [StaffArea(location_id=office.tree["mc-9"])]
            db.add(staff)
    for sort in ("name", "-name", "username", "role", "-seen"):
        first = head.html("/staff/", sort=sort, role="AGENT")
        following = re.search(r'rel="next" href="([^"]+)"', first)
        assert following
        second = head.html(following[1].replace("&amp;", "&"))
        assert len(rows(first)) == 50
        assert len(rows(second)) == 20
        assert len({*rows(first), *rows(second)}) == 70


def test_the_list_asks_the_database_the_same_however_long_it_is(office: Office, head: Browser) -> None:
    for _ in range(3):
        office.add(Role.AGENT, "mc-9", "noorpur")
    with recorded_queries(office.app) as few:
        head.html("/staff/")
    for _ in range(6):
        office.add(Role.AGENT, "mc-9", "noorpur")
    with recorded_queries(office.app) as many:
        head.html("/staff/")
    assert len(many) == len(few) <= 8


# -- Creating and the invitation -----------------------------------------------------------------------------------
def test_a_new_person_sets_his_password_by_the_link(office: Office, head: Browser) -> None:
    answer = head.post("/staff/new", new_person(office))
    html = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    link = LINK.search(html)
    assert link
    assert "https://wa.me/923001234567?text=" in html
    staff_id = office.id_of("sana.malik")
    row = office.staff(staff_id)
    assert (row["password_hash"], row["mobile"], row["created_by"]) == ("", "03001234567", head.staff_id)
    with office.app.app_context():
        tokens = session().scalars(select(StaffToken).where(StaffToken.staff_id == staff_id)).all()
        assert [token.kind for token in tokens] == ["INVITE"]
        assert link[1] not in tokens[0].token_hash
    assert link[1] not in head.html(f"/staff/{staff_id}")  # shown once
    line = office.audit(staff_id, "staff.create")[0]
    assert line.after["areas"] == [
        {"id": office.tree["mc-9"], "name": "Sargodha › Khushab › Khushab › MC-9 Clocktower"}
    ]
    assert link[1] not in str(line.after)
    # The link opens, and after that it is worthless.
    nobody = office.app.test_client()
    page = nobody.get(f"/welcome/{link[1]}").get_data(as_text=True)
    form = dict.fromkeys(["new_password", "repeated"], "a fine long phrase 42")
    token = csrf_token(page)
    assert nobody.post(f"/welcome/{link[1]}", data={**form, "csrf_token": token}).status_code == 303
    assert office.staff(staff_id)["password_hash"] != ""
    assert head.post(f"/staff/{staff_id}/invite").status_code == 422  # he has a password now


def test_inviting_again_and_withdrawing(office: Office, head: Browser) -> None:
    first = LINK.search(head.post("/staff/new", new_person(office)).get_data(as_text=True))
    staff_id = office.id_of("sana.malik")
    second = LINK.search(head.post(f"/staff/{staff_id}/invite", {"how": "link"}).get_data(as_text=True))
    assert first
    assert second
    assert first[1] != second[1]
    nobody = office.app.test_client()

    def opens(token: str) -> bool:
        return 'name="new_password"' in nobody.get(f"/welcome/{token}").get_data(as_text=True)

    assert opens(second[1])
    assert not opens(first[1])
    assert head.act(staff_id, "revoke").status_code == 303
    assert not opens(second[1])
    assert office.audit(staff_id, "staff.revoke_invitation")[0].after["links_ended"] == 1


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("username", "", "Enter a user name"),
        ("username", "sаna", "English alphabet"),
        ("username", "ｓａｎａ", "English alphabet"),
        ("username", "a", "English alphabet"),
        ("username", "with blank", "English alphabet"),
        ("username", "Standing.Head", "is taken"),
        ("full_name", " ", "Enter the full name"),
        ("full_name", "=HYPERLINK(1)", "begins with a letter"),
        ("full_name", "Ali\ue000ila", "cannot be seen"),
        ("full_name", "x" * 121, "at most 120"),
        ("email", "not an address", "no e-mail address"),
        ("email", "a@b\r\nBcc: c@d.example", "no e-mail address"),
        ("mobile", "12345", "11 digits"),
        ("mobile", "0300 123456x", "11 digits"),
        ("role", "KING", "Choose a role"),
        ("area", [], "Choose at least one area"),
    ],
)
def test_a_bad_field_is_named_and_nothing_typed_is_lost(
    office: Office, head: Browser, field: str, value: object, message: str
) -> None:
    answer = head.post("/staff/new", new_person(office, **{field: value}))
    html = answer.get_data(as_text=True)
    assert answer.status_code in {409, 422}
    assert message in html
    assert office.number_of_staff() == 1
    if field != "full_name":
        assert 'value="Sana Malik"' in html


def test_an_e_mail_address_belongs_to_one_person(office: Office, head: Browser) -> None:
    assert head.post("/staff/new", new_person(office, email="Sana@Example.org")).status_code == 200
    answer = head.post("/staff/new", new_person(office, username="other", email="sana@example.ORG"))
    assert answer.status_code == 409
    assert "has this e-mail address already" in answer.get_data(as_text=True)
    other = office.add(Role.AGENT, "mc-9")
    assert head.edit(other, email="SANA@example.org").status_code == 409
    assert office.staff(other)["email"] is None


@given(text=st.text(max_size=70))
def test_a_user_name_is_ascii_or_none(text: str) -> None:
    try:
        name = contact.clean_username(text)
    except InvalidInputError:
        return
    assert name.isascii()
    assert name == text.strip()
    assert not set(name) & set(" \t\n\0/\\\"'<>")


@given(prefix=st.sampled_from(["0", "+92", "0092", "92", ""]), rest=st.from_regex(r"3[0-9]{9}", fullmatch=True))
def test_mobile_numbers_of_every_spelling_are_one(prefix: str, rest: str) -> None:
    assert contact.clean_mobile(f"{prefix}{rest[:3]} {rest[3:6]}-{rest[6:]}") == "0" + rest
    assert contact.international("0" + rest) == "92" + rest


# -- Editing -------------------------------------------------------------------------------------------------------
def test_a_stale_form_shows_both_versions_and_loses_nothing(office: Office, head: Browser) -> None:
    target = office.add(Role.AGENT, "mc-9", username="bilal")
    stale = office.staff(target)["version"]
    other = office.browser(Role.HEAD, username="second.head")
    assert other.edit(target, full_name="Bilal Ahmad", mobile="03001111111").status_code == 303
    answer = head.edit(target, full_name="Bilal Ahmed", email="bilal@example.org", version=stale)
    html = answer.get_data(as_text=True)
    assert answer.status_code == 409
    assert "second.head" in html
    cells = re.findall(r"<td[^>]*><bdi>([^<]*)</bdi></td>", html)
    assert cells == ["Bilal Ahmad", "Bilal Ahmed", "–", "bilal@example.org"]
    assert 'value="Bilal Ahmed"' in html  # what was typed is still in the form
    assert office.staff(target)["full_name"] == "Bilal Ahmad"
    version = re.search(r'name="version" value="(\d+)"', html)
    assert version
    assert int(version[1]) == stale + 1
    assert head.edit(target, full_name="Bilal Ahmed", version=version[1]).status_code == 303
    assert office.staff(target)["full_name"] == "Bilal Ahmed"


def test_a_stale_choice_of_areas_shows_both(office: Office, head: Browser) -> None:
    target = office.add(Role.AGENT, "mc-9")
    assert head.set_areas(target, ["noorpur"]).status_code == 303
    answer = head.set_areas(target, ["zone"], version=1)
    html = answer.get_data(as_text=True)
    assert answer.status_code == 409
    assert "Noorpur Thal" in html
    assert "Zone-02" in html
    assert f'value="{office.tree["zone"]}" checked' in html
    assert office.staff(target)["areas"] == [office.tree["noorpur"]]


def test_a_stale_confirmation_asks_again(office: Office, head: Browser) -> None:
    target = office.add(Role.AGENT, "mc-9")
    assert head.edit(target, full_name="Changed Meanwhile").status_code == 303
    for version in ("1", "", "x", "-1", "99999999999999999999"):
        answer = head.act(target, "deactivate", version=version)
        assert answer.status_code == 409
        assert "Somebody else has changed this person" in answer.get_data(as_text=True)
    assert office.staff(target)["is_active"]


def test_saving_what_is_there_changes_nothing(office: Office, head: Browser) -> None:
    target = office.add(Role.AGENT, "mc-9")
    assert head.edit(target).status_code == 303
    assert head.set_areas(target, ["mc-9"]).status_code == 303
    assert office.staff(target)["version"] == 1
    assert office.audit(target, "staff.edit") == []


def test_a_new_address_ends_links_that_went_to_the_old_one(office: Office, head: Browser) -> None:
    head.post("/staff/new", new_person(office, email="old@example.org"))
    staff_id = office.id_of("sana.malik")
    assert head.edit(staff_id, email="new@example.org").status_code == 303
    with office.app.app_context():
        token = session().scalars(select(StaffToken).where(StaffToken.staff_id == staff_id)).one()
        assert token.used_at is not None


# -- Password, sessions, second factor, lock -----------------------------------------------------------------------
def test_a_reset_shows_a_code_once_and_ends_the_sessions(office: Office, head: Browser) -> None:
    victim = office.browser(Role.AGENT, "mc-9")
    asked = head.html(f"/staff/{victim.staff_id}/password")
    assert "stops working" in asked
    answer = head.post(f"/staff/{victim.staff_id}/password", {"reason": "Forgotten"})
    code = CODE.search(answer.get_data(as_text=True))
    assert code
    assert victim.get("/units/").status_code == 303
    login = office.app.test_client()
    token = csrf_token(login.get("/login").get_data(as_text=True))
    form = {"username": victim.username, "password": PASSWORD, "csrf_token": token}
    assert login.post("/login", data=form).status_code == 401
    line = office.audit(victim.staff_id, "staff.reset_password")[0]
    assert line.reason == "Forgotten"
    assert code[1].replace("-", "") not in f"{line.before}{line.after}"
    page = head.html(f"/staff/{victim.staff_id}")
    assert code[1] not in page
    with office.app.app_context():
        kinds = session().execute(select(StaffToken.kind, StaffToken.used_at)).all()
        assert [tuple(row) for row in kinds] == [("CODE", None)]


def test_signing_out_everywhere(office: Office, head: Browser) -> None:
    victim = office.browser(Role.AGENT, "mc-9")
    assert "1 browser is signed in" in head.html(f"/staff/{victim.staff_id}")
    assert "1 session is open now" in head.html(f"/staff/{victim.staff_id}/do/sign-out")
    assert head.act(victim.staff_id, "sign-out").status_code == 303
    assert victim.get("/units/").status_code == 303
    assert office.audit(victim.staff_id, "staff.sign_out_everywhere")[0].after["sessions_ended"] == 1
    assert office.signed_in(victim.staff_id).get("/units/").status_code == 200


def test_unlocking_forgives_the_failures(office: Office, head: Browser) -> None:
    target = office.add(Role.AGENT, "mc-9", username="guessed")
    thief = office.app.test_client()
    token = csrf_token(thief.get("/login").get_data(as_text=True))
    form = {"username": "guessed", "password": "wrong", "csrf_token": token}
    for _ in range(6):
        thief.post("/login", data=form)
    assert thief.post("/login", data=form).status_code == 429
    assert rows(head.html("/staff/", state="locked")) == ["guessed"]
    assert "have to wait until" in head.html(f"/staff/{target}")
    assert head.act(target, "unlock").status_code == 303
    assert rows(head.html("/staff/", state="locked")) == []
    assert thief.post("/login", data=form).status_code == 401
    assert office.audit(target, "staff.unlock")[0].after["failures_forgiven"] >= 5
    with office.app.app_context():
        assert session().scalar(select(LoginAttempt.forgiven).where(LoginAttempt.username == "guessed").limit(1))


def test_resetting_the_second_factor(office: Office, head: Browser) -> None:
    target = office.add(Role.AGENT, "mc-9")
    assert head.act(target, "second-factor").status_code == 422  # there is none
    with office.app.app_context(), transaction() as db:
        db.execute(update(Staff).where(Staff.id == target).values(totp_secret="sealed", totp_last_step=7))
        db.add(RecoveryCode(staff_id=target, code_hash="x"))
    assert "Reset the second factor" in head.html(f"/staff/{target}")
    assert head.act(target, "second-factor", reason="Lost phone").status_code == 303
    row = office.staff(target)
    assert (row["totp_secret"], row["totp_confirmed_at"], row["totp_last_step"]) == (None, None, 0)
    with office.app.app_context():
        assert session().scalars(select(RecoveryCode)).all() == []


@pytest.mark.parametrize("action", ["deactivate", "reactivate", "sign-out", "unlock", "second-factor", "revoke"])
def test_an_action_asks_first_and_needs_a_post_with_a_token(office: Office, head: Browser, action: str) -> None:
    target = office.add(Role.AGENT, "mc-9")
    page = head.html(f"/staff/{target}/do/{action}")
    assert "What follows" in page
    assert office.staff(target)["is_active"]
    forged = head.client.post(f"/staff/{target}/do/{action}", data={"version": "1"})
    assert forged.status_code == 400
    assert head.get(f"/staff/{target}/do/explode").status_code == 404


def test_a_person_s_page_tells_what_happened(office: Office, head: Browser) -> None:
    target = office.browser(Role.AGENT, "mc-9")
    head.edit(target.staff_id, full_name="Bilal Ahmad", role="SUPERVISOR", reason="Promoted")
    head.set_areas(target.staff_id, ["noorpur"])
    html = head.html(f"/staff/{target.staff_id}")
    assert "Sargodha › Khushab › Noorpur Thal" in html
    assert "Supervisor" in html
    assert "Promoted" in html
    assert html.index("Areas changed") < html.index("Role changed") < html.index("Signed in")
    urdu = head.post("/preferences", {"language": "ur", "next": "/"})
    assert urdu.status_code == 303
    assert 'dir="rtl"' in head.html(f"/staff/{target.staff_id}")


# -- The picker ----------------------------------------------------------------------------------------------------
def test_the_picker_walks_the_tree_of_the_own_area_without_saving(office: Office) -> None:
    admin = office.browser(Role.ADMIN, "khushab")
    form = new_person(office, area=[office.tree["zone"]], open=str(office.tree["khushab/khushab"]))
    answer = admin.post("/staff/new", form)
    html = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert office.number_of_staff() == 2
    assert 'value="Sana Malik"' in html  # nothing typed is lost
    assert f'value="{office.tree["zone"]}" checked' in html
    assert f'name="area" value="{office.tree["mc-9"]}"' in html
    fragment = admin.post("/staff/new", {**form, "open": ""}, headers={"X-Picker": "1"}).get_data(as_text=True)
    assert "<html" not in fragment
    assert f'name="open" value="{office.tree["khushab/khushab"]}"' in fragment
    # Elsewhere does not exist: neither by number nor by name.
    for open_id in (office.tree["bhakkar"], office.tree["punjab"], 10**30, "x"):
        outside = admin.post("/staff/new", {**form, "open": str(open_id)}).get_data(as_text=True)
        assert "Bhakkar" not in outside
    found = admin.post("/staff/new", {**form, "open": None, "find": "1", "words": "MC-9"}).get_data(as_text=True)
    assert f'value="{office.tree["mc-9"]}"' in found
    assert f'value="{office.tree["other mc-9"]}"' not in found


# -- Roles ---------------------------------------------------------------------------------------------------------
def test_every_permission_and_role_has_words() -> None:
    assert set(PERMISSIONS) == set(Permission) - {Permission.PUBLIC}
    assert set(ROLES) == set(Role)
    listed = [row.permission for group in matrix() for row in group.rows]
    assert sorted(listed) == sorted(PERMISSIONS)
    texts = [str(words.explanation) for _group, words in PERMISSIONS.values()]
    assert len(set(texts)) == len(texts)


def test_the_matrix_on_the_screen_is_that_of_the_code(head: Browser) -> None:
    html = head.html("/staff/roles")
    for _group, words in PERMISSIONS.values():
        assert str(words.explanation) in html.replace("&#39;", "'")
    body = html.partition("Who administers whom")[0]
    lines = re.findall(r"<tr><th scope=\"row\"><span class=\"name\">([^<]+)</span>(.*?)</tr>", body, re.DOTALL)
    shown = {name: [">yes<" in cell for cell in cells.split("</td>")[:-1]] for name, cells in lines}
    for permission, (_group, words) in PERMISSIONS.items():
        assert shown[str(words.name)] == [role_allows(role, permission) for role in Role], permission


# -- The list as a file --------------------------------------------------------------------------------------------
def test_the_list_is_downloaded_as_it_is_filtered(office: Office, head: Browser) -> None:
    office.add(Role.AGENT, "mc-9", username="bilal")
    office.add(Role.SUPERVISOR, "bhakkar", "noorpur", username="nadia")
    assert head.edit(office.id_of("bilal"), full_name="Bilal", mobile="03001112223").status_code == 303
    assert head.edit(office.id_of("nadia"), email="+cmd@example.org").status_code == 303
    page = head.html("/staff/", role="SUPERVISOR")
    assert 'href="/staff.csv?role=SUPERVISOR"' in page
    text = head.get("/staff.csv", role="SUPERVISOR").get_data().decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))
    assert len(rows) == 2
    assert rows[1][:6] == [
        "nadia", "nadia", "Supervisor", "Sargodha › Bhakkar; Sargodha › Khushab › Noorpur Thal", "",
        "'+cmd@example.org",
    ]  # fmt: skip
    assert [row[0] for row in csv.reader(io.StringIO(head.get("/staff.csv").get_data().decode()))][1:] == [
        "bilal", "nadia", "standing.head",
    ]  # fmt: skip
    line = office.audit("staff", "list.export.csv")[-1]
    assert line.after == {"filters": ["Role: Supervisor"], "rows": 1}
    assert head.get("/staff.xlsx", area=office.tree["khushab"]).status_code == 200
    assert head.get("/staff.csv", area=999_999).status_code == 404
    assert head.get("/staff.csv", q="03001112223").status_code == 422
    admin = office.browser(Role.ADMIN, "khushab")
    own = admin.get("/staff.csv").get_data().decode()
    assert "bilal" in own
    assert "nadia" not in own
