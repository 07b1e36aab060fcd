"""create_app(): the application put together in short steps, each named for what it sets up."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module

from flask import Flask
from jinja2 import StrictUndefined

from portal import db as database
from portal.config import PROJECT_DIR, Settings, load_settings
from portal.extensions import babel, cache, csrf, db, limiter, migrate

MODELS = (
    "locations", "mail", "staff", "settings", "notifications", "files", "units", "billing", "payments", "rollups",
    "imports", "audit", "registers", "assignments", "corrections", "visits", "tickets", "cutover",
)  # fmt: skip
# Blueprints, each the `blueprint` of the module.
FEATURES: list[str] = [
    "portal.web.health",
    "portal.settings.views",
    "portal.staff.views",
    "portal.staff.admin_views",
    "portal.staff.bulk_views",
    "portal.staff.list_views",
    "portal.search.views",
    "portal.records.views",
    "portal.records.list_views",
    "portal.records.bulk_views",
    "portal.reports.views",
    "portal.imports.views",
    "portal.locations.views",
    "portal.payments.views",
    "portal.trail.views",
    "portal.trail.activity_views",
    "portal.files.views",
    "portal.documents.views",
    "portal.documents.photo_views",
    "portal.notifications.views",
    "portal.registers.views",
    "portal.registers.location_views",
    "portal.registers.lookup_views",
    "portal.assignments.views",
    "portal.corrections.views",
    "portal.visits.views",
    "portal.visits.review_views",
    "portal.visits.day_views",
    "portal.visits.list_views",
    "portal.tickets.views",
    "portal.tickets.bulk_views",
    "portal.tickets.list_views",
    "portal.tickets.office_views",
    "portal.tickets.public_views",
    "portal.field.views",
    "portal.cutover.views",
]
# Command groups, as module:attribute.
COMMANDS: list[str] = [
    "portal.demo.cli:demo",
    "portal.imports.cli:import_command",
    "portal.verify.cli:verify_command",
    "portal.jobs.cli:commands",
    "portal.staff.cli:staff_cli",
    "portal.cutover.cli:cutover_command",
    "portal.audit.cli:audit_cli",
    "portal.web.access_cli:access",
    "portal.files.cli:commands",
]


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application. Reads no data; the database need not run yet."""
    settings = settings or load_settings()
    app = Flask("portal", instance_path=str(settings.instance_dir), static_folder="static", template_folder="templates")
    _setup_settings(app, settings)
    _setup_engine(app, settings)
    _setup_templates(app)
    _setup_languages(app)
    _setup_caching(app, settings)
    _setup_web(app, settings)
    _setup_features(app)
    _setup_commands(app)
    _setup_dashboards(app)
    return app


def _setup_settings(app: Flask, settings: Settings) -> None:
    from portal.settings import effective
    from portal.web.cookies import cookie_name
    from portal.web.security import trusted_hosts

    app.extensions["settings"] = settings
    effective.install(app)
    app.config.update(
        SECRET_KEY=settings.secret_key,
        TESTING=settings.testing,
        SESSION_COOKIE_NAME=cookie_name("portal_session", settings),
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.behind_tls,
        TRUSTED_HOSTS=trusted_hosts(settings),
        PREFERRED_URL_SCHEME="https" if settings.behind_tls else "http",
        # How old a signed cookie may be at most; when a session ends, its row says (see portal.staff.selects).
        PERMANENT_SESSION_LIFETIME=timedelta(days=8),
        WTF_CSRF_SSL_STRICT=False,  # see portal.web.security
        WTF_CSRF_TIME_LIMIT=8 * 3600,
        MAX_FORM_PARTS=5000,
        JSON_SORT_KEYS=False,
    )


def _setup_engine(app: Flask, settings: Settings) -> None:
    from portal.embedded import database_url

    for feature in MODELS:
        import_module(f"portal.{feature}.models")
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url or database_url(settings)
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = database.engine_options()
    database.init_engine(app)
    migrate.init_app(app, db, directory=str(PROJECT_DIR / "migrations"))


def _setup_templates(app: Flask) -> None:
    from flask_bootstrap import Bootstrap5

    from portal.web import filters

    app.config["BOOTSTRAP_SERVE_LOCAL"] = True
    Bootstrap5(app)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    filters.install(app)


def _setup_languages(app: Flask) -> None:
    from portal.web.i18n import locale_selector

    babel.init_app(
        app,
        default_locale="en",
        default_timezone="Asia/Karachi",
        default_translation_directories=str(PROJECT_DIR / "portal" / "translations"),
        locale_selector=locale_selector,
    )


def _setup_caching(app: Flask, settings: Settings) -> None:
    if settings.redis_url:
        app.config.update(CACHE_TYPE="RedisCache", CACHE_REDIS_URL=settings.redis_url)
        app.config["RATELIMIT_STORAGE_URI"] = settings.redis_url
    else:
        # No threshold: with one, every `set` counts the files. A nightly job prunes.
        app.config.update(CACHE_TYPE="FileSystemCache", CACHE_DIR=str(settings.results_dir), CACHE_THRESHOLD=0)
        app.config["RATELIMIT_STORAGE_URI"] = "memory://"
    app.config["RATELIMIT_IN_MEMORY_FALLBACK_ENABLED"] = True  # Redis away: each process counts for itself
    app.config["CACHE_DEFAULT_TIMEOUT"] = 86_400
    app.config["CACHE_KEY_PREFIX"] = "portal:"
    cache.init_app(app)


def _setup_web(app: Flask, settings: Settings) -> None:
    """Order matters: what is registered first runs first before a request, and last after it."""
    from portal.notifications import wiring
    from portal.staff import login
    from portal.web import assets, errors, guard, logs, security, shell, typed

    app.request_class = typed.Request
    assets.install(app, settings.cache_dir / "compressed")
    logs.install(app, settings)
    security.install(app, settings)
    login.install(app)
    wiring.install(app)
    guard.install(app)
    security.install_behind_guard(app)
    limiter.init_app(app)
    csrf.init_app(app)
    errors.install(app)
    shell.install(app)


def _setup_features(app: Flask) -> None:
    for path in FEATURES:
        app.register_blueprint(import_module(path).blueprint)


def _setup_commands(app: Flask) -> None:
    for path in COMMANDS:
        module, name = path.split(":")
        app.cli.add_command(getattr(import_module(module), name))


def _setup_dashboards(app: Flask) -> None:
    from dashapps.mount import list_callbacks, mount_all

    mount_all(app)
    app.extensions["dash_callbacks"] = lambda: list_callbacks(app)
