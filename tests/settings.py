"""The project's settings, with jobs run at once and cheap passwords; the database is still chosen by DATABASE_URL."""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("ICOSA_DATA", str(Path(tempfile.gettempdir()) / f"icosa-tests-{os.getuid()}"))

from lims.settings import *  # noqa: F403
from lims.settings import Q_CLUSTER

Q_CLUSTER = {**Q_CLUSTER, "sync": True}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
SECRET_KEY = "for tests alone"
