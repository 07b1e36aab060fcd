"""Settings: one frozen object from the environment (and `.env`), checked early, each error naming its variable.

What HEAD may change on the settings page is there too: the environment says what holds until he does. The bounds of
both are `BOUNDS`.
"""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from portal.errors import ConfigurationError

PROJECT_DIR = Path(__file__).resolve().parent.parent
MIB = 1024 * 1024

# Lowest and highest value, for the environment and for the settings page alike.
DIRECT_EDIT = ("off", "on")
BOUNDS: dict[str, tuple[int, int]] = {
    "bcrypt_cost": (4, 16),
    "idle_minutes": (1, 24 * 60),
    "session_hours": (1, 24 * 7),
    "cycle_start_day": (1, 28),
    "due_days": (1, 60),
    "password_min_length": (8, 64),
    "max_import_mib": (1, 2048),
    "max_photo_mib": (1, 50),
    "photo_cache_mib": (10, 200_000),
    "max_document_mib": (1, 100),
    "audit_months": (12, 240),
    "import_file_days": (1, 3650),
    "notification_days": (7, 3650),
    "digest_hour": (0, 23),
    "recovery_target": (0, 100),
    "visit_far_m": (10, 5000),
    "smtp_port": (1, 65535),
}
LANGUAGES = ("en", "ur")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
PORTAL_PHOTOS = ("any", "named", "off")
SMTP_SECURITY = ("starttls", "tls", "none")
SWITCH = ("off", "on")
ROLES_WITH_SECOND_FACTOR = ("ADMIN", "MANAGER", "HEAD")  # of whom it may be required


@dataclass(frozen=True)
class Logo:
    """A company's logo: the digest it is stored and served under, and its size in pixels."""

    digest: str
    width: int
    height: int


@dataclass(frozen=True)
class Settings:
    """What the environment decides. `database_url` None means the embedded server in `instance_dir`."""

    instance_dir: Path
    database_url: str | None
    secret_key: str = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 8000
    redis_url: str | None = field(default=None, repr=False)
    demo_password: str | None = field(default=None, repr=False)
    secret_key_is_given: bool = True  # by the environment; else it was generated into the instance folder
    bcrypt_cost: int = 12
    idle_minutes: int = 30
    cycle_start_day: int = 16
    max_import_mib: int = 100
    behind_tls: bool = False
    trusted_hosts: tuple[str, ...] = ()
    demo_data: bool = True
    web_processes: int | None = None
    web_threads: int = 4
    requests_per_minute: int = 300  # of a signed-in person, in each web process; over all of them with Redis
    testing: bool = False
    # What HEAD may change on the settings page; the environment gives what holds until he does.
    company_name: str = ""
    logo: Logo | None = None
    session_hours: int = 12
    password_min_length: int = 10
    second_factor_roles: tuple[str, ...] = ()
    due_days: int = 15
    direct_edit: str = "off"  # whether corrections of the field are applied without a supervisor
    languages: tuple[str, ...] = LANGUAGES
    default_language: str = "en"
    recovery_target: int | None = None  # percent of the demand
    recovery_targets: tuple[tuple[int, int], ...] = ()  # (location id, percent), where an area has its own
    visit_far_m: int = 100
    auto_approve_visits: str = "off"  # or on
    audit_months: int = 84
    import_file_days: int = 90
    notification_days: int = 180
    digest_hour: int = 8
    storage_url: str = ""  # '' is the instance folder
    working_days: tuple[str, ...] = WEEKDAYS[:6]
    working_from: str = "09:00"
    working_to: str = "17:00"
    helpline: str = "1139"
    complaint_form: str = "on"  # or off
    max_photo_mib: int = 15
    portal_photos: str = "any"  # fetched from any host of the open web, from those named, or off
    portal_photo_hosts: str = ""
    photo_cache_mib: int = 2048
    max_document_mib: int = 20
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_security: str = "starttls"  # or tls, or none
    smtp_user: str = ""
    smtp_from: str = ""
    # Never on a page: from the environment only.
    smtp_password: str | None = field(default=None, repr=False)
    s3_endpoint: str = ""  # '' is AWS itself
    s3_region: str = "us-east-1"
    s3_access_key: str = field(default="", repr=False)
    s3_secret_key: str = field(default="", repr=False)
    google_key_file: str = ""  # the key file of a service account
    gdrive_endpoint: str = ""  # '' is Google itself
    # How people reach the portal, for links in mails: the Host header of a request is anybody's word.
    public_url: str = ""

    @property
    def uploads_dir(self) -> Path:
        return self.instance_dir / "uploads"

    @property
    def files_dir(self) -> Path:
        """Photos and documents, unless `storage_url` names another place."""
        return self.instance_dir / "files"

    @property
    def results_dir(self) -> Path:
        """Cached results; a folder of their own, since clearing and pruning go over every file in it."""
        return self.cache_dir / "results"

    @property
    def photos_dir(self) -> Path:
        """The portal's photos, as fetched and drawn anew."""
        return self.cache_dir / "photos"

    @property
    def cache_dir(self) -> Path:
        return self.instance_dir / "cache"


def normalise_database_url(url: str) -> str:
    """`postgres://` and bare `postgresql://` become `postgresql+psycopg2://`; the query string stays.

    SQLAlchemy 2.1 would take the bare form for psycopg 3. Raises ConfigurationError for anything else.
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in {"postgres", "postgresql", "postgresql+psycopg2", "postgresql+psycopg"}:
        raise ConfigurationError(
            f"DATABASE_URL must begin with postgresql:// (it begins with '{parts.scheme}://')."
            " Only PostgreSQL is supported."
        )
    # Supabase adds ?pgbouncer=true for Prisma, which libpq does not know.
    query = urlencode([(k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if k != "pgbouncer"])
    return urlunsplit(("postgresql+psycopg2", parts.netloc, parts.path or "/postgres", query, ""))


def _integer(env: dict[str, str], name: str, default: int, low: int, high: int) -> int:
    raw = env.get(name, "").strip()
    if not raw:
        return default
    if not (raw.isascii() and raw.isdigit()) or not low <= int(raw) <= high:
        raise ConfigurationError(f"{name} must be a whole number from {low} to {high}, not '{raw}'.")
    return int(raw)


def _bounded(env: dict[str, str], name: str, default: int) -> int:
    """A number within the `BOUNDS` of the setting that is named like the variable."""
    return _integer(env, name, default, *BOUNDS[name.lower()])


def _one_of(env: dict[str, str], name: str, default: str, allowed: tuple[str, ...]) -> str:
    raw = env.get(name, "").strip()
    found = next((one for one in allowed if one.lower() == raw.lower()), None) if raw else default
    if found is None:
        raise ConfigurationError(f"{name} must be one of {', '.join(allowed)}, not '{raw}'.")
    return found


def _some_of(env: dict[str, str], name: str, default: tuple[str, ...], allowed: tuple[str, ...]) -> tuple[str, ...]:
    """Words with commas between, in the order of `allowed`."""
    words = {word.strip().lower() for word in env.get(name, "").split(",") if word.strip()}
    unknown = words - {one.lower() for one in allowed}
    if unknown:
        raise ConfigurationError(f"{name} may name {', '.join(allowed)}; it names {', '.join(sorted(unknown))}.")
    return tuple(one for one in allowed if one.lower() in words) if words else default


def _clock(env: dict[str, str], name: str, default: str) -> str:
    raw = env.get(name, "").strip() or default
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00", raw):
        raise ConfigurationError(f"{name} must be a time like 09:00, not '{raw}'.")
    return raw


def _secret_key(env: dict[str, str], instance_dir: Path) -> str:
    """SECRET_KEY of the environment, else one generated once into the instance folder (mode 0600)."""
    if env.get("SECRET_KEY"):
        if len(env["SECRET_KEY"]) < 32:
            raise ConfigurationError("SECRET_KEY must have at least 32 characters.")
        return env["SECRET_KEY"]
    path = instance_dir / "secret_key"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(handle, "w") as out:
        key = secrets.token_urlsafe(48)
        out.write(key)
    return key


def load_settings(env: dict[str, str] | None = None) -> Settings:
    """Read the environment (with `.env` of the working folder filled in). Raises ConfigurationError."""
    if env is None:
        from dotenv import dotenv_values

        env = {k: v for k, v in dotenv_values(PROJECT_DIR / ".env").items() if v is not None} | dict(os.environ)
    url = env.get("DATABASE_URL", "").strip()
    if not url and env.get("SUPABASE_URL", "").strip():
        raise ConfigurationError(
            "SUPABASE_URL is set but DATABASE_URL is not. Copy the connection string from the Supabase dashboard"
            " (Connect > Connection string > Session pooler) into DATABASE_URL, with ?sslmode=require at the end."
        )
    instance_dir = Path(env.get("INSTANCE_DIR") or PROJECT_DIR / "instance").expanduser().resolve()
    instance_dir.mkdir(parents=True, exist_ok=True)
    return Settings(
        instance_dir=instance_dir,
        database_url=normalise_database_url(url) if url else None,
        secret_key=_secret_key(env, instance_dir),
        host=env.get("HOST") or "127.0.0.1",
        port=_integer(env, "PORT", 8000, 1, 65535),
        redis_url=env.get("REDIS_URL") or None,
        demo_password=env.get("DEMO_PASSWORD") or None,
        secret_key_is_given=bool(env.get("SECRET_KEY")),
        trusted_hosts=tuple(host.strip() for host in env.get("TRUSTED_HOSTS", "").split(",") if host.strip()),
        behind_tls=env.get("BEHIND_TLS", "").lower() in {"1", "true", "yes"},
        demo_data=env.get("DEMO_DATA", "").lower() not in {"0", "no", "off", "false"},
        web_processes=_integer(env, "WEB_CONCURRENCY", 0, 1, 64) or None,
        web_threads=_integer(env, "WEB_THREADS", 4, 1, 64),
        requests_per_minute=_integer(env, "REQUESTS_PER_MINUTE", 300, 30, 1_000_000),
        testing=env.get("PORTAL_TESTING", "").lower() in {"1", "true", "yes"},
        smtp_password=env.get("SMTP_PASSWORD") or None,
        s3_endpoint=env.get("AWS_ENDPOINT_URL", "").strip().rstrip("/"),
        s3_region=env.get("AWS_REGION", "").strip() or "us-east-1",
        s3_access_key=env.get("AWS_ACCESS_KEY_ID", "").strip(),
        s3_secret_key=env.get("AWS_SECRET_ACCESS_KEY", "").strip(),
        google_key_file=env.get("GOOGLE_APPLICATION_CREDENTIALS", "").strip(),
        gdrive_endpoint=env.get("GDRIVE_ENDPOINT", "").strip(),
        public_url=env.get("PUBLIC_URL", "").strip().rstrip("/"),
        **_changeable(env),
    )


def _changeable(env: dict[str, str]) -> dict[str, Any]:
    """What the settings page may change, as the environment has it."""
    languages = _some_of(env, "LANGUAGES", LANGUAGES, LANGUAGES)
    return {
        "company_name": env.get("COMPANY_NAME", "").strip(),
        "cycle_start_day": _bounded(env, "CYCLE_START_DAY", 16),
        "direct_edit": _one_of(env, "DIRECT_EDIT", "off", DIRECT_EDIT),
        "due_days": _bounded(env, "DUE_DAYS", 15),
        "recovery_target": _bounded(env, "RECOVERY_TARGET", 0) or None,
        "visit_far_m": _bounded(env, "VISIT_FAR_M", 100),
        "auto_approve_visits": _one_of(env, "AUTO_APPROVE_VISITS", "off", SWITCH),
        "idle_minutes": _bounded(env, "IDLE_MINUTES", 30),
        "session_hours": _bounded(env, "SESSION_HOURS", 12),
        "password_min_length": _bounded(env, "PASSWORD_MIN_LENGTH", 10),
        "second_factor_roles": _some_of(env, "SECOND_FACTOR_ROLES", (), ROLES_WITH_SECOND_FACTOR),
        "bcrypt_cost": _bounded(env, "BCRYPT_COST", 12),
        "languages": languages,
        "default_language": _one_of(env, "DEFAULT_LANGUAGE", languages[0], languages),
        "smtp_host": env.get("SMTP_HOST", "").strip(),
        "smtp_port": _bounded(env, "SMTP_PORT", 587),
        "smtp_security": _one_of(env, "SMTP_SECURITY", "starttls", SMTP_SECURITY),
        "smtp_user": env.get("SMTP_USER", "").strip(),
        "smtp_from": env.get("SMTP_FROM", "").strip(),
        "storage_url": env.get("STORAGE_URL", "").strip(),
        "working_days": _some_of(env, "WORKING_DAYS", WEEKDAYS[:6], WEEKDAYS),
        "working_from": _clock(env, "WORKING_FROM", "09:00"),
        "working_to": _clock(env, "WORKING_TO", "17:00"),
        "helpline": env.get("HELPLINE", "1139").strip(),
        "complaint_form": _one_of(env, "COMPLAINT_FORM", "on", ("on", "off")),
        "audit_months": _bounded(env, "AUDIT_MONTHS", 84),
        "import_file_days": _bounded(env, "IMPORT_FILE_DAYS", 90),
        "notification_days": _bounded(env, "NOTIFICATION_DAYS", 180),
        "digest_hour": _bounded(env, "DIGEST_HOUR", 8),
        "max_import_mib": _bounded(env, "MAX_IMPORT_MIB", 100),
        "max_photo_mib": _bounded(env, "MAX_PHOTO_MIB", 15),
        "photo_cache_mib": _bounded(env, "PHOTO_CACHE_MIB", 2048),
        "portal_photos": _one_of(env, "PORTAL_PHOTOS", "any", PORTAL_PHOTOS),
        "portal_photo_hosts": env.get("PORTAL_PHOTO_HOSTS", "").strip(),
        "max_document_mib": _bounded(env, "MAX_DOCUMENT_MIB", 20),
    }
