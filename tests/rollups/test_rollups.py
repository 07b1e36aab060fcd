"""Rollups: exact at every commit, whoever writes, folded or not; the data version grows with every visible commit."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from portal.db import db, transaction
from portal.rollups.service import MEASURES, fold
from tests.imports.portal_files import area_row, biller_row, paid_row, survey_row
from tests.support.importing import assert_verified, bring_committed, write


def version() -> int:
    with db.engine.connect() as connection:
        return int(connection.scalar(text("SELECT sum(changes) FROM data_versions")) or 0)


def sums() -> dict[str, Any]:
    with db.engine.connect() as connection:
        return {
            table: tuple(
                connection.execute(text(f"SELECT {', '.join(f'sum({m})' for m in measures)} FROM {table}")).one()
            )
            for table, measures in MEASURES.items()
        }


@pytest.fixture
def filled(app: Flask, tmp_path: Any) -> Flask:
    with app.app_context():
        bring_committed(write(tmp_path, "areas", [area_row(n) for n in range(1, 4)]))
        bring_committed(write(tmp_path, "survey", [survey_row(n) for n in range(1, 20)]))
        rows = [biller_row(n, uc=f"UC-{n % 3 + 1}, Chak {n % 3 + 1}, Nilokot") for n in range(1, 20)]
        bring_committed(write(tmp_path, "biller", rows), month="2025-11")
        bring_committed(write(tmp_path, "paid", [paid_row(n) for n in range(1, 9)]))
    return app


def test_folding_changes_no_sum_and_no_version(filled: Flask) -> None:
    with filled.app_context():
        with transaction() as session:
            for _ in range(3):
                session.execute(text("UPDATE bills SET monthly_fee = monthly_fee + 1"))
        before, was = sums(), version()
        with transaction() as session:
            assert fold(session) > 0
        assert (sums(), version()) == (before, was)
        with transaction() as session:
            assert fold(session) == 0
            assert_verified(session.connection())


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE bills SET monthly_fee = monthly_fee + 5",
        "UPDATE payments SET paid_amount = paid_amount + 1",
        "UPDATE account_balances SET outstanding = outstanding + 1",
        "UPDATE locations SET name = name || '!'",
        "DELETE FROM unit_cycles",
    ],
)
def test_every_change_of_a_figure_moves_the_version(filled: Flask, change: str) -> None:
    with filled.app_context():
        was = version()
        with transaction() as session:
            session.execute(text(change))
        assert version() > was


def test_a_rolled_back_change_leaves_the_version(filled: Flask) -> None:
    with filled.app_context():
        was = version()
        db.session.execute(text("UPDATE bills SET monthly_fee = monthly_fee + 5"))
        db.session.rollback()
        assert version() == was


def test_moving_a_bill_by_its_key_keeps_the_rollup_exact(filled: Flask) -> None:
    """The cascade moves the row to another partition; the statement trigger on the parent sees both sides."""
    with filled.app_context():
        with transaction() as session:
            session.execute(text("SELECT ensure_bill_partition('2025-10-01')"))
            session.execute(text("UPDATE bill_keys SET billing_month = '2025-10-01' WHERE portal_bill_id = '880015'"))
        with db.engine.connect() as connection:
            found = connection.execute(
                text(
                    "SELECT billing_month::text, sum(bills) FROM rollup_bills"
                    " GROUP BY 1 HAVING sum(bills) <> 0 ORDER BY 1"
                )
            ).all()
            assert [tuple(row) for row in found] == [("2025-10-01", 1), ("2025-11-01", 18)]


@pytest.mark.slow
def test_writers_readers_and_a_folder_at_once(filled: Flask) -> None:
    """Each reader's snapshot agrees with its own rows, at any moment."""
    errors: list[BaseException] = []
    stop = threading.Event()

    def guarded(work: Any) -> threading.Thread:
        def run() -> None:
            try:
                with filled.app_context():
                    work()
            except BaseException as error:
                errors.append(error)

        return threading.Thread(target=run)

    def write_bills() -> None:
        for n in range(25):
            with transaction() as session:
                session.execute(
                    text("UPDATE bills SET monthly_fee = monthly_fee + 1 WHERE account_id % 2 = :n"), {"n": n % 2}
                )

    def write_payments() -> None:
        for _ in range(25):
            with transaction() as session:
                session.execute(text("UPDATE payments SET paid_amount = paid_amount + 1"))

    def folding() -> None:
        while not stop.is_set():
            with transaction() as session:
                fold(session)

    def reading() -> None:
        while not stop.is_set():
            with db.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
                pair = connection.execute(
                    text("SELECT (SELECT sum(monthly_fee) FROM rollup_bills), (SELECT sum(monthly_fee) FROM bills),"
                         " (SELECT sum(amount) FROM rollup_collected), (SELECT sum(paid_amount) FROM payments)")
                ).one()  # fmt: skip
            assert (pair[0], pair[2]) == (pair[1], pair[3])

    writers = [guarded(write_bills), guarded(write_payments)]
    others = [guarded(folding), guarded(reading)]
    for thread in [*writers, *others]:
        thread.start()
    for thread in writers:
        thread.join(60)
    stop.set()
    for thread in others:
        thread.join(60)
    assert errors == []
