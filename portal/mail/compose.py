"""Mails out of templates: `mail/<name>.txt` (its first line is the subject) and `mail/<name>.html`, in a language.

Works in jobs too: no request is needed. Values are escaped in HTML, and are put into the text as they are.
"""

from __future__ import annotations

from typing import Any

from flask import current_app
from flask_babel import force_locale

from portal.mail.service import Message
from portal.web.context import settings
from portal.web.i18n import RIGHT_TO_LEFT


def compose(to: str, template: str, language: str, /, **values: Any) -> Message:
    """The mail `template` to one address. A language that is not offered (any more) falls back to the default."""
    config = settings()
    language = language if language in config.languages else config.default_language
    shared = {
        "company": config.company_name or "Suthra Portal",
        "portal_url": config.public_url,
        "language": language,
        "direction": "rtl" if language in RIGHT_TO_LEFT else "ltr",
    }
    environment = current_app.jinja_env
    with force_locale(language):
        text = environment.get_template(f"mail/{template}.txt").render(**shared, **values)
        html = environment.get_template(f"mail/{template}.html").render(**shared, **values)
    subject, _newline, body = text.strip().partition("\n")
    return Message(to=to, subject=subject.strip(), text=body.strip() + "\n", html=html)
