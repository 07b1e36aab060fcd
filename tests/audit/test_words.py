"""Whatever the code records has words; sentences are whole in every language."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask_babel import force_locale

from portal.audit.models import AuditEntry
from portal.audit.words import ACTIONS, ENTITIES, FIELDS, GROUPS, actions_of, field_label, title
from portal.config import PROJECT_DIR
from portal.trail import presenting

WRITERS = {"record", "record_apart", "note", "_note", "begin_export", "note_export"}


def recorded() -> Iterator[tuple[str, str | None, str]]:
    """(action, entity if it is written beside it, where) of every call that writes a line with a literal action."""
    for path in sorted((PROJECT_DIR / "portal").rglob("*.py")) + sorted((PROJECT_DIR / "dashapps").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or ast.unparse(node.func).rpartition(".")[2] not in WRITERS:
                continue
            texts = [ast.literal_eval(one) if isinstance(one, ast.Constant) else None for one in node.args]
            for number, one in enumerate(texts):
                if isinstance(one, str) and re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", one):
                    entity = texts[number + 1] if number + 1 < len(texts) else None
                    yield one, entity if isinstance(entity, str) else None, f"{path.name}:{node.lineno}"


def test_every_action_and_thing_has_words() -> None:
    found = list(recorded())
    assert len({action for action, _entity, _where in found}) > 10
    assert [one for one in found if one[0] not in ACTIONS] == []
    assert [one for one in found if one[1] and one[1] not in ENTITIES] == []


def test_groups_hold_every_action_once() -> None:
    grouped = [action for group in GROUPS for action in actions_of(group)]
    assert sorted(grouped) == sorted(ACTIONS)
    assert all(actions_of(group) for group in GROUPS)


@pytest.mark.parametrize("language", ["en", "ur"])
def test_sentences_name_the_thing_where_there_is_one(module_app: Flask, language: str) -> None:
    with module_app.test_request_context(), force_locale(language):
        for action, words in ACTIONS.items():
            sentence = str(words.sentence)
            assert sentence.count("%") == sentence.count("%(thing)s") <= 1, action
            assert title(action) == str(words.title)
        assert title("nothing.known") == "nothing.known"
        assert field_label("unknown_field") == "unknown field"
        assert all(str(label) for label in FIELDS.values())


@pytest.mark.parametrize("language", ["en", "ur"])
def test_no_sentence_says_twice_what_kind_of_thing_it_was(module_app: Flask, language: str) -> None:
    with module_app.test_request_context(), force_locale(language):
        for action, words in ACTIONS.items():
            kind = str(ENTITIES.get(action.split(".")[0], "")).lower()  # the thing reads "Ticket T-26-000001"
            before, thing, _after = str(words.sentence).lower().replace("\u2068", "").partition("%(thing)s")
            assert not (kind and thing) or action.startswith("staff.") or not before.endswith(f" {kind} "), action


def test_lines_say_things_and_values_as_people_do(module_app: Flask) -> None:
    names = presenting.Names({}, {47: "Mohalla Islamia"}, True, "en")

    def told(action: str, entity: str, key: str, **after: object) -> str:
        entry = AuditEntry(action=action, entity=entity, entity_id=key, actor="sana", before=None, after=after)
        values = [f"{one.label}: {one.after}" for one in presenting.changes(entry, names)]
        return "; ".join([presenting.thing_text(entry, names), *values])

    with module_app.test_request_context():
        assert told("location.edit", "location", "47").endswith("Mohalla Islamia")
        assert "Unit 2319001" in told("file.upload", "file", "14", owner="unit", owner_id="2319001")
        said = told("correction.approve", "correction", "3", fields=["consumer_name"])
        assert "consumer_name" not in said
        assert "name" in said.lower()
        assert told("visit.return", "visit", "5", review_state="PENDING").endswith("Waits for review")
        assert "IN_PROGRESS" not in told("ticket.status", "ticket", "T-26-000001", status="IN_PROGRESS")
