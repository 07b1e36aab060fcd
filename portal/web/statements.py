"""What the first sheet of every workbook states: what it holds, by which filters, for whom and by whom."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from flask_babel import gettext as _
from flask_login import current_user

from portal.web.columns import Kind
from portal.web.format import KARACHI
from portal.web.xlsx import Fact


def statement(what: str, filters: Sequence[str], rows: int, sums: Sequence[Fact] = ()) -> list[Fact]:
    """`what` in a sentence, the filters in words, the number of rows, control totals, whose areas, who and when."""
    areas = ", ".join(current_user.area_names) or _("No area")
    return [
        Fact(_("What it shows"), what),
        *(Fact(_("Filter") if at == 0 else "", text) for at, text in enumerate(filters or [_("none: every row")])),
        Fact(_("Areas of the reader"), areas),
        Fact(_("Rows"), rows, Kind.NUMBER),
        *sums,
        Fact(_("Made by"), f"{current_user.full_name} ({current_user.username})"),
        Fact(_("Made at (Asia/Karachi)"), dt.datetime.now(KARACHI), Kind.DATETIME),
        Fact(_("Amounts"), _("whole rupees")),
    ]
