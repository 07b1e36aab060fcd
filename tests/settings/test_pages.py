"""The settings pages: who may open them, what they save, what they refuse, what two people do at once."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from portal.db import side_transaction
from portal.permissions import Role
from portal.settings.catalogue import BY_NAME, SPECS, Kind, Section
from tests.settings.pages import Desk, form_fields, in_force, scalar
from tests.settings.test_images import SVG, picture
from tests.support.places import small_tree

LoginAs = Callable[..., FlaskClient]


@pytest.fixture
def desk(login_as: LoginAs) -> Desk:
    return Desk(login_as(Role.HEAD))


@pytest.fixture
def other(login_as: LoginAs) -> Desk:
    return Desk(login_as(Role.HEAD))


def words(page: str) -> str:
    """The text of a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split()).replace("\u00a0", " ")


def test_only_the_head_has_settings(app: Flask, login_as: LoginAs) -> None:
    paths = ["", "general", "mail", "environment", "history", "history/1", "nothing"]
    for role in Role:
        client = login_as(role)
        statuses = {path: client.get(f"/settings/{path}").status_code for path in paths}
        if role is Role.HEAD:
            assert statuses.pop("history/1") == statuses.pop("nothing") == 404
            assert set(statuses.values()) == {200}
        else:
            assert set(statuses.values()) == {403}
        assert ('href="/settings/"' in client.get("/me").get_data(as_text=True)) == (role is Role.HEAD)
    assert app.test_client().get("/settings/").status_code == 303


@pytest.mark.parametrize("section", list(Section))
def test_every_setting_stands_on_its_page(desk: Desk, section: Section) -> None:
    page = html.unescape(desk.page(section))
    for spec in SPECS:
        if spec.section is section and spec.kind is not Kind.LOGO:
            assert str(spec.label) in page
            assert str(spec.help) in page
    answer = desk.save(section)
    assert answer.status_code == 303
    assert "Nothing was different" in words(desk.page(section))


def test_what_is_saved_holds_and_stands_in_history_and_audit_log(app: Flask, desk: Desk) -> None:
    answer = desk.save("access", session_hours="8", password_min_length="12", second_factor_roles=None)
    assert answer.status_code == 303
    assert "Saved. It holds from now on." in words(desk.page("access"))
    found = in_force(app)
    assert (found.session_hours, found.password_min_length, found.idle_minutes) == (8, 12, 30)
    with app.app_context(), side_transaction() as connection:
        changes = connection.execute(
            text("SELECT name, before, after, actor, staff_id FROM setting_changes ORDER BY name")
        ).all()
        audit = connection.execute(
            text("SELECT entity_id, before, after, address, actor FROM audit_log WHERE action = 'settings.change'")
        ).all()
    assert [(c.name, c.before, c.after) for c in changes] == [
        ("password_min_length", None, 12),
        ("session_hours", None, 8),
    ]
    assert all(change.actor.startswith("head") and change.staff_id for change in changes)
    assert {(line.entity_id, line.before["value"], line.after["value"]) for line in audit} == {
        ("password_min_length", 10, 12), ("session_hours", 12, 8),
    }  # fmt: skip
    assert {line.address for line in audit} == {"127.0.0.1"}
    history = words(desk.page("history"))
    assert re.search(r"head\d+ Longest session 12 hours \(default\) 8 hours Set back", history)
    # Back at what the environment says, the setting follows the environment again.
    assert desk.save("access", session_hours="12").status_code == 303
    assert scalar(app, "SELECT count(*) FROM settings WHERE name = 'session_hours'") == 0
    assert scalar(app, "SELECT after IS NULL FROM setting_changes ORDER BY id DESC LIMIT 1") is True


def test_one_wrong_value_and_nothing_is_saved(app: Flask, desk: Desk) -> None:
    answer = desk.save("access", session_hours="8", idle_minutes="soon", password_min_length="7", bcrypt_cost="99")
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    typed = form_fields(page, "/settings/access")
    assert (typed["session_hours"], typed["idle_minutes"], typed["password_min_length"]) == ("8", "soon", "7")
    for name, sentence in (
        ("idle_minutes", "Enter a whole number from 1 to 1440."),
        ("password_min_length", "Enter a whole number from 8 to 64."),
        ("bcrypt_cost", "Enter a whole number from 4 to 16."),
    ):
        assert f'id="{name}-error"' in page
        assert sentence in page
        (control,) = [tag for tag in re.findall("<input[^>]*>", page) if f' id="{name}"' in tag]
        assert 'aria-invalid="true"' in control
    assert 'id="session_hours-error"' not in page
    assert scalar(app, "SELECT count(*) FROM setting_changes") == 0
    assert in_force(app).session_hours == 12


def test_values_must_go_together(app: Flask, desk: Desk) -> None:
    alone = desk.save("mail", smtp_host="smtp.example.org")
    assert alone.status_code == 422
    assert "A mail server needs a sender" in words(alone.get_data(as_text=True))
    both = desk.save("mail", smtp_host="smtp.example.org", smtp_from="portal@example.org")
    assert both.status_code == 303
    assert in_force(app).smtp_host == "smtp.example.org"
    off = desk.save("general", languages=["ur"])
    assert "Choose one of the languages offered." in off.get_data(as_text=True)
    none = desk.save("general", languages=None)
    assert "Choose at least one." in none.get_data(as_text=True)
    assert in_force(app).languages == ("en", "ur")


def test_another_start_day_is_told_before_it_is_saved(app: Flask, desk: Desk) -> None:
    fields = desk.fields("billing") | {"cycle_start_day": "1", "due_days": "10"}
    told = desk.save("billing", fields)
    assert told.status_code == 200
    page = told.get_data(as_text=True)
    assert "Not saved yet. This is what it changes:" in words(page)
    assert "Today lies in the cycle" in words(page)
    assert "not a rupee changes" in words(page)
    assert in_force(app).cycle_start_day == 16
    again = form_fields(page, "/settings/billing")
    assert (again["cycle_start_day"], again["due_days"]) == ("1", "10")
    # A confirmation is for exactly what was told.
    another = desk.save("billing", again, cycle_start_day="2")
    assert another.status_code == 200
    assert in_force(app).cycle_start_day == 16
    assert desk.save("billing", again).status_code == 303
    assert (in_force(app).cycle_start_day, in_force(app).due_days) == (1, 10)
    # What needs no telling is saved at once.
    assert desk.save("billing", due_days="12").status_code == 303


@pytest.mark.parametrize(
    ("section", "changes", "sentence"),
    [
        ("data", {"audit_months": "12"}, "older than 12 months are deleted tonight"),
        ("data", {"import_file_days": "30"}, "older than 30 days are deleted tonight"),
        ("data", {"notification_days": "30"}, "Notifications that are older than 30 days are deleted tonight"),
        ("access", {"second_factor_roles": ["HEAD"]}, "Head administrator must set up a second factor"),
        ("access", {"bcrypt_cost": "15"}, "about 2 seconds of a processor"),
        ("access", {"idle_minutes": "5"}, "for 5 minutes is signed out at once"),
        ("general", {"languages": ["en"]}, "is no longer offered"),
    ],
)
def test_what_has_consequences_is_told(
    app: Flask, desk: Desk, section: str, changes: dict[str, object], sentence: str
) -> None:
    answer = desk.save(section, **changes)
    assert answer.status_code == 200
    assert sentence in words(answer.get_data(as_text=True))
    assert scalar(app, "SELECT count(*) FROM setting_changes") == 0


def test_two_at_once_see_both_versions(app: Flask, desk: Desk, other: Desk) -> None:
    mine = desk.fields("access")
    assert other.save("access", session_hours="10", password_min_length="14").status_code == 303
    clash = desk.save("access", mine, session_hours="6")
    assert clash.status_code == 409
    page = clash.get_data(as_text=True)
    assert re.search(r"Longest session 6 hours 10 hours head\d+", words(page))
    assert in_force(app).session_hours == 10
    # The form holds mine where I changed something, and theirs in all else.
    merged = form_fields(page, "/settings/access")
    assert (merged["session_hours"], merged["password_min_length"]) == ("6", "14")
    assert desk.save("access", merged).status_code == 303
    assert (in_force(app).session_hours, in_force(app).password_min_length) == (6, 14)


def test_two_at_once_at_different_settings_both_hold(app: Flask, desk: Desk, other: Desk) -> None:
    mine = desk.fields("access")
    assert other.save("access", session_hours="10").status_code == 303
    assert desk.save("access", mine, password_min_length="14").status_code == 303
    assert (in_force(app).session_hours, in_force(app).password_min_length) == (10, 14)
    # And the same value twice is no conflict.
    mine = desk.fields("access")
    assert other.save("access", session_hours="9").status_code == 303
    assert desk.save("access", mine, session_hours="9").status_code == 303
    assert scalar(app, "SELECT count(*) FROM setting_changes WHERE name = 'session_hours'") == 2


def last_change(app: Flask) -> int:
    found = scalar(app, "SELECT max(id) FROM setting_changes")
    assert isinstance(found, int)
    return found


def test_setting_back(app: Flask, desk: Desk) -> None:
    desk.save("access", session_hours="8")
    first = last_change(app)
    desk.save("access", session_hours="9")
    page = desk.page(f"history/{first}")
    assert "changed again since" in words(page)
    assert desk.post(f"/settings/history/{first}").status_code == 409
    second = last_change(app)
    page = desk.page(f"history/{second}")
    assert "Set back to: 8 hours" in words(page)
    fields = form_fields(page, f"/settings/history/{second}")
    assert desk.client.post(f"/settings/history/{second}", data=fields | {"confirm": ""}).status_code == 200
    assert in_force(app).session_hours == 9
    assert desk.client.post(f"/settings/history/{second}", data=fields).status_code == 303
    assert in_force(app).session_hours == 8
    assert scalar(app, "SELECT count(*) FROM audit_log WHERE action = 'settings.undo'") == 1
    assert desk.post(f"/settings/history/{last_change(app) + 1}").status_code == 404
    assert desk.client.get(f"/settings/history/{10**17}").status_code == 404


def test_setting_back_tells_consequences(app: Flask, desk: Desk) -> None:
    told = desk.save("billing", cycle_start_day="1")
    desk.save("billing", form_fields(told.get_data(as_text=True), "/settings/billing"))
    assert in_force(app).cycle_start_day == 1
    page = desk.page(f"history/{last_change(app)}")
    assert "With the new day it would lie in the cycle" in words(page)


# --- the logo ----------------------------------------------------------------------------------------------------


def upload(desk: Desk, raw: bytes, name: str = "logo.png") -> int:
    fields = form_fields(desk.page(), "/settings/logo")
    data = {**fields, "logo": (io.BytesIO(raw), name)}
    answer = desk.client.post("/settings/logo", data=data, content_type="multipart/form-data")
    answer.request.environ["wsgi.input"].close()  # the client keeps large bodies in a file
    return answer.status_code


def test_a_logo_is_shown_everywhere_and_can_be_set_back(app: Flask, desk: Desk) -> None:
    assert upload(desk, picture("JPEG", (300, 100)), "photo of sana.jpg") == 303
    found = in_force(app).logo
    assert found is not None
    assert (found.width, found.height) == (300, 100)
    address = f"/logo/{found.digest}.png"
    desk.client.get("/me")
    for page in (desk.client.get("/me"), app.test_client().get("/login")):
        assert f'src="{address}"' in page.get_data(as_text=True)
    picture_answer = app.test_client().get(address)
    assert picture_answer.status_code == 200
    assert picture_answer.data.startswith(b"\x89PNG")
    headers = picture_answer.headers
    assert headers["Content-Type"] == "image/png"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert "immutable" in headers["Cache-Control"]
    assert headers["Content-Disposition"] == 'inline; filename="logo.png"'
    assert upload(desk, picture("PNG", (40, 40))) == 303
    assert in_force(app).logo != found
    fields = form_fields(desk.page(f"history/{last_change(app)}"), f"/settings/history/{last_change(app)}")
    assert desk.client.post(f"/settings/history/{last_change(app)}", data=fields).status_code == 303
    assert in_force(app).logo == found
    assert desk.post("/settings/logo/remove", version=last_change(app)).status_code == 303
    assert in_force(app).logo is None
    assert "brand-mark" in desk.client.get("/me").get_data(as_text=True)
    assert "sana" not in str(scalar(app, "SELECT string_agg(after::text, ' ') FROM setting_changes"))


def test_what_is_no_logo_is_refused_on_the_page(app: Flask, desk: Desk) -> None:
    for raw, name in ((SVG, "logo.svg"), (SVG, "logo.png"), (b"", "logo.png"), (b"x" * (513 * 1024), "logo.png")):
        assert upload(desk, raw, name) == 422
    assert in_force(app).logo is None
    for path in ("/logo/" + "a" * 32 + ".png", "/logo/..%2f..%2fsecret_key.png", "/logo/" + "a" * 500 + ".png"):
        assert app.test_client().get(path).status_code == 404


# --- names, languages, keys --------------------------------------------------------------------------------------


def test_the_company_s_name_is_text(app: Flask, desk: Desk) -> None:
    assert desk.save("general", company_name="<b>Khushab</b> & Sons").status_code == 303
    page = desk.page()
    assert "&lt;b&gt;Khushab&lt;/b&gt; &amp; Sons" in page
    assert "<b>Khushab" not in page


def test_a_language_that_is_switched_off_is_nobody_s(app: Flask, desk: Desk, login_as: LoginAs) -> None:
    reader = Desk(login_as(Role.HEAD))
    reader.post("/preferences", language="ur")
    assert 'lang="ur" dir="rtl"' in reader.page()
    told = desk.save("general", languages=["en"])
    assert desk.save("general", form_fields(told.get_data(as_text=True), "/settings/general")).status_code == 303
    page = reader.page()
    assert 'lang="en" dir="ltr"' in page
    assert 'name="language"' not in page  # no switch, since there is nothing to switch to
    assert reader.post("/preferences", language="ur").status_code == 422
    stranger = app.test_client()
    stranger.set_cookie("language", "ur")
    assert in_force(app).languages == ("en",)
    assert 'lang="en"' in stranger.get("/login").get_data(as_text=True)


SECRETS = {
    "smtp_password": "smtp-SECRET-1", "redis_url": "redis://:redis-SECRET-2@127.0.0.1:1/0",
}  # fmt: skip


def test_keys_are_never_shown(app: Flask, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = app.extensions["settings"]
    assert "not set: files of the instance" in words(desk.page("environment"))
    monkeypatch.setitem(
        app.extensions, "settings",
        replace(settings, smtp_host="127.0.0.1", smtp_port=1, smtp_from="portal@example.org", smtp_user="u", **SECRETS),
    )  # fmt: skip
    page = desk.page("environment")
    checked = desk.post("/settings/environment").get_data(as_text=True)
    for shown in (page, checked, *(desk.page(section) for section in Section)):
        assert "SECRET-" not in shown
        assert settings.secret_key not in shown
        assert settings.database_url.split("@")[-1] not in shown
    found = words(checked)
    assert re.search(r"DATABASE_URL Database set works Connected: PostgreSQL \d+", found)
    assert re.search(r"REDIS_URL .* set fails Redis does not answer\.", found)
    assert re.search(r"SMTP_PASSWORD .* set fails The mail server 127\.0\.0\.1 takes no connections on port 1", found)
    assert re.search(r"STORAGE_URL .* works A file was stored, read back and deleted", found)


# --- targets -----------------------------------------------------------------------------------------------------


def test_targets_of_single_areas(app: Flask, desk: Desk) -> None:
    tree = small_tree(app)
    fields = desk.fields("billing") | {
        "recovery_target": "50",
        "target-area-0": str(tree["khushab"]), "target-percent-0": "60",
        "target-area-1": str(tree["khushab/khushab"]), "target-percent-1": "70",
    }  # fmt: skip
    assert desk.save("billing", fields).status_code == 303
    assert in_force(app).recovery_target == 50
    assert in_force(app).recovery_targets == tuple(sorted([(tree["khushab"], 60), (tree["khushab/khushab"], 70)]))
    assert "Khushab (Khushab) 70 %" in words(desk.page("billing"))
    fields = desk.fields("billing")
    assert len([name for name in fields if name.startswith("target-area-")]) == 4
    where = next(name for name, value in fields.items() if value == str(tree["khushab"]))
    assert desk.save("billing", fields, **{where.replace("area", "percent"): ""}).status_code == 303
    assert in_force(app).recovery_targets == ((tree["khushab/khushab"], 70),)
    for area, percent, sentence in (
        (str(tree["punjab"]), "60", "does not exist"),
        ("999999", "60", "does not exist"),
        ("", "60", "Choose the area of each target."),
        (str(tree["khushab"]), "101", "from 1 to 100"),
        (str(tree["khushab/khushab"]), "60", "An area stands here twice."),
    ):
        answer = desk.save("billing", **{"target-area-1": area, "target-percent-1": percent})
        assert answer.status_code == 422
        assert sentence in words(answer.get_data(as_text=True))
    assert BY_NAME["recovery_targets"].kind is Kind.TARGETS
