"""Overview: how is this cycle going, and against what?"""

from __future__ import annotations

from flask import request
from flask_babel import lazy_gettext as _l

from dashapps.overview.answers import answer
from dashapps.overview.callbacks import register
from dashapps.overview.downloads import download
from dashapps.overview.layout import layout, page
from dashapps.shared.filters import parse
from dashapps.spec import DashSpec, FirstPaint
from portal.permissions import Permission


def first_paint(_path: str) -> FirstPaint:
    """The page as it stands now, for the first HTML. Raises NotFoundError for an area outside the scope."""
    built = answer(parse(request.query_string.decode(errors="replace")))
    return FirstPaint(title=built["title"], body=page(built["slots"]))


SPEC = DashSpec(
    slug="overview",
    title=_l("Overview"),
    permission=Permission.VIEW_DASHBOARDS,
    layout=layout,
    register=register,
    first_paint=first_paint,
    libraries=("dash_bootstrap_components",),
    routes=(("download/<name>.csv", "download", download, Permission.EXPORT),),
)
