"""The WSGI entry point: `gunicorn wsgi:app`, `flask --app wsgi`."""

import gc

from portal.factory import create_app
from portal.web.slots import Slots

app = create_app()
app.wsgi_app = Slots(app.wsgi_app, app.extensions["settings"].web_threads)  # type: ignore[method-assign]
# What stands by now stays: else the collector walks over all of it in the middle of a request, for 150 ms at a time.
gc.collect()
gc.freeze()
