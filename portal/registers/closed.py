"""What can no longer be done with a unit that is closed, said on a page: why, since when, and where it stands."""

from __future__ import annotations

from collections.abc import Sequence

from flask import render_template
from flask.typing import ResponseReturnValue

from portal.permissions import Permission
from portal.units.models import SurveyUnit


def closed_unit(unit: SurveyUnit, typed: Sequence[tuple[str, str]] = ()) -> ResponseReturnValue:
    """The answer to a form of a closed unit. `typed` are (label, text) of what was sent: it is shown, so that nobody
    has to remember it when the unit is restored."""
    return render_template("registers/closed.html", unit=unit, typed=typed, permission=Permission), 409
