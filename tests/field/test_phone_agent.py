"""Every page of an agent on a phone, in both languages. A file for each person: a file stays in one process."""

from __future__ import annotations

import pytest

from tests.field.walk import Browse, walk

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("language", ["en", "ur"])
def test_every_page_works_with_one_thumb(browse: Browse, language: str) -> None:
    walk(browse, "agent", language)
