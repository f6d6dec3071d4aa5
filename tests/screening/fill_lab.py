"""Run as a script: put a tiny network into production and ``sys.argv[1]`` patterns into the queue of this database.

Those that are named after that begin at these angles (degree).
"""

import sys

import django

django.setup()

from django.contrib.auth.models import Group, User  # noqa: E402

from mlmodels.models import ModelVersion  # noqa: E402
from screening.models import ScreeningRun  # noqa: E402
from tests.factories import pattern_text  # noqa: E402
from tests.networks import tiny_checkpoint  # noqa: E402

checkpoint = tiny_checkpoint()
weights = checkpoint.weights()
version = ModelVersion.objects.register(weights, checkpoint.config(weights))
if version.state == ModelVersion.State.CANDIDATE:  # and not retired since
    version.promote(by=None, reason="for tests")
by, _made = User.objects.get_or_create(username="student")
by.groups.add(Group.objects.get(name="member"))
run = ScreeningRun.objects.start(ScreeningRun.Why.UPLOAD, by=by)
for seed in range(int(sys.argv[1])):
    run.receive(pattern_text(seed=1000 * run.pk + seed, step=0.05), name=f"{run.pk}-{seed}.xy")
for first in sys.argv[2:]:
    run.receive(pattern_text(first=float(first), step=0.05), name=f"begins-at-{first}.xy")
