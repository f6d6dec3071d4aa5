"""Those of real workers, for which one pattern is poison."""

from tests.worker_settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.poison.PoisonConfig"]  # noqa: F405
