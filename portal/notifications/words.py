"""Kinds and ways of being told, in words."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l

from portal.notifications.models import DAILY, ERROR, INFO, NONE, NOW, SUCCESS, WARNING

KINDS: dict[str, Any] = {INFO: _l("Information"), SUCCESS: _l("Success"), WARNING: _l("Warning"), ERROR: _l("Error")}
MAIL: dict[str, Any] = {NOW: _l("At once"), DAILY: _l("Once a day"), NONE: _l("No mail")}
