"""The project's own settings for real workers in processes of their own, with shorter patience."""

import os

from lims.settings import *  # noqa: F403

WORKER_BEAT = 0.3
WORKER_SILENCE = float(os.environ.get("WORKER_SILENCE", "4"))
SCREENING_LEASE = float(os.environ.get("SCREENING_LEASE", "4"))
SCREENING_WORKERS = int(os.environ.get("SCREENING_WORKERS", "2"))
TRAINING_LEASE = 4.0
TRAINING_BEAT = 0.2
TRAINING_SAVE_EVERY = 0.0  # after each step
TRAINING_CALIBRATION = 300
TRAINING_NICENESS = 0  # a test waits for it
TRAINING_DISK = int(os.environ.get("TRAINING_DISK", "1000000"))
SCREENING_DEVICE = "cpu"
Q_CLUSTER = {**Q_CLUSTER, "workers": SCREENING_WORKERS}  # noqa: F405
