"""Settings: one frozen object from the environment (and `.env`), checked early, each error naming its variable."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from portal.errors import ConfigurationError

PROJECT_DIR = Path(__file__).resolve().parent.parent
MIB = 1024 * 1024


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
    bcrypt_cost: int = 12
    idle_minutes: int = 30
    cycle_start_day: int = 16
    max_import_mib: int = 100
    behind_tls: bool = False
    trusted_hosts: tuple[str, ...] = ()
    demo_data: bool = True
    web_processes: int | None = None
    web_threads: int = 4
    testing: bool = False
    # What HEAD may change on the settings page; the environment gives what holds until he does.
    company_name: str = ""
    session_hours: int = 12
    password_min_length: int = 10
    second_factor_roles: tuple[str, ...] = ()
    due_days: int = 15
    languages: tuple[str, ...] = ("en", "ur")
    recovery_target: int | None = None  # percent of the demand
    audit_months: int = 84
    storage_url: str = ""  # '' is the instance folder
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_security: str = "starttls"  # or tls, or none
    smtp_user: str = ""
    smtp_from: str = ""
    # Never on a page: from the environment only.
    smtp_password: str | None = field(default=None, repr=False)
    # How people reach the portal, for links in mails: the Host header of a request is anybody's word.
    public_url: str = ""

    @property
    def uploads_dir(self) -> Path:
        return self.instance_dir / "uploads"

    @property
    def results_dir(self) -> Path:
        """Cached results; a folder of their own, since clearing and pruning go over every file in it."""
        return self.cache_dir / "results"

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
    if not raw.isdigit() or not low <= int(raw) <= high:
        raise ConfigurationError(f"{name} must be a whole number from {low} to {high}, not '{raw}'.")
    return int(raw)


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
        bcrypt_cost=_integer(env, "BCRYPT_COST", 12, 4, 16),
        idle_minutes=_integer(env, "IDLE_MINUTES", 30, 1, 24 * 60),
        cycle_start_day=_integer(env, "CYCLE_START_DAY", 16, 1, 28),
        max_import_mib=_integer(env, "MAX_IMPORT_MIB", 100, 1, 2048),
        trusted_hosts=tuple(host.strip() for host in env.get("TRUSTED_HOSTS", "").split(",") if host.strip()),
        behind_tls=env.get("BEHIND_TLS", "").lower() in {"1", "true", "yes"},
        demo_data=env.get("DEMO_DATA", "").lower() not in {"0", "no", "off", "false"},
        web_processes=_integer(env, "WEB_CONCURRENCY", 0, 1, 64) or None,
        web_threads=_integer(env, "WEB_THREADS", 4, 1, 64),
        testing=env.get("PORTAL_TESTING", "").lower() in {"1", "true", "yes"},
        session_hours=_integer(env, "SESSION_HOURS", 12, 1, 24 * 7),
        smtp_password=env.get("SMTP_PASSWORD") or None,
        public_url=env.get("PUBLIC_URL", "").strip().rstrip("/"),
    )
