"""One at a time: imports, matched places and moved bills change the registers in turn."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from portal.errors import ConflictError

WAIT_SECONDS = 8
_LOCK_NOT_AVAILABLE = "55P03"


def lock_registers(session: Session, wait_seconds: int = WAIT_SECONDS) -> None:
    """Keep imports from writing until this transaction ends (the lock of `portal.imports.service.lock_imports`).

    A page does not wait for a long import: raises ConflictError when one is being written for longer than that.
    """
    session.execute(text("SELECT set_config('lock_timeout', :wait, true)"), {"wait": f"{wait_seconds}s"})
    try:
        session.execute(text("SELECT pg_advisory_xact_lock(hashtext('imports'))"))
    except DBAPIError as error:
        if getattr(error.orig, "pgcode", None) != _LOCK_NOT_AVAILABLE:
            raise
        raise ConflictError(
            _l("A file is being imported at this moment. Nothing was changed; try again in a minute."), code="busy"
        ) from error
    session.execute(text("SET LOCAL lock_timeout = 0"))
