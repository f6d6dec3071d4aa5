"""Run as a script: one step of the loop in this database, which others go on with (`tests/test_loop.py`).

send FOLDER     a data set is drawn up from signed outcomes, frozen and exported as jobs, and its archive lies in FOLDER
take_in FILE    the set is imported where a tiny network is in production, and the archive put before that
prove           the candidate that came of it is compared with production
promote         one asks, and does not approve; another does
"""

import shutil
import sys
from pathlib import Path

import django

django.setup()

from django.contrib.auth.models import Group, User  # noqa: E402

from mlmodels.export.writing import Wanted  # noqa: E402
from mlmodels.models import ModelVersion, PromotionError  # noqa: E402
from samples.store import store  # noqa: E402
from screening.curation.drawing import Drawing  # noqa: E402
from screening.exports import jobs  # noqa: E402
from screening.exports.taking_in import take_in  # noqa: E402
from screening.models import ArchiveScreening, DatasetExport, FreezingJob, PromotionRequest, Proof  # noqa: E402
from tests.screening.curated import draft_of, judged_pattern  # noqa: E402
from tests.screening.promoting import register  # noqa: E402


def person(name: str) -> User:
    found, made = User.objects.get_or_create(username=name)
    if made:
        found.groups.add(*Group.objects.filter(name__in=["curator", "microscopist"]))
    return found


def send(folder: str) -> None:
    by = person("curator")
    for verdict in ("confirmed", "refuted"):
        for _ in range(4):
            judged_pattern(by, verdict)
    draft = draft_of(by, "Outcomes")
    FreezingJob.objects.ask(draft, by, "to be handed on", seen=Drawing(draft, by).sha256, n_entries=8)
    jobs.do_waiting()
    draft.refresh_from_db()
    export = DatasetExport.objects.ask(draft, by, Wanted(originals=True))
    jobs.do_waiting()
    shutil.copy(store.path(DatasetExport.objects.get(pk=export.pk).stored_name), folder)


def receive(file: str) -> None:
    by = person("curator")
    register(1, "tiny").promote(by, "the first")
    take_in(Path(file), by)
    assert ArchiveScreening.objects.rescreen(by)


def prove() -> None:
    Proof.objects.start(ModelVersion.objects.latest("pk"), person("curator"))


def promote() -> None:
    proof = Proof.objects.done().get()
    why = "it is a test" if proof.is_worse else ""
    request = PromotionRequest.objects.ask(proof, person("curator"), "it knows our samples", override=why)
    try:
        request.approve(person("curator"), "alone")
    except PromotionError:
        request.approve(person("another"), "looked at the proof")


match sys.argv[1:]:
    case ["send", folder]:
        send(folder)
    case ["take_in", file]:
        receive(file)
    case ["prove"]:
        prove()
    case ["promote"]:
        promote()
