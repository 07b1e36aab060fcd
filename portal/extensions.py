"""Extension instances only; `portal.factory` binds them to an app."""

from flask import current_app
from flask_babel import Babel
from flask_caching import Cache
from flask_limiter import ApplicationLimit, Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager, current_user
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """Base of every model. Constraint names are deterministic so that migrations can address them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(model_class=Base, session_options={"autoflush": True})
migrate = Migrate()
login_manager = LoginManager()
csrf = CSRFProtect()
cache = Cache()
babel = Babel()
# What a signed-in person may ask for, whatever it is and from however many browsers. Pages for everybody have limits
# of their own, by address (see `portal.staff.web`): a whole office sits behind one.
_of_a_person = ApplicationLimit(
    limit_provider=lambda: f"{current_app.extensions['settings'].requests_per_minute} per minute",
    key_function=lambda: f"person {current_user.id}",
    exempt_when=lambda: not current_user.is_authenticated,
    scope="person",
)
limiter = Limiter(key_func=get_remote_address, application_limits=[_of_a_person])
