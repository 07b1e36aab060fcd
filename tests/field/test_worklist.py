# ruff: noqa: E501
"""What to do next, in which order: pure rules."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest

from portal.field import worklist
from portal.field.worklist import DONE, PROMISED, RETURN, TODO, natural, plan_of, street_of, tasks
from portal.web.format import KARACHI

TODAY = dt.date(2026, 11, 27)
START = dt.date(2026, 11, 16)


def row(number: int = 1, word: str = "UNPAID", **facts: Any) -> Any:
    values = {
        "id": number, "location_id": 7, "place": "MC-9", "address": f"House {number}, Street 2, Mohalla X", "word": word,
        "visited_at": None, "next_date": None, "promise_date": None,
    }  # fmt: skip
    return SimpleNamespace(**values | facts)


def days_ago(days: int) -> dt.datetime:
    return dt.datetime(2026, 11, 27, 9, tzinfo=KARACHI) - dt.timedelta(days=days)


@pytest.mark.parametrize(
    "facts, plan",
    [
        ({"word": "UNPAID"}, "UNPAID"),
        ({"word": "ARREARS"}, "ARREARS"),
        ({"word": "NO_BILL"}, "NO_BILL"),
        ({"word": "PAID"}, DONE),
        ({"visited_at": days_ago(2)}, DONE),
        ({"visited_at": days_ago(11)}, DONE),  # the first day of the cycle
        ({"visited_at": days_ago(12)}, "UNPAID"),
        ({"visited_at": days_ago(2), "next_date": TODAY}, RETURN),
        ({"visited_at": days_ago(2), "next_date": TODAY + dt.timedelta(days=1)}, DONE),
        ({"visited_at": days_ago(2), "promise_date": TODAY}, PROMISED),
        ({"visited_at": days_ago(2), "promise_date": TODAY, "word": "PAID"}, DONE),
        ({"visited_at": days_ago(2), "promise_date": TODAY, "next_date": TODAY}, PROMISED),
        ({"visited_at": days_ago(90), "next_date": TODAY - dt.timedelta(days=80)}, "UNPAID"),
    ],
)
def test_the_plan_follows_promises_returns_and_the_bill(facts: dict[str, Any], plan: str) -> None:
    assert plan_of(row(**facts), TODAY, START) == plan


def test_the_list_goes_by_what_is_due_then_street_and_house_as_people_walk() -> None:
    rows = [
        row(10), row(9), row(3, "ARREARS"), row(4, "PAID"),
        row(5, visited_at=days_ago(2), next_date=TODAY), row(6, visited_at=days_ago(2), promise_date=TODAY),
        row(2, address="House 2, Street 10, Mohalla X"),
    ]  # fmt: skip
    found = tasks(rows, TODAY, START)
    assert [task.id for task in found] == [6, 5, 3, 9, 10, 2, 4]
    assert worklist.counts(found) == {TODO: 6, PROMISED: 1, RETURN: 1, "ARREARS": 1, "UNPAID": 5, DONE: 1}


@pytest.mark.parametrize(
    "address, street, house",
    [
        ("House 12, Street 4, Mohalla Islamia", "Mohalla Islamia, Street 4", "House 12"),
        ("مکان نمبر 12 گلی 4 اسلام پورہ", "اسلام پورہ, گلی 4", "مکان نمبر 12"),
        ("Shop 3-A, Main bazaar", "Main bazaar", "Shop 3-A"),
        ("Near the mosque", "Near the mosque", "Near the mosque"),
        ("House 7", "House 7", "House 7"),
        ("", "", ""),
    ],
)
def test_an_address_is_a_street_and_a_house(address: str, street: str, house: str) -> None:
    assert street_of(address) == (street, house)


def test_numbers_in_words_sort_as_numbers() -> None:
    assert sorted(["House 10", "House 9", "house 1 b", "Shop"], key=natural) == [
        "house 1 b",
        "House 9",
        "House 10",
        "Shop",
    ]
