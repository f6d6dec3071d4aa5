"""The loop closed, with real workers: what one lab found becomes a data set, goes to another lab, teaches a network there, and
that one is proved, promoted by two, and put before the archive; what was said before stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlmodels.models import Dataset, ModelVersion, Promotion, TrainingRun
from screening.models import ArchiveScreening, Proof
from tests.labs import ALIAS, Databases, Lab
from tests.labs import lab as lab

pytestmark = [pytest.mark.workers, pytest.mark.slow]
STEP = "tests/screening/loop_lab.py"


def test_what_one_lab_found_teaches_the_network_of_another(lab: Lab, databases: Databases, tmp_path: Path) -> None:
    lab.environment |= {"ICOSA_PROOF_PATTERNS": "8"}
    lab.start_trainer()
    first_folder = tmp_path / "first"
    first_folder.mkdir()
    Lab(first_folder, databases.copy()).run(STEP, "send", str(tmp_path))
    (archive,) = tmp_path.glob("*.eln")

    lab.run(STEP, "take_in", str(archive))
    lab.start_worker()
    dataset = Dataset.objects.using(ALIAS).get()
    assert (dataset.is_frozen, dataset.n_entries) == (True, 8)
    lab.run("manage.py", "retrain", "--data-set", str(dataset), "--steps", "10", "--share", "0.5")
    run = TrainingRun.objects.using(ALIAS).get()
    assert run.material["train"]["icosahedral"] > 0
    before, candidate = run.start_version, run.version
    assert before
    assert candidate

    def is_screened() -> bool:
        return not ArchiveScreening.objects.using(ALIAS).filter(finished_at=None, stopped_at=None).exists()

    def is_proved() -> bool:
        return not Proof.objects.using(ALIAS).unfinished().exists()

    lab.wait_until(is_screened, "the archive to be screened by the version before")
    said_before = called_by(lab, before)
    assert len(said_before) == 8

    lab.run(STEP, "prove")
    lab.wait_until(is_proved, "the proof")
    proof = Proof.objects.using(ALIAS).get()
    assert proof.content, proof.reason
    (split,) = proof.content["test_splits"]
    assert split["sha256"] == dataset.sha256
    assert ModelVersion.objects.using(ALIAS).get(state="production") == before

    lab.run(STEP, "promote")
    lab.wait_until(is_screened, "the archive to be screened by the version that was promoted")
    promotion = Promotion.objects.using(ALIAS).latest("number")
    assert (promotion.version, promotion.former) == (candidate, before)
    assert promotion.asked_by
    assert promotion.signer
    assert (promotion.asked_by.username, promotion.signer.username) == ("curator", "another")
    assert promotion.proof_sha256 == proof.sha256
    assert called_by(lab, before) == said_before
    assert called_by(lab, candidate).keys() == said_before.keys()


def called_by(lab: Lab, version: ModelVersion) -> dict[int, tuple[str, float | None]]:
    """Class and p by reading."""
    done = lab.results.done().filter(model_version=version)
    return {reading: (level, p) for reading, level, p in done.values_list("reading", "level", "probability")}
