"""Run as a script: put a tiny network into production, and freeze a data set of ten patterns, in this database."""

import django

django.setup()

from django.contrib.auth.models import User  # noqa: E402

from mlmodels.models import ModelVersion  # noqa: E402
from tests.data_sets import entry_of, freeze  # noqa: E402
from tests.factories import make_reading  # noqa: E402
from tests.networks import tiny_checkpoint  # noqa: E402

checkpoint = tiny_checkpoint()
weights = checkpoint.weights()
ModelVersion.objects.register(weights, checkpoint.config(weights)).promote(by=None, reason="for tests")
curator, _made = User.objects.get_or_create(username="curator")
SPLITS = ["train"] * 6 + ["validation"] * 2 + ["test"] * 2
LABELS = ["none", "icosahedral"] * 5
freeze((entry_of(make_reading(), split, label) for split, label in zip(SPLITS, LABELS, strict=True)), by=curator)
