"""Pages."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("cutover", __name__)
