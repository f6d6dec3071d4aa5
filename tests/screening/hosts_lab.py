"""Run as a script for tests/test_many_hosts.py: fill the lab of this host's settings, or begin its rescreen (``sys.argv[1]``)."""

import sys
from datetime import timedelta

import django

django.setup()

import numpy as np  # noqa: E402
from django.contrib.auth.models import Group, User  # noqa: E402
from django.utils import timezone  # noqa: E402

from benchmarks.upload import PASSWORD  # noqa: E402
from lims.models import ApiKey  # noqa: E402
from mlmodels.export.writing import Wanted  # noqa: E402
from mlmodels.models import ModelVersion  # noqa: E402
from samples.models import Pattern, PatternFile, Reading  # noqa: E402
from samples.models.readings import ReadingArrays  # noqa: E402
from screening.models import ArchiveScreening, DatasetExport, ScreeningResult, ScreeningRun  # noqa: E402
from tests.screening.frozen import make_set  # noqa: E402
from tests.screening.promoting import register  # noqa: E402


def fill(n_archived: int) -> None:
    """A network, a person with a key, an export that waits for a worker, and an archive that the network has called."""
    person = User.objects.create_user("student", password=PASSWORD)
    person.groups.set(Group.objects.filter(name__in=["member", "curator"]))
    dataset = make_set(person)
    register(1, "tiny").promote(by=None, reason="for tests")
    DatasetExport.objects.ask(dataset, person, Wanted(originals=True))
    archive(person, n_archived)
    _key, secret = ApiKey.objects.issue(person, name="x", scopes=["read", "upload"], valid_for=timedelta(days=1))
    sys.stdout.write(secret)


def archive(person: User, n: int) -> None:
    """Rows alone: nobody asks for their files here."""
    rng = np.random.default_rng(1)
    two_theta = np.arange(20, 80, 0.05)
    counts = 500 + 5000 / (1 + ((two_theta - 40) / 0.1) ** 2)
    files = PatternFile.objects.bulk_create(PatternFile(sha256=f"{number:064x}", size=9) for number in range(n))
    patterns = Pattern.objects.bulk_create(
        Pattern(file=file, name=f"archived-{file.pk}.xy", uploaded_by=person) for file in files
    )
    readings = Reading.objects.bulk_create(
        Reading(
            pattern=pattern, number=1, reader="text", reader_version="1", wavelength=1.540593, n_points=len(two_theta),
            two_theta_first=two_theta[0], two_theta_last=two_theta[-1], step=0.05, made_by=person,
        )
        for pattern in patterns
    )  # fmt: skip
    ReadingArrays.objects.bulk_create(
        ReadingArrays(
            reading=reading,
            two_theta=two_theta.astype("<f8").tobytes(),
            intensity=rng.poisson(counts).astype("<f4").tobytes(),
        )
        for reading in readings
    )
    version = ModelVersion.objects.production()
    assert version
    run = ScreeningRun.objects.start(ScreeningRun.Why.UPLOAD, by=person)
    ScreeningResult.objects.bulk_create(
        ScreeningResult(
            run=run, reading=reading, model_version=version, state="done", level="D", probability=0.1,
            thresholds_version="1", finished_at=timezone.now(), considered_at=timezone.now(),
        )
        for reading in readings
    )  # fmt: skip


def rescreen() -> None:
    person = User.objects.get(username="student")
    register(2, "newer").promote(by=person, reason="for tests")
    assert ArchiveScreening.objects.rescreen(person)


fill(int(sys.argv[2])) if sys.argv[1] == "fill" else rescreen()
