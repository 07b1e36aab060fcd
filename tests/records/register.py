"""A small register with one of everything a record page has to show."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.audit.service import record
from portal.billing.cycles import add_months, cycle_of
from portal.billing.models import Account, AccountBalance, Bill, BillKey, UnitCycle, UnitState
from portal.db import transaction
from portal.imports.models import ImportBatch, ImportRow
from portal.locations.models import Place
from portal.payments.models import Payment
from portal.units.models import SurveyUnit
from portal.web.format import KARACHI
from tests.support.places import small_tree

AS_OF = dt.datetime(2025, 11, 20, 10, 0, tzinfo=KARACHI)
MONTH = cycle_of(dt.datetime.now(KARACHI).date(), 16)
BEFORE = add_months(MONTH, -1)
LONG_AGO = add_months(MONTH, -30)

MOBILE, CNIC = "03001234567", "3820112345671"
UNIT, PSID, TWIN = "2319211", "26770000000000000017", "26770000000000000024"
PENDING_PSID, FOREIGN_UNIT, FOREIGN_PSID = "26770000000000000031", "4100001", "26770000000000000048"
SURVEYED_ONLY, URDU_UNIT = "2319212", "2319213"


@dataclass(frozen=True)
class Register:
    """Ids of the places by short name (see `tests.support.places`), and of the import."""

    places: dict[str, int]
    batch: int


def build(app: Flask) -> Register:
    """Fill an empty database."""
    places = small_tree(app)
    with app.app_context(), transaction() as session:
        session.execute(text("SELECT ensure_bill_partition(:month)"), {"month": LONG_AGO})
        batch = _batch(session)
        here = _place(session, places["mc-9"], "MC-9 Clocktower")
        there = _place(session, places["other mc-9"], "MC-9 Clocktower, Bhakkar")
        unit = _unit(
            session,
            here,
            UNIT,
            consumer_name="Muhammad Akram",
            mobile=MOBILE,
            cnic=CNIC,
            address="House 12, Ward-20/Block No 1",
            email="akram@example.org",
            image_urls=["https://portal.example.org/photo/1.jpg", "javascript:alert(1)"],
            gps_lat=32.2695,
            gps_lon=72.8979,
            surveyed_at=AS_OF - dt.timedelta(days=40),
            surveyor_name="Surveyor One",
            first_batch_id=batch,
            last_batch_id=batch,
        )
        _unit(
            session, here, SURVEYED_ONLY, consumer_name="Ghulam Rasool", cnic_text="not-given 12345", address="Shop 3"
        )
        _unit(session, here, URDU_UNIT, consumer_name="محمد اکرم", address="گلی نمبر ۵، محلہ اسلام پورہ")
        foreign = _unit(session, there, FOREIGN_UNIT, consumer_name="Muhammad Akram", mobile=MOBILE, address="House 99")
        account = _account(session, here, PSID, unit, consumer_name="Muhammad Akram", mobile=MOBILE, cnic=CNIC)
        twin = _account(session, here, TWIN, unit, consumer_name="M. Akram")
        pending = _account(session, here, PENDING_PSID, None, survey_id="7777777", consumer_name="Abdul Sattar")
        other = _account(session, there, FOREIGN_PSID, foreign, consumer_name="Muhammad Akram")
        first = _bill(session, account, "900", month=MONTH, status="CANCELLED", issued_day=1)
        latest = _bill(
            session, account, "901", month=MONTH, status="UNPAID", issued_day=3, amount_payable=1050, demand=1050
        )
        paid = {"status": "PAID", "paid_amount": 500, "demand": 500, "last_paid_on": BEFORE}
        older = _bill(session, account, "801", month=BEFORE, **paid)
        _bill(session, account, "101", month=LONG_AGO, status="ARREARS")
        _bill(session, other, "950", month=MONTH, status="UNPAID")
        _payment(session, account, 500, month=BEFORE, bill=older)
        _payment(session, account, 120, month=add_months(MONTH, -2), bill=older, channel="OTC/Cash")
        _payment(session, account, 77, month=add_months(MONTH, -3), bill=None, channel="Easypaisa")
        assert first.id != latest.id
        for row, outstanding, bill in (
            (account, 1050, latest),
            (twin, 0, None),
            (pending, 0, None),
            (other, 500, None),
        ):
            session.add(_balance(row, outstanding, bill))
        for row, count in ((unit, 2), (foreign, 1)):
            session.add(UnitState(unit_id=row.id, location_id=row.location_id, use=row.use, accounts=count))
            session.add(
                UnitCycle(
                    billing_month=MONTH, unit_id=row.id, location_id=row.location_id, use=row.use, bills=1, paid_bills=0
                )
            )
        changes = {"mobile": ["03007654321", MOBILE], "monthly_fee": [300, 500], "location_id": [1, 2]}
        session.add(ImportRow(batch_id=batch, line_no=17, outcome="UPDATED", entity_key=PSID, changes=changes))
        record(
            session,
            "account.correct",
            "account",
            PSID,
            actor="clerk",
            before={"cnic": "1111111111111"},
            after={"cnic": CNIC},
        )
    return Register(places, batch)


def _batch(session: Session) -> int:
    batch = ImportBatch(
        kind="biller",
        file_name="02_Biller_Khushab_Nov2025.csv",
        file_sha256="0" * 64,
        file_size=1,
        status="DONE",
        as_of=AS_OF,
        rows_read=1,
        rows_updated=1,
        finished_at=AS_OF,
    )
    session.add(batch)
    session.flush()
    return batch.id


def _place(session: Session, location_id: int, name: str) -> Place:
    place = Place(
        name=name, name_key=name.lower(), tehsil_key="t", tehsil="T", location_id=location_id, state="MATCHED"
    )
    session.add(place)
    session.flush()
    return place


def _unit(session: Session, place: Place, survey_id: str, **values: Any) -> SurveyUnit:
    fixed = {"use": "DOMESTIC", "size_band": "M0_5", "uc_type": "URBAN", "as_of": AS_OF}
    unit = SurveyUnit(survey_id=survey_id, place_id=place.id, location_id=place.location_id, **(fixed | values))
    session.add(unit)
    session.flush()
    return unit


def _account(session: Session, place: Place, psid: str, unit: SurveyUnit | None, **values: Any) -> Account:
    fixed = {"use": "DOMESTIC", "size_band": "M0_5", "monthly_fee": 500, "as_of": AS_OF, "is_active": True}
    if unit is not None:
        fixed |= {"unit_id": unit.id, "survey_id": unit.survey_id}
    account = Account(psid=psid, place_id=place.id, location_id=place.location_id, **(fixed | values))
    session.add(account)
    session.flush()
    return account


def _bill(session: Session, account: Account, bill_id: str, month: dt.date, issued_day: int = 2, **values: Any) -> Bill:
    session.add(BillKey(portal_bill_id=bill_id, billing_month=month))
    session.flush()
    fixed = {"monthly_fee": 500, "amount_payable": 500, "demand": 500, "month_source": "MONTH", "month_as_of": AS_OF}
    bill = Bill(
        billing_month=month,
        portal_bill_id=bill_id,
        account_id=account.id,
        psid=account.psid,
        place_id=account.place_id,
        location_id=account.location_id,
        use=account.use,
        size_band=account.size_band,
        issued_at=dt.datetime.combine(month, dt.time(4, 45), KARACHI) + dt.timedelta(days=issued_day),
        as_of=AS_OF,
        **(fixed | values),
    )
    session.add(bill)
    session.flush()
    return bill


def _payment(
    session: Session, account: Account, amount: int, *, month: dt.date, bill: Bill | None, channel: str = "1Bill"
) -> None:
    session.add(
        Payment(
            psid=account.psid,
            month=month,
            paid_on=month + dt.timedelta(days=25),
            paid_amount=amount,
            channel=channel,
            place_id=account.place_id,
            location_id=account.location_id,
            place_is_long=True,
            place_as_of=AS_OF,
            as_of=AS_OF,
            account_id=account.id,
            bill_month=bill.billing_month if bill else None,
            bill_id=bill.id if bill else None,
        )
    )


def _balance(account: Account, outstanding: int, bill: Bill | None) -> AccountBalance:
    return AccountBalance(
        account_id=account.id,
        location_id=account.location_id,
        use=account.use,
        size_band=account.size_band,
        is_pending=account.unit_id is None,
        latest_bill_month=bill.billing_month if bill else None,
        latest_bill_id=bill.id if bill else None,
        outstanding=outstanding,
        unpaid_bills=1 if outstanding else 0,
        payments_count=3 if bill else 0,
    )


def account_id(session: Session, psid: str) -> int:
    """The id of an account."""
    return session.scalars(select(Account.id).where(Account.psid == psid)).one()
