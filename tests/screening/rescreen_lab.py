"""Run as a script: "pause" puts another tiny network into production, the archive of this database before it, and holds that back
at once; "resume" lets it go on, and uploads five patterns in the same moment."""

import sys

import django

django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.db import transaction  # noqa: E402

from screening.models import ArchiveScreening, ScreeningRun  # noqa: E402
from tests.factories import pattern_text  # noqa: E402
from tests.screening.promoting import register  # noqa: E402

by = User.objects.get(username="student")
if sys.argv[1] == "pause":
    register(2, "newer").promote(by=by, reason="for tests")
    archive = ArchiveScreening.objects.rescreen(by)
    assert archive
    assert archive.queue_more()
    assert archive.pause(by)
else:
    with transaction.atomic():
        assert ArchiveScreening.objects.get().resume()
        run = ScreeningRun.objects.start(ScreeningRun.Why.UPLOAD, by=by)
        for seed in range(5):
            run.receive(pattern_text(seed=1000 * run.pk + seed, step=0.05), name=f"fresh-{seed}.xy")
