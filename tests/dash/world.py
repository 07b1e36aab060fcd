"""Random bills and payments in a small tree of areas, written straight into the tables."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass

from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.billing.models import (
    ARREARS,
    CANCELLED,
    PAID,
    UNPAID,
    Account,
    AccountBalance,
    Bill,
    BillKey,
    UnitCycle,
    UnitState,
)
from portal.db import transaction
from portal.imports.models import ImportBatch
from portal.locations.models import DISTRICT, DIVISION, PROVINCE, TEHSIL, UNION_COUNCIL, Location, Place
from portal.payments.models import Payment
from portal.units.models import SurveyUnit
from portal.web.format import KARACHI
from tests.support.places import add_place

AS_OF = dt.datetime(2025, 12, 5, 9, 20, tzinfo=dt.UTC)
MONTHS = [dt.date(2025, month, 1) for month in (7, 8, 9, 10, 11)]
CHANNELS = ("1Bill", "BOP OTC", "OTC/Cash", "JazzCash", "Easypaisa", "Nayapay", "Raast", "HBL")
SIZES = {"DOMESTIC": ("M0_5", "M5_10", "M10_20"), "COMMERCIAL": ("SMALL", "LARGE"), None: (None,)}


# Visits of every state in October's and November's cycles, some in the last minutes of a day in Karachi.
VISITS = """
    INSERT INTO compliance_visits (client_uuid, unit_id, location_id, visit_type, outcome, visited_at, review_state)
    SELECT gen_random_uuid(), u.id, u.location_id, 'ROUTINE', 'DONE',
           timestamptz '2025-10-16 18:59Z' + n * interval '61 hours' + u.id % 3 * interval '1 minute',
           (array['PENDING', 'APPROVED', 'RETURNED'])[1 + (u.id + n) % 3]
    FROM survey_units u, generate_series(0, 19) n WHERE (u.id + n) % 7 = 0"""


@dataclass(frozen=True)
class World:
    """Ids by name: `north`, `north/a`, `north/a/1` ... (district, tehsil, union council)."""

    app: Flask
    ids: dict[str, int]


def tree(session: Session) -> dict[str, Location]:
    """Two districts with two tehsils of three union councils each."""
    province = session.scalars(select(Location).where(Location.kind == PROVINCE)).one()
    division = add_place(session, "Canal", DIVISION, province)
    places = {"punjab": province, "canal": division}
    for district in ("north", "south"):
        places[district] = add_place(session, district.title(), DISTRICT, division, f"{district} ur")
        for tehsil in "ab":
            key = f"{district}/{tehsil}"
            places[key] = add_place(session, f"{district.title()} {tehsil.upper()}", TEHSIL, places[district])
            for number in range(1, 4):
                name = f"UC-{number}, {district.title()} {tehsil.upper()}"
                places[f"{key}/{number}"] = add_place(session, name, UNION_COUNCIL, places[key])
    return places


class Maker:
    """Writes units, accounts, bills and payments; each method one of them."""

    def __init__(self, session: Session, rng: random.Random) -> None:
        self.session = session
        self.rng = rng
        self.number = 0
        batch = ImportBatch(
            kind="paid", file_name="paid.csv", file_sha256="0" * 64, file_size=1, status="DONE", as_of=AS_OF
        )
        session.add(batch)
        for month in MONTHS:
            session.execute(text("SELECT ensure_bill_partition(:month)"), {"month": month})
        self.places: dict[int, Place] = {}

    def _where(self, location: Location) -> dict[str, object]:
        if location.id not in self.places:
            place = Place(name=location.name, name_key=f"k{location.id}", location_id=location.id, state="MATCHED")
            self.session.add(place)
            self.session.flush()
            self.places[location.id] = place
        return {"place_id": self.places[location.id].id, "location_id": location.id, "as_of": AS_OF}

    def account(self, location: Location, *, has_unit: bool = True) -> Account:
        self.number += 1
        use = self.rng.choice(["DOMESTIC", "DOMESTIC", "COMMERCIAL", None])
        kind = {"use": use, "size_band": self.rng.choice(SIZES[use]), "uc_type": None}
        unit = None
        if has_unit:
            unit = SurveyUnit(survey_id=str(100_000 + self.number), **self._where(location), **kind)
            self.session.add(unit)
            self.session.flush()
            self.session.add(UnitState(unit_id=unit.id, location_id=location.id, use=use, accounts=1))
        account = Account(
            psid=f"2677{self.number:016}",
            unit_id=unit.id if unit else None,
            monthly_fee=300,
            **self._where(location),
            **kind,
        )
        self.session.add(account)
        self.session.flush()
        return account

    def bill(self, account: Account, month: dt.date, status: str) -> Bill:
        key = f"B{account.id}-{month:%Y%m}"
        self.session.add(BillKey(portal_bill_id=key, billing_month=month))
        self.session.flush()
        fee, demand = self.rng.randrange(200, 3000, 100), self.rng.randrange(200, 9000, 50)
        # Some are issued before the cycle begins; in the evening of UTC it is the next day in Karachi.
        issued = dt.datetime.combine(month, dt.time(self.rng.choice([8, 20])), dt.UTC)
        bill = Bill(
            billing_month=month,
            account_id=account.id,
            psid=account.psid,
            portal_bill_id=key,
            place_id=account.place_id,
            location_id=account.location_id,
            use=account.use,
            size_band=account.size_band,
            issued_at=issued + dt.timedelta(days=self.rng.randrange(2, 24)),
            monthly_fee=fee,
            amount_payable=demand,
            status=status,
            demand=demand,
            month_source="ISSUED",
            month_as_of=AS_OF,
            as_of=AS_OF,
        )
        self.session.add(bill)
        self.session.flush()
        return bill

    def settle(self, account: Account, bills: list[Bill], payments: dict[int, list[Payment]]) -> None:
        """What the payments say of the account's live bills (in order), and what its unit did with each."""
        for index, bill in enumerate(bills):
            bill.paid_amount = sum(payment.paid_amount for payment in payments[bill.id])
            bill.last_paid_on = max((payment.paid_on for payment in payments[bill.id]), default=None)
            if index + 1 < len(bills):
                bill.carried_on = bills[index + 1].issued_at.astimezone(KARACHI).date()
            if bill.id % 3 == 0:
                bill.delivered_on = bill.issued_at.astimezone(KARACHI).date() + dt.timedelta(days=bill.id % 5)
            if account.unit_id:
                paid_on = bill.last_paid_on or bill.issued_at.astimezone(KARACHI).date()
                self.session.add(
                    UnitCycle(
                        billing_month=bill.billing_month,
                        unit_id=account.unit_id,
                        location_id=account.location_id,
                        use=account.use,
                        bills=1,
                        paid_bills=int(bill.status == PAID),
                        paid_on=paid_on if bill.status == PAID else None,
                        delivered_bills=int(bill.delivered_on is not None),
                    )
                )

    def payment(self, location: Location, paid_on: dt.date, account: Account | None, bill: Bill | None) -> Payment:
        self.number += 1
        use = account.use if account else self.rng.choice(["DOMESTIC", None])
        payment = Payment(
            psid=account.psid if account else f"9999{self.number:016}",
            month=bill.billing_month if bill else MONTHS[-1],
            paid_on=paid_on,
            paid_amount=self.rng.randrange(50, 5000),
            channel=self.rng.choice(CHANNELS),
            account_id=account.id if account else None,
            bill_month=bill.billing_month if bill else None,
            bill_id=bill.id if bill else None,
            use=use,
            size_band=account.size_band if account else None,
            place_is_long=True,
            place_as_of=AS_OF,
            **self._where(location),
        )
        self.session.add(payment)
        self.session.flush()
        return payment


def fill(app: Flask, seed: int, accounts: int = 60) -> World:
    """A random world of that seed."""
    rng = random.Random(seed)
    with app.app_context(), transaction() as session:
        places = tree(session)
        maker = Maker(session, rng)
        homes = [place for key, place in places.items() if key.count("/") == 2] + [places["north/a"]]
        for _ in range(accounts):
            location = rng.choice(homes)
            account = maker.account(location, has_unit=rng.random() < 0.9)
            bills = [
                maker.bill(account, month, rng.choice([UNPAID, PAID, PAID, ARREARS, CANCELLED]))
                for month in MONTHS
                if rng.random() < 0.8
            ]
            live = [bill for bill in bills if bill.status != CANCELLED]
            session.add(
                AccountBalance(
                    account_id=account.id,
                    location_id=account.location_id,
                    use=account.use,
                    size_band=account.size_band,
                    is_pending=account.unit_id is None,
                    latest_bill_month=live[-1].billing_month if live else None,
                    latest_bill_id=live[-1].id if live else None,
                    outstanding=rng.randrange(0, 4000),
                    credit=rng.randrange(0, 200),
                    unpaid_bills=rng.randrange(0, 5),
                )
            )
            payments: dict[int, list[Payment]] = {bill.id: [] for bill in live}
            for bill in live:
                for _payment in range(rng.choice([0, 1, 1, 2])):
                    # Some pay before the cycle begins, some after it is over, some elsewhere.
                    paid_on = bill.billing_month + dt.timedelta(days=rng.randrange(8, 55))
                    where = rng.choice([location, location, rng.choice(homes)])
                    payments[bill.id].append(maker.payment(where, paid_on, account, bill))
            maker.settle(account, live, payments)
        for _ in range(15):
            maker.payment(rng.choice(homes), dt.date(2025, rng.choice([10, 11]), rng.randrange(1, 29)), None, None)
        session.flush()
        session.execute(text(VISITS))
        return World(app, {key: place.id for key, place in places.items()})
