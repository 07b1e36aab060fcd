"""One unit with account, bill and payment in an area, without a file: for tests of access and of pages."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from sqlalchemy.orm import Session

from portal.billing.models import UNPAID, Account, AccountBalance, Bill, BillKey, UnitCycle, UnitState
from portal.imports.models import ImportBatch
from portal.imports.outcome import Counts, Outcome
from portal.locations.models import Location, Place
from portal.payments.models import BillMove, Payment
from portal.payments.moves import Effects
from portal.tickets.models import Ticket
from portal.units.models import DOMESTIC, SurveyUnit
from portal.visits.models import ComplianceVisit
from portal.visits.rules import Doubt

MONTH = dt.date(2025, 11, 1)
PAID_ON = dt.date(2025, 11, 20)
NOTHING_MOVES = Effects(*[0] * 9)
AS_OF = dt.datetime(2025, 12, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Registered:
    """Keys of what was made."""

    location_id: int
    survey_id: str
    psid: str
    batch_id: int
    place_id: int
    move_id: int
    visit_id: int = 0
    staff_id: int = 0  # somebody of the area, where a test has one
    file_id: int = 0  # a document of the unit, where a test has one
    correction_id: int = 0  # a correction of the unit that waits, where a test has one
    ticket: str = ""  # number of a ticket that any role of the area may see


def register(session: Session, location: Location, number: int, name: str) -> Registered:
    """A consumer called `name` with one unpaid bill of Rs 500, a payment of Rs 300, the file they came with, and a
    move of bills in the tehsil."""
    outcome = Outcome("biller", f"{name}.csv", Counts(rows=1, inserted=1), {}, AS_OF, "FILE")
    batch = ImportBatch(
        kind="biller", file_name=f"{name}.csv", file_sha256=f"{number:064}", file_size=10, status="DONE",
        area_ids=[location.id], as_of=AS_OF, rows_read=1, rows_inserted=1, result=outcome.as_json(),
    )  # fmt: skip
    place = Place(name=location.name, name_key=f"{location.match_key} {number}", location_id=location.id, state="OPEN")
    session.add_all([batch, place])
    session.flush()
    where = {"place_id": place.id, "location_id": location.id, "as_of": AS_OF, "first_batch_id": batch.id}
    kind = {"use": DOMESTIC, "size_band": "M0_5", "uc_type": "URBAN"}
    survey_id, psid = str(100_000 + number), f"2677{number:016}"
    unit = SurveyUnit(
        survey_id=survey_id, consumer_name=name, mobile=f"0300{number:07}", cnic=f"38201{number:08}", **where, **kind
    )
    session.add(unit)
    session.flush()
    account = Account(
        psid=psid, survey_id=survey_id, unit_id=unit.id, consumer_name=name, monthly_fee=500, last_batch_id=batch.id,
        **where, **kind,
    )  # fmt: skip
    session.add(account)
    session.add(BillKey(portal_bill_id=f"B{number}", billing_month=MONTH))
    session.flush()
    bill = Bill(
        billing_month=MONTH, account_id=account.id, psid=psid, portal_bill_id=f"B{number}", issued_at=AS_OF,
        monthly_fee=500, amount_payable=500, amount_after_due=550, status=UNPAID, demand=500,
        month_source="ISSUED", month_as_of=AS_OF, **where, **kind,
    )  # fmt: skip
    session.add(bill)
    session.flush()
    session.add_all(
        [
            Payment(
                psid=psid, month=MONTH, paid_on=PAID_ON, paid_amount=300, channel="1Bill", account_id=account.id,
                place_is_long=True, place_as_of=AS_OF, **where, **kind,
            ),
            AccountBalance(
                account_id=account.id, location_id=location.id, use=DOMESTIC, size_band="M0_5", is_pending=False,
                latest_bill_month=MONTH, latest_bill_id=bill.id, outstanding=500, unpaid_bills=1, payments_count=1,
            ),
            UnitState(unit_id=unit.id, location_id=location.id, use=DOMESTIC, accounts=1),
            UnitCycle(
                billing_month=MONTH, unit_id=unit.id, location_id=location.id, use=DOMESTIC, bills=1, paid_bills=0
            ),
        ]
    )  # fmt: skip
    move = BillMove(
        tehsil_id=location.parent_id, issued_on=PAID_ON, from_month=MONTH, to_month=MONTH, status="DONE",
        promised=vars(NOTHING_MOVES), result=vars(NOTHING_MOVES),
    )  # fmt: skip
    visit = ComplianceVisit(
        client_uuid=uuid.uuid4(), unit_id=unit.id, account_id=account.id, location_id=location.id,
        visit_type="DELIVERY", outcome="DELIVERED", bill_month=MONTH, portal_bill_id=f"B{number}",
        notes=f"{name} was at home", visited_at=AS_OF, doubts=Doubt.NO_PHOTO,
    )  # fmt: skip
    ticket = Ticket(
        number=f"T-25-{number:06}", client_uuid=uuid.uuid4(), category_id=1, title=f"{name} complains",
        location_id=location.id, unit_id=unit.id, account_id=account.id, assigned_role="AGENT", clock_minutes=60,
    )  # fmt: skip
    session.add_all([move, visit, ticket])
    session.flush()
    return Registered(location.id, survey_id, psid, batch.id, place.id, move.id, visit.id, ticket=ticket.number)
