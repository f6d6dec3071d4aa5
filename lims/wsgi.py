"""The web process: `gunicorn lims.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

from lims.checks import stop_if_wrong

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lims.settings")

application = get_wsgi_application()
stop_if_wrong()
