"""Run as a script: people, samples, patterns, a reference phase, a follow-up with a file, a signed entry and an archive."""

import os
from pathlib import Path

import django

django.setup()

from django.contrib.auth.models import Group, User  # noqa: E402
from django.core.files.base import ContentFile  # noqa: E402
from django.core.files.uploadedfile import SimpleUploadedFile  # noqa: E402

from mlmodels.models import ModelVersion, Promotion  # noqa: E402
from screening.models import EvidenceFile, FollowUp, PackedFolder, ReferencePhase, ScreeningRun  # noqa: E402
from tests.factories import SampleFactory, make_pattern  # noqa: E402

person = User.objects.create_user("microscopist", password="a password for tests")
person.groups.add(Group.objects.get(name="admin"))
sample = SampleFactory.create(code="ASR-001", made_by=person)
for number in range(5):
    make_pattern(name=f"scan-{number}.xy", by=person, sample=sample)
halite = (Path(__file__).parents[1] / "data" / "halite.cif").read_bytes()
ReferencePhase.objects.bring(halite, person)
follow_up = FollowUp.objects.open(sample, person)
EvidenceFile.objects.add(follow_up, SimpleUploadedFile("spots.txt", b"1.0 2.0\n"), person)
version = ModelVersion.objects.earliest("pk")
Promotion.objects.create(version=version, signer=person, meaning="for tests", reason="準結晶")
run = ScreeningRun.objects.start(ScreeningRun.Why.UPLOAD, by=person)
archive = PackedFolder(run=run, name="many.zip", n_files=3)
archive.content.save("many.zip", ContentFile(os.urandom(20_000_000)), save=False)
archive.save()
