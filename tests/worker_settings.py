"""The project's own settings for real workers in processes of their own, with shorter patience."""

from lims.settings import *  # noqa: F403

WORKER_BEAT = 0.3
WORKER_SILENCE = 4.0
SCREENING_LEASE = 4.0
SCREENING_WORKERS = 2
SCREENING_DEVICE = "cpu"
Q_CLUSTER = {**Q_CLUSTER, "workers": SCREENING_WORKERS}  # noqa: F405
