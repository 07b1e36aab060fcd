"""Demo visits: bills handed over in the last two cycles, and a handful of every kind that waits for review."""

from __future__ import annotations

import datetime as dt
import io
import uuid
from collections.abc import Mapping

from PIL import Image, ImageDraw
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.files.service import Owner, Upload, store_photo
from portal.payments import deliveries
from portal.permissions import AreaScope
from portal.visits import reviewing, service
from portal.visits.models import PENDING, ComplianceVisit

MOST = 4000  # deliveries of a cycle
PHOTOS = 6

# Whole wards first, those of the supervisor before all others; about two bills of three are handed over, within a week
# of their issue. `hashtext` makes the same visits of the same set.
_DELIVERIES = """
    INSERT INTO compliance_visits (client_uuid, unit_id, account_id, location_id, staff_id, visit_type, outcome,
                                   bill_month, portal_bill_id, received_by, visited_at, device_at, gps_lat, gps_lon,
                                   gps_accuracy_m, distance_m, review_state, reviewed_by, reviewed_at, created_at)
    SELECT gen_random_uuid(), u.id, b.account_id, u.location_id, :agent, 'DELIVERY',
           CASE WHEN h % 10 < 7 THEN 'DELIVERED' WHEN h % 10 = 7 THEN 'DELIVERED_TO_NEIGHBOUR' WHEN h % 10 = 8 THEN
                'LOCKED' ELSE 'REFUSED' END,
           b.billing_month, b.portal_bill_id, '', at, at, u.gps_lat + (h % 7 - 3) * 0.00004,
           u.gps_lon + (h % 5 - 2) * 0.00005, 5 + h % 20, CASE WHEN u.gps_lat IS NOT NULL THEN 5 + h % 22 END,
           'APPROVED', :supervisor, at + interval '20 hours', at
    FROM bills b
    JOIN accounts a ON a.id = b.account_id JOIN survey_units u ON u.id = a.unit_id
    CROSS JOIN LATERAL (SELECT abs(hashtext(b.psid || b.billing_month)) AS h) k
    CROSS JOIN LATERAL (
        SELECT date_trunc('day', b.issued_at) + interval '1 day' * (1 + h % 6) + interval '8 hours'
               + interval '1 minute' * (h % 540) AS at
    ) t
    WHERE b.billing_month = :month AND b.status <> 'CANCELLED' AND h % 100 < 65 AND at < :now - interval '1 day'
    ORDER BY u.location_id = ANY(:wards) DESC, u.location_id, b.id LIMIT :most"""

# What the last days left for the supervisor: near and far, with a promise, one returned.
_OTHERS = """
    INSERT INTO compliance_visits (client_uuid, unit_id, location_id, staff_id, visit_type, outcome, notes, visited_at,
                                   device_at, gps_lat, gps_lon, gps_accuracy_m, distance_m, next_date, promise_date,
                                   promise_amount, doubts, review_state, created_at)
    SELECT gen_random_uuid(), u.id, u.location_id, :agent, kind[1 + n % 5], outcome[1 + n % 5],
           CASE WHEN n % 4 = 0 THEN 'Ring the bell twice, the gate is at the back.' ELSE '' END, at, at,
           u.gps_lat + away, u.gps_lon, 8 + n % 30, round(away * 111195),
           CASE WHEN n % 3 = 0 THEN (at + interval '7 days')::date END,
           CASE WHEN outcome[1 + n % 5] = 'PROMISED' THEN (at + interval '9 days')::date END,
           CASE WHEN outcome[1 + n % 5] = 'PROMISED' THEN 500 + n % 4 * 250 END,
           8 + CASE WHEN away > 0.001 THEN 32 ELSE 0 END + CASE WHEN n % 11 = 3 THEN 16 ELSE 0 END, 'PENDING', at
    FROM (
        SELECT s.*, row_number() OVER (ORDER BY id) AS n FROM survey_units s
        WHERE location_id = :ward AND gps_lat IS NOT NULL ORDER BY id LIMIT 24
    ) u
    CROSS JOIN LATERAL (
        SELECT :now - interval '50 minutes' * n AS at, CASE WHEN n % 6 = 2 THEN 0.004 ELSE 0.0001 * (n % 4) END AS away,
               ARRAY['ROUTINE', 'RECOVERY', 'RECOVERY', 'FOLLOWUP', 'COMPLAINT'] AS kind,
               ARRAY['DONE', 'PROMISED', 'LOCKED', 'PAID_ON_SPOT', 'DISPUTED'] AS outcome
    ) v"""


def make(session: Session, people: Mapping[str, int], wards: Mapping[str, list[int]], now: dt.datetime) -> int:
    """Make them. `people` and `wards` are staff ids and location ids by demo user. Returns how many; 0 when there are
    visits already."""
    if session.scalar(select(ComplianceVisit.id).limit(1)) is not None:
        return 0
    who = {"agent": people["agent"], "supervisor": people["supervisor"], "now": now}
    months = session.scalars(text("SELECT DISTINCT billing_month FROM rollup_bills ORDER BY 1 DESC LIMIT 2")).all()
    for month in months:
        session.execute(text(_DELIVERIES), who | {"month": month, "wards": wards["supervisor"], "most": MOST})
    session.execute(text(_OTHERS), {"agent": people["agent"], "ward": wards["agent"][0], "now": now})
    bills = session.execute(
        text("SELECT DISTINCT account_id, bill_month FROM compliance_visits WHERE account_id IS NOT NULL")
    )
    deliveries.refresh(session, [(row.account_id, row.bill_month) for row in bills])
    _photos_and_a_return(session, people)
    return session.scalar(text("SELECT count(*) FROM compliance_visits")) or 0


def _photos_and_a_return(session: Session, people: Mapping[str, int]) -> None:
    query = select(ComplianceVisit).where(ComplianceVisit.review_state == PENDING).order_by(ComplianceVisit.id)
    waiting = list(session.scalars(query))
    for number, visit in enumerate(waiting[: PHOTOS * 2 : 2]):
        store_photo(
            session, Owner(visit_id=visit.id), Upload(_house(number), "house.jpg"), client_uuid=uuid.uuid4(),
            location_id=visit.location_id, staff_id=visit.staff_id,
        )  # fmt: skip
        service.finish(session, visit, service.Rules())
    if waiting:
        reviewer = service.Actor(people["supervisor"], "supervisor", AreaScope.everywhere())
        reviewing.send_back(session, reviewer, waiting[-1].id, waiting[-1].version, "The photo does not show the unit.")


def _house(number: int) -> io.BytesIO:
    """A drawn house, each of another colour."""
    walls = ("#d9b08c", "#c9cba3", "#a8c0c0", "#e0a899", "#b5a7c9", "#d6c37a")[number % 6]
    image = Image.new("RGB", (960, 720), "#cfe3ee")
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 560, 960, 720), fill="#9a8f7d")
    pen.rectangle((180, 230, 780, 600), fill=walls, outline="#5c5148", width=6)
    pen.rectangle((180, 200, 780, 240), fill="#7a6a58")
    pen.rectangle((420, 400, 540, 600), fill="#3e5c4a", outline="#26392e", width=5)
    for left in (240, 610):
        pen.rectangle((left, 320, left + 110, 430), fill="#31424c", outline="#f2efe8", width=8)
    data = io.BytesIO()
    image.save(data, "JPEG", quality=85)
    data.seek(0)
    return data
