"""What a setting may be: the same from the environment, a form and the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from portal.config import BOUNDS, Settings, load_settings
from portal.errors import ConfigurationError, InvalidInputError
from portal.settings import catalogue, checks
from portal.settings.catalogue import BY_NAME, SPECS, Kind
from portal.settings.effective import apply

PLAIN = Settings(instance_dir=Path("/nonexistent"), database_url=None, secret_key="x" * 32)
NUMBERS = [spec for spec in SPECS if spec.kind is Kind.NUMBER]


@pytest.fixture(autouse=True)
def in_app(_transaction_app: Flask) -> Any:
    with _transaction_app.app_context():
        yield


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_the_default_is_a_value_like_any_other(spec: catalogue.Spec) -> None:
    stored = catalogue.stored_of(spec, PLAIN)
    if stored not in ("", None):
        assert catalogue.clean(spec, stored) == stored
    assert catalogue.in_force(spec, stored) == getattr(PLAIN, spec.name)


@pytest.mark.parametrize("spec", NUMBERS, ids=lambda spec: spec.name)
def test_numbers_have_the_bounds_of_the_environment(spec: catalogue.Spec, tmp_path: Path) -> None:
    low, high = BOUNDS[spec.name]
    assert low <= (getattr(PLAIN, spec.name) or 0) <= high
    for good in (low, high):
        assert catalogue.clean(spec, f" {good} ") == good
        environment = {"INSTANCE_DIR": str(tmp_path), spec.env: str(good)}
        assert (getattr(load_settings(environment), spec.name) or 0) == good
    for bad in (low - 1, high + 1, "", "many", "1.5", "1e2", "-1", "0x10", "9" * 30):
        with pytest.raises(InvalidInputError, match=f"from {low} to {high}"):
            catalogue.clean(spec, str(bad))
    for refused in (low - 1, high + 1, "many"):
        with pytest.raises(ConfigurationError, match=spec.env):
            load_settings({"INSTANCE_DIR": str(tmp_path), spec.env: str(refused)})


def test_the_audit_log_is_kept_for_a_year_at_least() -> None:
    assert BOUNDS["audit_months"][0] == 12


def test_digits_of_any_script_are_digits() -> None:
    assert catalogue.clean(BY_NAME["idle_minutes"], "۴۵") == 45


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("company_name", ["Khushab Sanitation", "صفائی", ""], ["x" * 61, "a\nb", "a\x00b", "a\u2028b"]),
        ("smtp_host", ["smtp.example.org", "localhost", "10.0.0.5", "::1", ""],
         ["smtp.example.org:25", "http://smtp", "a b", "-a.org", "169.254.169.254", "0.0.0.0", "224.0.0.1", "a_b"]),
        ("smtp_from", ["portal@example.org", ""], ["portal", "a@b", "Portal <a@example.org>", "a@example.org,b@c.de"]),
        ("smtp_user", ["portal", "portal@example.org", ""], ["a b"]),
        ("storage_url", ["", "file:///srv/portal", "s3://bucket/folder", "s3://bucket", "gdrive://1AbcDriveFolderId"],
         ["file://host/x", "file:///", "http://example.org/", "s3://", "s3://key:secret@bucket/x", "s3://b?key=1",
          "file:///srv/../etc", "/srv/portal", "file:///a b", "http://[", "ftp://x", "gdrive://short",
          "gdrive://1AbcDriveFolderId/x"]),
        ("languages", [["en"], ["en", "ur"]], [[], ["xx"], ["en", "xx"]]),
        ("default_language", ["en", "ur"], ["", "xx", None]),
        ("smtp_security", ["starttls", "tls", "none"], ["ssl", ""]),
        ("second_factor_roles", [[], ["HEAD"], ["MANAGER", "HEAD"]], [["AGENT"], ["head"]]),
        ("recovery_targets", [{}, {"5": 60}], [{"5": 0}, {"5": 101}, {"x": 5}, {"5": "x"}, [], "x"]),
    ],
)  # fmt: skip
def test_values(name: str, good: list[Any], bad: list[Any]) -> None:
    spec = BY_NAME[name]
    for value in good:
        stored = catalogue.clean(spec, value)
        assert catalogue.clean(spec, stored) == stored
        assert catalogue.stored_of(spec, apply(PLAIN, {name: stored})) == stored
    for value in bad:
        with pytest.raises(InvalidInputError) as caught:
            catalogue.clean(spec, value)
        assert str(caught.value).endswith(".")


@hypothesis_settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from(SPECS), st.text(max_size=80))
def test_whatever_is_typed_is_a_value_or_a_sentence(spec: catalogue.Spec, typed: str) -> None:
    try:
        stored = catalogue.clean(spec, [typed] if spec.kind is Kind.CHOICES else typed)
    except InvalidInputError:
        return
    assert catalogue.clean(spec, stored) == stored
    catalogue.in_force(spec, stored)


def test_values_that_do_not_go_together() -> None:
    fine = {spec.name: catalogue.stored_of(spec, PLAIN) for spec in SPECS}
    assert catalogue.check_together(fine) == {}
    for changes, field in (
        ({"languages": ["ur"], "default_language": "en"}, "default_language"),
        ({"smtp_host": "smtp.example.org"}, "smtp_from"),
        ({"smtp_user": "a", "smtp_security": "none", "smtp_host": "smtp.example.org"}, "smtp_security"),
        ({"idle_minutes": 61, "session_hours": 1}, "idle_minutes"),
    ):
        assert field in catalogue.check_together(fine | changes)


def test_what_the_table_should_not_hold_is_left_out() -> None:
    found = apply(PLAIN, {"idle_minutes": 0, "languages": "x", "due_days": 20, "nothing": 1, "logo": {"digest": "x"}})
    assert (found.idle_minutes, found.languages, found.due_days, found.logo) == (30, ("en", "ur"), 20, None)
    assert apply(PLAIN, {"languages": ["ur"]}).default_language == "ur"


def test_the_environment_gives_the_defaults(tmp_path: Path) -> None:
    given_ = {
        "INSTANCE_DIR": str(tmp_path), "COMPANY_NAME": " Khushab ", "LANGUAGES": "ur", "SMTP_HOST": "smtp.example.org",
        "SMTP_SECURITY": "TLS", "SECOND_FACTOR_ROLES": "head, manager", "RECOVERY_TARGET": "70", "AUDIT_MONTHS": "24",
    }  # fmt: skip
    found = load_settings(given_)
    assert (found.company_name, found.languages, found.default_language) == ("Khushab", ("ur",), "ur")
    assert (found.smtp_security, found.second_factor_roles) == ("tls", ("MANAGER", "HEAD"))
    assert (found.recovery_target, found.audit_months) == (70, 24)
    for wrong in ({"LANGUAGES": "fr"}, {"SMTP_SECURITY": "ssl"}, {"DEFAULT_LANGUAGE": "en", "LANGUAGES": "ur"},
                  {"AUDIT_MONTHS": "11"}, {"SECOND_FACTOR_ROLES": "AGENT"}):  # fmt: skip
        with pytest.raises(ConfigurationError, match=next(iter(wrong))):
            load_settings({"INSTANCE_DIR": str(tmp_path), **wrong})


def test_a_logo_is_only_what_was_drawn_here() -> None:
    facts = {"digest": "a" * 32, "width": 480, "height": 160}
    assert checks.logo(facts) == facts
    for bad in ({**facts, "digest": "../x"}, {**facts, "width": 0}, {**facts, "height": "9"}, [], "x"):
        with pytest.raises(InvalidInputError):
            checks.logo(bad)
