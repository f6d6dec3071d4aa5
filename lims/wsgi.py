"""The web process: `gunicorn lims.wsgi`; with `--preload`, its processes share what is loaded here."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.db import connections
from django.urls import get_resolver

from lims import patience
from lims.checks import stop_if_wrong
from samples.store import store

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lims.settings")

application = get_wsgi_application()
patience.serve_pages()
stop_if_wrong()

# What is loaded by now stays for good. To look through it for garbage takes a tenth of a second, in which no request goes on.
get_resolver().url_patterns  # noqa: B018  (loads every page)
connections.close_all()  # two processes must not speak through one
store.close_connections()
gc.collect()
gc.freeze()
