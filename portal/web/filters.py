"""The pure formatters as Jinja filters, in the reader's language."""

from __future__ import annotations

import datetime as dt

from flask import Flask
from flask_babel import get_locale, ngettext
from flask_babel import gettext as _
from markupsafe import Markup, escape

from portal.web import format as fmt
from portal.web.masking import mask_cnic, mask_mobile, mask_text
from portal.web.messages import in_my_language
from portal.web.statuses import status_text


def language() -> str:
    """Language of the current request, `en` or `ur`."""
    locale = get_locale()
    return str(locale.language) if locale else "en"


def ago_text(value: dt.datetime | None, now: dt.datetime | None = None) -> str:
    """`2 h ago`."""
    if value is None:
        return fmt.NONE
    unit, count = fmt.age(value, now or dt.datetime.now(dt.UTC))
    if unit == "now":
        return str(_("just now"))
    if unit == "minutes":
        return str(ngettext("%(num)d min ago", "%(num)d min ago", count))
    if unit == "hours":
        return str(ngettext("%(num)d h ago", "%(num)d h ago", count))
    if unit == "days":
        return str(ngettext("%(num)d day ago", "%(num)d days ago", count))
    return fmt.date(value, language())


def ago(value: dt.datetime | None) -> Markup:
    """A `<time>` element that reads `2 h ago` and tells the exact Karachi time on hover."""
    if value is None:
        return Markup(fmt.NONE)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        fmt.local(value).isoformat(timespec="seconds"), fmt.localtime(value, language()), ago_text(value)
    )


def rupees_exact(value: int | None) -> Markup:
    """A short amount with the exact one on hover."""
    return Markup('<span title="{}">{}</span>').format(fmt.rupees(value), fmt.rupees_short(value))


def bidi(value: object) -> Markup:
    """Text of unknown direction (names, addresses) isolated from the text around it."""
    return Markup("<bdi>{}</bdi>").format(escape("" if value is None else value))


def install(app: Flask) -> None:
    """Register every filter on the app."""
    app.jinja_env.filters.update(
        rupees=fmt.rupees,
        rupees_short=fmt.rupees_short,
        rupees_exact=rupees_exact,
        number=fmt.number,
        short=fmt.short,
        percent=fmt.percent,
        signed_number=fmt.signed_number,
        signed_short=fmt.signed_short,
        signed_percent=fmt.signed_percent,
        points=fmt.points,
        month=lambda value: fmt.month(value, language()),
        date=lambda value: fmt.date(value, language()),
        localtime=lambda value: fmt.localtime(value, language()),
        ago=ago,
        bidi=bidi,
        mask_cnic=mask_cnic,
        mask_mobile=mask_mobile,
        mask_text=mask_text,
        status_text=status_text,
        in_my_language=in_my_language,
    )
