"""The photos that a unit has on the provincial portal, as addresses of ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import url_for
from flask_babel import gettext as _

from portal.web.context import settings

OFF = "off"  # of the setting `portal_photos`: they are not fetched


@dataclass(frozen=True)
class PortalPhoto:
    """A photo of the portal, for `files/_parts.html: gallery`. Shown by us; `source` is where it lies."""

    large: str
    thumb: str
    title: str
    source: str


def is_web_address(url: str) -> bool:
    """Whether it can be a photo of the web at all; what else files hold there is text."""
    return url.lower().startswith(("https://", "http://"))


def of_unit(survey_id: str, image_urls: Sequence[str]) -> list[PortalPhoto]:
    """The photos of a unit, by our own addresses; none while the setting says that they are not fetched."""
    if settings().portal_photos == OFF:
        return []
    return [
        PortalPhoto(
            large=url_for("portal_photos.show", survey_id=survey_id, number=number),
            thumb=url_for("portal_photos.show", survey_id=survey_id, number=number, size="thumb"),
            title=str(_("Photo %(number)s of the survey", number=number)),
            source=url,
        )
        for number, url in enumerate((one.strip() for one in image_urls), start=1)
        if is_web_address(url)
    ]
