"""Adding photos and documents, finding them, changing and deleting them: as a browser does it."""

from __future__ import annotations

import io
import re
import uuid
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text

from portal.db import session as db_session
from portal.db import transaction
from portal.errors import StorageAway
from portal.files.models import StoredFile
from portal.files.store import current_storage
from portal.locations.models import Location
from portal.permissions import Role
from tests.files import samples
from tests.support import people
from tests.support.places import small_tree
from tests.support.queries import recorded_queries
from tests.support.register import register


class World:
    """Two consumers in two areas; people of the first, and one of the second."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        tree = small_tree(app)
        with app.app_context(), transaction() as session:
            here, there = session.get(Location, tree["mc-9"]), session.get(Location, tree["bhakkar/bhakkar"])
            assert here is not None
            assert there is not None
            self.inside = register(session, here, 1, "Aslam Khan")
            self.outside = register(session, there, 2, "Zzyzx Khan")
        browsers = people.known_browsers(app)
        area = tree["khushab/khushab"]
        self.agent, self.admin = browsers(Role.AGENT, area), browsers(Role.ADMIN, area)
        self.other, self.stranger = browsers(Role.SUPERVISOR, area), browsers(Role.ADMIN, tree["bhakkar"])

    @property
    def photos_url(self) -> str:
        return f"/units/{self.inside.survey_id}/photos/add"

    @property
    def deeds_url(self) -> str:
        return f"/units/{self.inside.survey_id}/documents/add"

    @property
    def account_url(self) -> str:
        return f"/accounts/{self.inside.psid}/documents/add"

    def add(self, browser: Any, url: str, field: str, files: list[tuple[bytes, str]], **more: Any) -> Any:
        form = {"csrf_token": token(browser, url), f"{field}_uuid": str(uuid.uuid4()), **more}
        answer = browser.post(url, data={**form, field: [(io.BytesIO(data), name) for data, name in files]})
        answer.request.environ["wsgi.input"].close()  # the test client's own copy of what it sent
        return answer

    def deed(self, browser: Any, title: str, url: str = "") -> int:
        answer = self.add(browser, url or self.deeds_url, "document", [(samples.PDF, "scan001.pdf")], title=title)
        assert answer.status_code == 303, answer.get_data(as_text=True)
        with self.app.app_context():
            return db_session().scalars(select(StoredFile.id).where(StoredFile.title == title)).one()


def token(browser: Any, url: str) -> str:
    return people.csrf_token(browser.get(url).get_data(as_text=True))


@pytest.fixture(scope="module")
def world(module_app: Flask) -> World:
    return World(module_app)


def count(world: World) -> int:
    with world.app.app_context():
        return len(db_session().scalars(select(StoredFile.id)).all())


def test_photos_of_a_unit(world: World) -> None:
    before = count(world)
    files = [(samples.photo(), "1.jpg"), (samples.png(), "2.png")]
    answer = world.add(world.agent, world.photos_url, "photos", files, title="front door")
    assert (answer.status_code, answer.location) == (303, f"/units/{world.inside.survey_id}")
    assert count(world) == before + 2
    html = world.agent.get(answer.location).get_data(as_text=True)
    assert "2 photos added." in html
    assert html.count("data-photo ") == 2
    assert "Photo added" in html
    link = re.search(r'<img src="(/files/[^"]+)"', html)
    assert link
    assert world.agent.get(link[1].replace("&amp;", "&")).mimetype == "image/jpeg"


def test_the_same_form_twice_adds_nothing(world: World) -> None:
    form: dict[str, Any] = {"photos_uuid": str(uuid.uuid4())}
    files = [(samples.photo(800, 600), "1.jpg")]
    world.add(world.agent, world.photos_url, "photos", files, **form)
    before = count(world)
    assert world.add(world.agent, world.photos_url, "photos", files, **form).status_code == 303
    assert count(world) == before


def test_the_good_ones_are_kept_and_the_bad_ones_named(world: World) -> None:
    before = count(world)
    files = [(samples.photo(700, 600), "good.jpg"), (samples.PDF, "letter.jpg"), (b"", "empty.jpg")]
    answer = world.add(world.agent, world.photos_url, "photos", files, title="kept title")
    html = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert count(world) == before + 1
    assert "1 photo added." in html
    assert "letter.jpg is no JPEG" in html
    assert "empty.jpg is empty" in html
    assert 'value="kept title"' in html


def test_a_photo_of_40_mb_gets_a_sentence_at_its_form(world: World) -> None:
    answer = world.add(world.agent, world.photos_url, "photos", [(b"\xff\xd8\xff" + b"x" * 40_000_000, "huge.jpg")])
    assert answer.status_code == 422
    assert "huge.jpg is larger than 15 MB" in answer.get_data(as_text=True)


def test_nothing_chosen(world: World) -> None:
    answer = world.add(world.agent, world.photos_url, "photos", [])
    assert answer.status_code == 422
    assert "Choose a file first." in answer.get_data(as_text=True)


def test_a_storage_that_is_away_keeps_what_was_typed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_args: Any) -> None:
        raise StorageAway("The storage is away.")

    before = count(world)
    with world.app.app_context():
        monkeypatch.setattr(type(current_storage()), "write", away)
    answer = world.add(world.agent, world.deeds_url, "document", [(samples.PDF, "a.pdf")], title="typed title")
    assert answer.status_code == 503
    assert 'value="typed title"' in answer.get_data(as_text=True)
    assert count(world) == before


def test_closed_records_take_what_proves_their_closing(world: World) -> None:
    def close(when: str) -> None:
        with world.app.app_context(), transaction() as session:
            for table, key, value in (
                ("survey_units", "survey_id", world.inside.survey_id), ("accounts", "psid", world.inside.psid),
            ):  # fmt: skip
                session.execute(text(f"UPDATE {table} SET deleted_at = {when} WHERE {key} = :value"), {"value": value})

    close("now()")
    try:
        before = count(world)
        for url, field, data in (
            (world.photos_url, "photos", samples.photo(640, 480)), (world.deeds_url, "document", samples.PDF),
            (world.account_url, "document", samples.PDF),
        ):  # fmt: skip
            assert world.agent.get(url).status_code == 200
            assert world.add(world.agent, url, field, [(data, "proof")], title="Demolished").status_code == 303
        assert count(world) == before + 3
    finally:
        close("NULL")


def test_nobody_adds_to_another_area(world: World) -> None:
    for url in (f"/units/{world.outside.survey_id}/photos/add", f"/accounts/{world.outside.psid}/documents/add"):
        assert world.agent.get(url).status_code == 404
        data = {"csrf_token": token(world.agent, world.photos_url), "photos": (io.BytesIO(samples.photo()), "1.jpg")}
        assert world.agent.post(url, data=data).status_code == 404


def test_without_a_token_nothing_is_taken(world: World) -> None:
    answer = world.agent.post(world.photos_url, data={"photos": (io.BytesIO(samples.photo()), "1.jpg")})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("", True),
        ("transfer", True),
        ("trans dee", True),
        ("deed transfer", True),
        ("scan001", True),
        ("aslam", True),
        ("inside.psid", True),
        ("inside.survey_id", True),
        ("nothing", False),
        ("outside.survey_id", False),
        ("zzyzx", False),
    ],
)
def test_documents_are_found(world: World, question: str, found: bool) -> None:
    if count_of(world, "Transfer deed") == 0:
        world.deed(world.agent, "Transfer deed")
    if "." in question:
        whose, key = question.split(".")
        question = getattr(getattr(world, whose), key)
    data = {"q": question, "csrf_token": token(world.agent, "/documents/")}
    html = world.agent.post("/documents/find", data=data, follow_redirects=True).get_data(as_text=True)
    assert ("Transfer deed" in html) == found
    assert "Transfer deed" not in world.stranger.get("/documents/").get_data(as_text=True)


def count_of(world: World, title: str) -> int:
    with world.app.app_context():
        return len(db_session().scalars(select(StoredFile.id).where(StoredFile.title == title)).all())


def test_a_number_that_may_be_somebodys_stands_in_no_address(world: World) -> None:
    assert world.agent.get("/documents/?q=03001234567").location == "/documents/"
    answer = world.agent.post("/documents/find", data={"q": "03000000001", "csrf_token": token(world.agent, "/me")})
    assert answer.status_code == 200


def test_documents_of_an_account_show_on_both_pages(world: World) -> None:
    world.deed(world.agent, "Letter of the account", world.account_url)
    assert "Letter of the account" in world.agent.get(f"/accounts/{world.inside.psid}").get_data(as_text=True)
    world.deed(world.agent, "Paper of the unit")
    html = world.agent.get(f"/accounts/{world.inside.psid}").get_data(as_text=True)
    assert "Paper of the unit" in html


def test_who_added_it_and_the_office_may_change_it_others_not(world: World) -> None:
    file_id = world.deed(world.agent, "Old title")
    page = f"/documents/{file_id}"
    for browser, may in ((world.agent, True), (world.admin, True), (world.other, False)):
        html = browser.get(page).get_data(as_text=True)
        assert (f"{page}/delete" in html) == may
        if not may:
            data = {"reason": "x", "title": "x", "was": "Old title", "csrf_token": token(browser, "/me")}
            for act in ("delete", "title", "restore"):
                assert browser.post(f"{page}/{act}", data=data).status_code == 404
    assert world.stranger.get(page).status_code == 404


def test_a_title_changed_by_two_is_a_conflict(world: World) -> None:
    file_id = world.deed(world.agent, "First title")
    page = f"/documents/{file_id}"
    mine = {"title": "Second title", "was": "First title", "csrf_token": token(world.agent, page)}
    assert world.agent.post(f"{page}/title", data=mine).status_code == 303
    theirs = {"title": "Third title", "was": "First title", "csrf_token": token(world.admin, page)}
    answer = world.admin.post(f"{page}/title", data=theirs)
    html = answer.get_data(as_text=True)
    assert answer.status_code == 409
    assert "Second title" in html
    assert 'value="Third title"' in html


def test_deleting_needs_a_reason_and_is_undone(world: World) -> None:
    file_id = world.deed(world.agent, "To be deleted")
    page = f"/documents/{file_id}"
    form = {"csrf_token": token(world.agent, page)}
    assert world.agent.post(f"{page}/delete", data={**form, "reason": " "}).status_code == 422
    assert world.agent.post(f"{page}/delete", data={**form, "reason": "wrong unit"}).status_code == 303
    assert "To be deleted" not in world.agent.get("/documents/").get_data(as_text=True)
    assert "wrong unit" in world.admin.get(page).get_data(as_text=True)
    assert world.other.get(page).status_code == 404
    assert world.agent.post(f"{page}/restore", data=form).status_code == 303
    assert "To be deleted" in world.agent.get("/documents/").get_data(as_text=True)


def test_the_list_goes_on(world: World) -> None:
    with world.app.app_context(), transaction() as session:
        one = session.scalars(select(StoredFile).where(StoredFile.kind == "DOCUMENT")).first()
        assert one is not None
        for number in range(60):
            session.add(
                StoredFile(
                    client_uuid=uuid.uuid4(), kind="DOCUMENT", key=f"documents/{number}", media_type="application/pdf",
                    file_name="x.pdf", title=f"Numbered {number:02}", bytes=1, sha256="", unit_id=one.unit_id,
                    account_id=one.account_id, location_id=one.location_id,
                )
            )  # fmt: skip
    first = world.agent.get("/documents/?q=numbered").get_data(as_text=True)
    assert first.count("Numbered") >= 50
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following
    assert "Numbered 05" in world.agent.get(following[1].replace("&amp;", "&")).get_data(as_text=True)


def test_the_pages_ask_little(world: World) -> None:
    for path in ("/documents/", "/documents/?q=deed", f"/units/{world.inside.survey_id}"):
        with recorded_queries(world.app) as asked:
            assert world.agent.get(path).status_code == 200
        assert len(asked) <= 12, (path, len(asked))
