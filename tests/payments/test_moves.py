"""Bills of one issue date and tehsil move to another month; everything derived stays exact."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal.db import db, side_transaction
from portal.payments import moving
from portal.permissions import Role
from tests.imports.office import Office, flashed, load_areas
from tests.imports.portal_files import biller_row, paid_row, psid, survey_row
from tests.support.importing import assert_verified, bring_committed, state, write

LoginAs = Callable[..., FlaskClient]
SUMS = (
    "SELECT billing_month, sum(bills), sum(paid_bills), sum(monthly_fee), sum(demand)"
    " FROM rollup_bills GROUP BY 1 HAVING sum(bills) <> 0 ORDER BY 1"
)
ROWS = (
    "SELECT billing_month, count(*), count(*) FILTER (WHERE status = 'PAID'), sum(monthly_fee), sum(demand)"
    " FROM bills WHERE status <> 'CANCELLED' GROUP BY 1 ORDER BY 1"
)
OCTOBER, NOVEMBER = dt.date(2025, 10, 1), dt.date(2025, 11, 1)


@pytest.fixture
def places(app: Flask, tmp_path: Path) -> dict[str, int]:
    """Nilokot: 1-4 issued 25 Oct (as November), 3-4 again 17 Nov (as November too), 5 issued 26 Oct; 9 in Dharampur."""
    ids = load_areas(app, tmp_path)
    early = [biller_row(n) for n in range(1, 5)]
    early.append(biller_row(5, last_bill_date_time="26/10/2025 10:00 AM"))
    early.append(biller_row(9, tehsil="Dharampur", uc="MC-9, Dharampur"))
    later = {"last_bill_date_time": "17/11/2025 09:00 AM", "monthly_fee": "300"}
    late = [biller_row(n, last_bill_id=str(990000 + n), **later) for n in (3, 4)]
    paid = [paid_row(1, month="Nov 2025"), paid_row(2, month="Oct 2025", paid_amount="500")]
    paid.append(paid_row(3, month="Oct 2025"))
    with app.app_context():
        bring_committed(write(tmp_path, "survey", [survey_row(n) for n in (1, 2, 3)]), as_of="2025-11-30")
        bring_committed(write(tmp_path, "biller", early), as_of="2025-11-10", month="2025-11")
        bring_committed(write(tmp_path, "biller", late), as_of="2025-11-20", month="2025-11")
        bring_committed(write(tmp_path, "paid", paid), as_of="2025-12-10")
    return ids


@pytest.fixture
def office(app: Flask, login_as: LoginAs, places: dict[str, int]) -> Office:
    return Office(app, login_as(Role.ADMIN, [places["Nilokot"]]))


def query(places: dict[str, int], **changes: str) -> dict[str, str]:
    return {"tehsil": str(places["Nilokot"]), "from": "2025-11", "issued": "2025-10-25", "to": "2025-10", **changes}


def preview(office: Office, chosen: dict[str, str], status: int = 200) -> str:
    return office.page("/billing/move?" + "&".join(f"{key}={value}" for key, value in chosen.items()), status)


def confirm(office: Office, chosen: dict[str, str], typed: str = "nilokot", promise: str | None = None) -> TestResponse:
    if promise is None:
        found = re.search(r'name="promise" value="([0-9-]+)"', preview(office, chosen))
        assert found
        promise = found.group(1)
    return office.post("/billing/move", confirm=typed, promise=promise, **chosen)


def moved(office: Office, chosen: dict[str, str]) -> str:
    """Confirm, and let the worker do it; returns the page of the move."""
    answer = confirm(office, chosen)
    assert answer.status_code == 303
    assert office.work() == ["bills.move"]
    return office.page(answer.headers["Location"])


def moved_bills(office: Office) -> int:
    return int(office.scalar("SELECT count(*) FROM bills WHERE month_source = 'MOVED'"))


def assert_exact(office: Office) -> list[Any]:
    """Rollups equal the rows, by plain sums here and by everything `flask verify` knows."""
    sums = [tuple(row) for row in office.rows(SUMS)]
    assert sums == [tuple(row) for row in office.rows(ROWS)]
    with office.app.app_context(), db.engine.connect() as connection:
        assert_verified(connection)
    return sums


def test_choose_preview_confirm(office: Office, places: dict[str, int]) -> None:
    assert "Rangpur › Nilokot" in office.page("/billing/move")
    assert "Dharampur" not in office.page("/billing/move")
    dates = office.page(f"/billing/move?tehsil={places['Nilokot']}&from=2025-11")
    assert [day for day in ("2025-10-25", "2025-10-26", "2025-11-17") if f'value="{day}"' in dates] == [
        "2025-10-25", "2025-10-26", "2025-11-17",
    ]  # fmt: skip
    before = assert_exact(office)
    # 1-4 move; of them 3 and 4 are superseded in November by their bills of 17 November and come to life in October.
    page = preview(office, query(places))
    assert "Move 4 bills" in page
    assert "of 2 live bills" in page
    assert assert_exact(office) == before

    waiting = flashed(office.client, confirm(office, query(places)))
    assert "Confirmed; waits its turn." in waiting
    assert "data-poll" in waiting
    assert assert_exact(office) == before
    assert office.work() == ["bills.move"]
    (one,) = office.rows("SELECT id FROM bill_moves")
    done = office.page(f"/billing/moves/{one.id}")
    assert "Bills moved" in done
    assert "Nilokot, issued on 25 Oct 2025: from Nov 2025 to Oct 2025" in done
    assert "data-poll" not in done
    assert office.client.get(f"/billing/moves/{one.id}/status").get_json()["status"] == "DONE"
    history = office.page("/billing/move").split('id="history-title"', 1)[1]
    assert re.search(r"<bdi>Nilokot</bdi>.*issued on 25 Oct 2025.*Nov 2025.*Oct 2025.*>4<.*Moved<", history, re.S)
    after = assert_exact(office)
    # November keeps 3 and 4 (17 Nov), 5 and Dharampur's 9.
    assert [(row[0], row[1]) for row in after] == [(OCTOBER, 4), (NOVEMBER, 4)]
    assert sum(row[3] for row in after) == sum(row[3] for row in before) + 2 * 200  # two bills are live again
    moved = office.rows("SELECT psid, status, month_source FROM bills WHERE billing_month = '2025-10-01' ORDER BY psid")
    assert [row.month_source for row in moved] == ["MOVED"] * 4
    assert [row.status for row in moved] == ["PAID", "PARTIAL", "PAID", "ARREARS"]
    # The payment for November of account 1 has only the October bill to belong to; those for October now have theirs.
    owned = office.rows("SELECT psid, bill_month FROM payments ORDER BY psid")
    assert {row.psid: row.bill_month for row in owned} == {psid(1): OCTOBER, psid(2): OCTOBER, psid(3): OCTOBER}
    assert office.scalar("SELECT count(*) FROM bills_y2025m10") == 4
    assert office.scalar("SELECT count(*) FROM bill_keys WHERE billing_month = '2025-10-01'") == 4
    cycles = office.rows(
        "SELECT billing_month, sum(billed) FROM rollup_unit_cycles GROUP BY 1 HAVING sum(billed) <> 0 ORDER BY 1"
    )
    assert [tuple(row) for row in cycles] == [(OCTOBER, 3), (NOVEMBER, 1)]
    (line,) = office.rows("SELECT actor, location_id, before, after FROM audit_log WHERE action = 'bills.move'")
    assert line.location_id == places["Nilokot"]
    assert (line.before["month"], line.after["month"], line.after["bills"]) == ("2025-11-01", "2025-10-01", 4)


def test_there_and_back_is_the_same_state(office: Office, places: dict[str, int]) -> None:
    def registers() -> dict[str, list[str]]:
        with office.app.app_context(), db.engine.connect() as connection:
            found = state(connection)
        # Where the month comes from is remembered: a person, for good.
        found["bills"] = [re.sub(r"'(MONTH|MOVED)'", "'-'", row) for row in found["bills"]]
        return found

    before = registers()
    moved(office, query(places))
    assert registers() != before
    back = query(places, **{"from": "2025-10", "to": "2025-11"})
    moved(office, back)
    assert_exact(office)
    assert registers() == before


def test_a_moved_bill_keeps_its_month_whatever_file_comes(
    office: Office, places: dict[str, int], tmp_path: Path
) -> None:
    moved(office, query(places))
    with office.app.app_context():
        bring_committed(write(tmp_path, "biller", [biller_row(1)]), as_of="2025-11-01", month="2025-09")
        newer = write(tmp_path, "biller", [biller_row(1, total_payable="1,900")])
        bring_committed(newer, as_of="2025-12-01", month="2025-12")
    (bill,) = office.rows("SELECT billing_month, amount_payable FROM bills WHERE psid = :psid", psid=psid(1))
    assert (bill.billing_month, bill.amount_payable) == (OCTOBER, 1900)
    assert_exact(office)


def test_the_later_bill_wins_where_two_meet(office: Office, places: dict[str, int]) -> None:
    moved(office, query(places))
    meeting = query(places, issued="2025-11-17")
    page = preview(office, meeting)
    assert "2 accounts have a live bill in Oct 2025 already" in page
    assert "2 accounts had two live bills in Oct 2025" in moved(office, meeting)
    assert_exact(office)
    rows = office.rows("SELECT portal_bill_id, status FROM bills WHERE psid = :psid ORDER BY issued_at", psid=psid(4))
    assert [tuple(row) for row in rows] == [("880004", "CANCELLED"), ("990004", "UNPAID")]
    assert office.scalar("SELECT bill_id FROM payments WHERE psid = :psid", psid=psid(3)) == office.scalar(
        "SELECT id FROM bills WHERE portal_bill_id = '990003'"
    )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"to": "2031-01"}, "lies in the future"),
        ({"to": "2025-11"}, "stand in Nov 2025 already"),
        ({"issued": "2025-10-24"}, "no bills of that day"),
        ({"to": "soon"}, "cannot be read"),
        ({"issued": "2025-10-99"}, "cannot be read"),
    ],
)
def test_what_cannot_be_moved(office: Office, places: dict[str, int], changes: dict[str, str], sentence: str) -> None:
    chosen = query(places, **changes)
    assert sentence in preview(office, chosen, 422)
    answer = office.post("/billing/move", confirm="Nilokot", promise="", **chosen)
    assert answer.status_code == 422
    assert sentence in answer.get_data(as_text=True)
    assert moved_bills(office) == 0


def test_a_wrong_word_moves_nothing(office: Office, places: dict[str, int]) -> None:
    answer = confirm(office, query(places), typed="Nilo")
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    assert "Type the name of the tehsil, Nilokot, to confirm" in page
    assert 'value="Nilo"' in page
    assert moved_bills(office) == 0
    assert office.client.post("/billing/move", data=query(places)).status_code == 400


def test_what_is_confirmed_is_what_was_seen(office: Office, places: dict[str, int], tmp_path: Path) -> None:
    chosen = query(places)
    promise = re.search(r'name="promise" value="([0-9-]+)"', preview(office, chosen))
    assert promise
    with office.app.app_context():
        bring_committed(write(tmp_path, "biller", [biller_row(7)]), as_of="2025-11-12", month="2025-11")
    answer = confirm(office, chosen, promise=promise.group(1))
    assert answer.status_code == 409
    assert "have changed since you looked" in answer.get_data(as_text=True)
    assert "Move 5 bills" in answer.get_data(as_text=True)
    assert moved_bills(office) == 0
    # Sent twice, it moves once: the second time there is nothing left to move.
    found = re.search(r'name="promise" value="([0-9-]+)"', preview(office, chosen))
    assert found
    first = confirm(office, chosen, promise=found.group(1))
    again = confirm(office, chosen, promise=found.group(1))
    assert (first.status_code, again.status_code) == (303, 303)
    assert first.headers["Location"] == again.headers["Location"]
    assert "has been confirmed already" in flashed(office.client, again)
    other = confirm(office, chosen | {"to": "2025-09"}, promise=found.group(1))
    assert other.status_code == 409
    assert office.work() == ["bills.move"]
    assert confirm(office, chosen, promise=found.group(1)).status_code == 422
    assert office.scalar("SELECT count(*) FROM audit_log WHERE action = 'bills.move'") == 1
    assert office.scalar("SELECT count(*) FROM bill_moves") == 1


def test_only_whole_tehsils_of_ones_own_area(app: Flask, login_as: LoginAs, places: dict[str, int]) -> None:
    for area in ("Dharampur", "UC-1, Chak 1, Nilokot"):
        other = Office(app, login_as(Role.ADMIN, [places[area]]))
        assert "Nilokot</option>" not in other.page("/billing/move")
        assert other.client.get(f"/billing/move?tehsil={places['Nilokot']}").status_code == 404
        assert other.post("/billing/move", confirm="Nilokot", promise="", **query(places)).status_code == 404
    # A district or a union council is no tehsil.
    head = Office(app, login_as(Role.HEAD))
    for name in ("Rangpur", "UC-1, Chak 1, Nilokot"):
        assert head.client.get(f"/billing/move?tehsil={places[name]}").status_code == 404
    manager = Office(app, login_as(Role.MANAGER))
    assert manager.client.get("/billing/move").status_code == 403
    assert manager.post("/billing/move", confirm="Nilokot", promise="", **query(places)).status_code == 403
    assert head.scalar("SELECT count(*) FROM bills WHERE month_source = 'MOVED'") == 0


def test_it_stops_when_the_bills_changed_before_its_turn_came(
    office: Office, places: dict[str, int], tmp_path: Path
) -> None:
    answer = confirm(office, query(places))
    with office.app.app_context():
        bring_committed(write(tmp_path, "biller", [biller_row(7)]), as_of="2025-11-12", month="2025-11")
    before = assert_exact(office)
    office.work()
    page = office.page(answer.headers["Location"])
    assert "have changed since you looked" in page
    assert "Move 5 bills" in page
    assert assert_exact(office) == before
    assert moved_bills(office) == 0
    found = re.search(r'name="promise" value="([0-9-]+)"', page)
    assert found
    assert office.post("/billing/move", confirm="Nilokot", promise=found[1], **query(places)).status_code == 303
    office.work()
    assert moved_bills(office) == 5
    assert [row.status for row in office.rows("SELECT status FROM bill_moves ORDER BY id")] == ["CHANGED", "DONE"]


def test_cancelled_before_its_turn(office: Office, places: dict[str, int]) -> None:
    path = confirm(office, query(places)).headers["Location"]
    assert "Nothing was moved" in flashed(office.client, office.post(f"{path}/cancel"))
    office.work()
    assert moved_bills(office) == 0
    assert "can no longer be cancelled" in flashed(office.client, office.post(f"{path}/cancel"))
    actions = office.rows("SELECT action FROM audit_log WHERE action LIKE 'bills.%' ORDER BY at, id")
    assert [row.action for row in actions] == ["bills.move.confirm", "bills.move.cancel"]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE staff SET is_active = false WHERE role = 'ADMIN'",
        "UPDATE staff SET role = 'MANAGER' WHERE role = 'ADMIN'",
        "DELETE FROM staff_areas USING staff WHERE staff.id = staff_id AND role = 'ADMIN'",
    ],
)
def test_who_may_no_longer_move_bills_moves_none(
    office: Office, login_as: LoginAs, places: dict[str, int], change: str
) -> None:
    path = confirm(office, query(places)).headers["Location"]
    with office.app.app_context(), side_transaction() as connection:
        connection.exec_driver_sql(change)
    office.work()
    assert moved_bills(office) == 0
    page = login_as(Role.HEAD).get(path).get_data(as_text=True)
    assert "The move failed" in page
    assert "may not move bills any more" in page or "no such tehsil" in page


def test_a_move_waits_for_an_import_no_longer_than_it_may(
    office: Office, places: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "WAIT_FOR_IMPORTS", 1)
    path = confirm(office, query(places)).headers["Location"]
    with office.app.app_context(), side_transaction() as importing:
        importing.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('imports'))")
        office.work()
    page = office.page(path)
    assert "A file is being imported at this moment" in page
    assert moved_bills(office) == 0
    # The worker has no reader: each reader gets the reason in his own language.
    office.post("/preferences", language="ur", next="/me")
    assert "A file is being imported" not in office.page(path)
    assert "فائل" in office.page(path)


def test_moves_of_another_area_do_not_exist(
    app: Flask, office: Office, login_as: LoginAs, places: dict[str, int]
) -> None:
    path = confirm(office, query(places)).headers["Location"]
    for area in ("Dharampur", "UC-1, Chak 1, Nilokot"):
        other = Office(app, login_as(Role.ADMIN, [places[area]]))
        assert other.client.get(path).status_code == 404
        assert other.client.get(f"{path}/status").status_code == 404
        assert other.post(f"{path}/cancel").status_code == 404
        assert "<bdi>Nilokot</bdi>" not in other.page("/billing/move")
    assert Office(app, login_as(Role.ADMIN, [places["Rangpur"]])).client.get(path).status_code == 200


@pytest.mark.parametrize("wrong", [{"issued": "9999-12-31"}, {"to": "9999-12"}, {"tehsil": "9" * 20}, {"tehsil": "x"}])
def test_a_choice_made_by_hand_breaks_nothing(office: Office, places: dict[str, int], wrong: dict[str, str]) -> None:
    answer = office.client.get("/billing/move", query_string=query(places, **wrong))
    assert answer.status_code in {404, 422}
