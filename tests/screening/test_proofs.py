"""A candidate against production: what is asked, what counts as worse, what a proof carries and when it no longer does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db import Error, connection, transaction
from pytest_django import Settings

from mlmodels.models import Dataset, DatasetEntry, ModelVersion
from mlmodels.net.evaluation.statistics import mcnemar, paired
from samples.models.unchanging import UnchangingError
from screening import tasks
from screening.models import Candidate, Proof, ProofError, ScreeningResult
from screening.models.proofs import content_sha256
from screening.proof_content import Told, by_truth, content_of
from screening.proof_page import ProofPage
from screening.proving import Prover, prove_waiting
from tests.factories import SampleFactory, make_pattern
from tests.screening.calls import make_result
from tests.screening.judged import judge
from tests.screening.promoting import register

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _small(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few patterns, and no bell: without a worker it would be heard at once."""
    settings.PROOF_PATTERNS = 8
    monkeypatch.setattr("screening.models.proofs.ring_proofs", lambda: None)


@pytest.fixture
def candidate(tiny_version: ModelVersion) -> ModelVersion:
    return register(2, "candidate")


def prove(candidate: ModelVersion, by: User) -> Proof:
    proof = Proof.objects.start(candidate, by)
    tasks.screen_waiting()
    prove_waiting()
    return Proof.objects.get(pk=proof.pk)


def test_a_proof_asks_everything_and_keeps_it_under_a_hash(person: User, candidate: ModelVersion) -> None:
    production = ModelVersion.objects.production()
    refuted = SampleFactory.create()
    make_pattern(sample=refuted, by=person)
    judge(refuted, "refuted")
    for result in [make_pattern(by=person).readings.get() for _ in range(2)]:
        assert production
        make_result(result.pattern, production)
    proof = prove(candidate, person)
    assert proof.state == Proof.State.DONE
    assert proof.content
    assert proof.sha256 == content_sha256(proof.content)
    evaluation = proof.content["evaluation"]["candidate"]
    assert {"published_recipe", "own_mix", "ways_of_measuring", "approximants", "negatives", "injection"} <= set(
        evaluation
    )
    assert "1 refuted patterns of 1 samples" in evaluation["negatives"]["from"]
    assert proof.content["paired"]["published_recipe"]["with"]["n"] == 8
    assert sum(one["n"] for one in proof.content["archive"]["changes"]) == 3
    assert proof.why_not_promotable() is None
    page = ProofPage(proof, proof.content)
    assert page.goals
    assert page.rows
    assert page.n_not_called == 1


def test_a_finished_proof_never_changes(person: User, candidate: ModelVersion) -> None:
    proof = prove(candidate, person)
    with pytest.raises(UnchangingError):
        proof.save()
    with pytest.raises(UnchangingError):
        proof.delete()
    with pytest.raises(Error), transaction.atomic():
        Proof.objects.filter(pk=proof.pk).update(content={})


def test_what_the_two_say_of_the_test_split_stands_in_the_proof(person: User, candidate: ModelVersion) -> None:
    dataset = Dataset.objects.create(name="ours", made_by=person, changed_by=person)
    for position, split in enumerate(("train", "test", "test")):
        reading = make_pattern(by=person, sample=SampleFactory.create()).readings.get()
        DatasetEntry.objects.create(
            dataset=dataset, position=position, reading=reading, label="none", origin="by_hand", split=split,
            lineage=position, file_sha256="0" * 64, arrays_sha256="0" * 64,
        )  # fmt: skip
    Dataset.objects.filter(pk=dataset.pk).update(
        state="frozen", frozen_at=dataset.made_at, frozen_by=person, sha256="1" * 64, n_entries=3
    )
    proof = prove(candidate, person)
    assert proof.content
    (split,) = proof.content["test_splits"]
    assert (split["name"], split["sha256"]) == ("ours v1", "1" * 64)
    assert split["measured"]["without"]["n"] == 2
    assert split["measured"]["with"] is None
    assert proof.content["false_alarms"]["measured"]["n"] == 2


def test_a_lost_worker_costs_one_step(person: User, candidate: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    Proof.objects.start(candidate, person)
    tasks.screen_waiting()
    asked: list[int] = []
    original = Prover._ask_both

    def dies(self: Prover, part: Any) -> Any:
        asked.append(len(self.proof.parts))
        if len(asked) == 2:
            raise RuntimeError("out of memory")
        return original(self, part)

    monkeypatch.setattr(Prover, "_ask_both", dies)
    prove_waiting()
    proof = Proof.objects.get()
    assert proof.state == Proof.State.DONE
    assert (asked.count(0), asked.count(1), asked.count(2)) == (1, 2, 1)


def test_a_proof_that_fails_three_times_is_set_aside_with_its_reason(
    person: User, candidate: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_arguments: object) -> None:
        raise RuntimeError("no room")

    monkeypatch.setattr(Prover, "_ask_both", breaks)
    proof = prove(candidate, person)
    assert proof.state == Proof.State.FAILED
    assert proof.reason
    assert "no room" in proof.reason["template"] % proof.reason["values"]
    assert Proof.objects.start(candidate, person) != proof


def test_a_proof_waits_for_the_archive_and_stops_when_it_is_told_to(person: User, candidate: ModelVersion) -> None:
    make_pattern(by=person)
    proof = Proof.objects.start(candidate, person)
    assert Proof.objects.start(candidate, person) == proof
    prove_waiting()
    assert Proof.objects.get().state == Proof.State.QUEUED
    assert proof.stop()
    tasks.screen_waiting()
    assert not candidate.results.done().exists()
    assert not proof.stop()


def test_uploads_are_screened_in_the_midst_of_a_proof(
    person: User, candidate: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    from screening.models import ScreeningRun

    Proof.objects.start(candidate, person)
    tasks.screen_waiting()
    fresh = make_pattern(by=person).readings.get()
    ScreeningRun.objects.start(ScreeningRun.Why.UPLOAD, person).enqueue([fresh])
    seen: list[str] = []

    def outcomes(_self: Prover) -> dict[str, Any]:
        seen.append(ScreeningResult.objects.get(reading=fresh).state)
        return by_truth([])

    monkeypatch.setattr(Prover, "_outcomes", outcomes)
    prove_waiting()
    assert seen == ["done"]
    assert Candidate.objects.filter(result__reading=fresh).exists()


def test_production_itself_and_a_record_and_another_contract_cannot_be_proved(
    person: User, candidate: ModelVersion
) -> None:
    production = ModelVersion.objects.production()
    assert production
    with pytest.raises(ProofError, match="in production itself"):
        Proof.objects.start(production, person)
    record = ModelVersion.objects.record("as reported", thresholds_version="uryu-2023")
    with pytest.raises(ProofError, match="no weights"):
        Proof.objects.start(record, person)
    ModelVersion.objects.filter(pk=candidate.pk).update(config={**candidate.config, "input_contract": "other/1"})
    candidate.refresh_from_db()
    with pytest.raises(ProofError, match="other/1"):
        Proof.objects.start(candidate, person)
    ModelVersion.objects.filter(pk=production.pk).update(state="retired")
    with pytest.raises(ProofError, match="nothing to prove"):
        Proof.objects.start(candidate, person)


def test_new_outcomes_and_another_production_make_a_proof_stale(person: User, candidate: ModelVersion) -> None:
    proof = prove(candidate, person)
    judge(SampleFactory.create(), "refuted")
    assert "1 outcomes were signed" in str(proof.why_not_promotable())
    register(3, "third").promote(None, "meanwhile")
    assert "third is in production now" in str(proof.why_not_promotable())


# Worse on false alarms


def told(ours: list[bool], theirs: list[bool], *, simulated: bool = False) -> list[Told]:
    return [Told(False, simulated, n, *said) for n, said in enumerate(zip(ours, theirs, strict=True))]


def judged(proof: Proof, found: dict[str, Any], simulated: dict[str, Any] | None = None) -> dict[str, Any]:
    chapters = {"own_mix": {"candidate": {}, "production": {}, "with": None, "without": simulated}}
    steps = {**chapters, "outcomes": found, "archive": {"changes": [], "n_without_class": 0}}
    return content_of(proof, steps, n=8, seed=1)["false_alarms"]  # type: ignore[no-any-return]


@pytest.fixture
def proof(person: User, candidate: ModelVersion) -> Proof:
    return Proof.objects.start(candidate, person)


def test_one_more_measured_sample_is_worse_and_two_patterns_of_one_sample_are_one(proof: Proof) -> None:
    assert judged(proof, by_truth(told([True, False], [False, False])))["worse_measured"]
    assert not judged(proof, by_truth(told([True, False], [True, False])))["worse"]
    assert not judged(proof, by_truth(told([False, False], [True, False])))["worse"]
    twice = [Told(False, False, 7, True, False), Told(False, False, 7, False, True)]
    assert not judged(proof, by_truth(twice))["worse"]


def test_simulated_alarms_are_worse_where_chance_does_not_explain_them(proof: Proof) -> None:
    nothing = by_truth([])
    few, many = np.arange(1000) < 4, np.arange(1000) < 5
    none = np.zeros(1000, dtype=np.bool_)
    assert not judged(proof, nothing, paired(few, none))["worse_simulated"]  # p = 1/16
    assert judged(proof, nothing, paired(many, none))["worse_simulated"]  # p = 1/32
    assert not judged(proof, nothing, paired(none, many))["worse"]


def test_the_exact_test_of_mcnemar_is_the_binomial_one() -> None:
    assert mcnemar(0, 0) == {"p": 1.0, "p_more": 1.0}
    assert mcnemar(5, 0) == {"p": pytest.approx(2 / 32), "p_more": pytest.approx(1 / 32)}
    assert mcnemar(3, 3)["p"] == pytest.approx(1.0)


def test_the_database_itself_refuses_a_change(person: User, candidate: ModelVersion) -> None:
    proof = prove(candidate, person)
    with pytest.raises(Error), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE screening_proof SET sha256 = 'x' WHERE id = %s", [proof.pk])
