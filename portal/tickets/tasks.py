"""Periodic jobs of tickets."""

from __future__ import annotations

import logging

from portal.db import transaction
from portal.jobs.app import task
from portal.tickets import calendar, escalation, public
from portal.tickets.service import now
from portal.web.context import settings

log = logging.getLogger(__name__)


@task("tickets.escalate", cron="*/5 * * * *", queueing_lock="tickets.escalate", lock="tickets.escalate")
def escalate() -> None:
    """Tell the people of tickets whose time is nearly over, or over."""
    with transaction() as session:
        stepped = escalation.escalate(session, calendar.in_force(session, settings()), now())
    if stepped:
        log.info("tickets escalated: %s", stepped)


@task("tickets.forget_attempts", cron="40 21 * * *", lock="tickets.forget_attempts")
def forget_attempts() -> None:
    """Forget from which addresses the public form was used."""
    with transaction() as session:
        public.forget_attempts(session, now())
