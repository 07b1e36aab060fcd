"""The WSGI entry point: `gunicorn wsgi:app`, `flask --app wsgi`."""

from portal.collecting import collect_seldom
from portal.factory import create_app
from portal.web.slots import Slots

app = create_app()
app.wsgi_app = Slots(app.wsgi_app, app.extensions["settings"].web_threads)  # type: ignore[method-assign]
collect_seldom()
