"""How a candidate is proved: step by step in a worker, so that a killed one loses a step and no more.

The archive comes first, in the candidate's shadow, by the queue that all patterns go through. Then both networks are asked about
the same simulated patterns, those of the lab's that follow-ups refuted, and the frozen test splits; the last steps read what is on record.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.db.models import Count, QuerySet

from mlmodels.models import Dataset, DatasetEntry, Label, Split
from mlmodels.net import evaluation
from mlmodels.net.evaluation.statistics import probabilities
from mlmodels.net.predict import LoadedNetwork, predict
from mlmodels.net.simulate import SimulationConfig
from mlmodels.registry import BATCH_SIZE, network_for
from samples.xrd.sentences import sentence
from screening import pipeline, tasks
from screening.models import Proof, ScreeningResult
from screening.models.proofs import last_outcome
from screening.proof_content import Told, at_class_c, by_truth, content_of, paired_answers, plain, told_by_outcomes
from screening.refuted import refuted_patterns

logger = logging.getLogger(__name__)

LOOK_UP = 1.0
"""Seconds after which a worker in the midst of a proof looks at what else waits."""
ENTRIES_AT_ONCE = 256
Step = Callable[[], dict[str, Any]]


class Interrupted(Exception):  # noqa: N818 - nothing went wrong
    """The worker is told to stop, or the proof was stopped or has gone to another worker."""


def prove_waiting() -> None:
    """Prove what is ready; a second delivery of the same bell finds nothing to do."""
    while not tasks.stopping.is_set() and (proof := Proof.objects.claim()):
        try:
            Prover(proof).prove()
        except Interrupted:
            proof.give_back()
        except Exception as error:
            logger.exception("Proof %s failed", proof.pk)
            proof.fail(sentence("%(error)s: %(text)s", error=type(error).__name__, text=str(error)[:300]))


class Prover:
    """One proof in the hands of one worker."""

    def __init__(self, proof: Proof) -> None:
        self.proof = proof
        self.n_asked = 0
        self.next_look = 0.0
        self.evaluation = evaluation.Evaluation(
            SimulationConfig(), n=settings.PROOF_PATTERNS, negatives=refuted_patterns()
        )

    def prove(self) -> None:
        steps = dict(self.steps())
        self._note(n_steps=len(steps))
        for name, step in steps.items():
            if name not in self.proof.parts:
                self.n_asked, n_outcomes = 0, last_outcome()
                self._note(step=name, n_asked=0)
                self._keep(name, plain(step()), n_outcomes=n_outcomes)
        asked = self.evaluation
        self.proof.finish(content_of(self.proof, self.proof.parts, n=asked.n, seed=asked.seed))

    def steps(self) -> Iterator[tuple[str, Step]]:
        for name, part in self.evaluation.parts().items():
            yield name, lambda part=part: self._ask_both(part)  # type: ignore[misc]
        for dataset in Dataset.objects.frozen().order_by("pk"):
            yield f"test-{dataset.pk}", lambda dataset=dataset: self._test_split(dataset)  # type: ignore[misc]
        yield "outcomes", self._outcomes
        yield "archive", self._archive

    # The two networks

    def candidate(self) -> LoadedNetwork:
        return replace(network_for(self.proof.candidate_id).loaded, after_batch=self.look_up)

    def production(self) -> LoadedNetwork:
        return replace(network_for(self.proof.production_id).loaded, after_batch=self.look_up)

    def look_up(self) -> None:
        """After each batch: give a sign of life, see whether to go on, and let through what people wait for."""
        self.n_asked += BATCH_SIZE
        if time.monotonic() < self.next_look:
            return
        tasks.beat()
        if tasks.stopping.is_set():
            raise Interrupted
        self._note(n_asked=self.n_asked)
        tasks.screen_fresh()
        self.next_look = time.monotonic() + LOOK_UP

    def _note(self, **fields: Any) -> None:
        if not self.proof.note(**fields):
            raise Interrupted

    def _keep(self, name: str, found: Any, *, n_outcomes: int) -> None:
        """What an outcome says counts where it was signed before the step of the outcomes began."""
        self.proof.parts[name] = found
        n_done = len(self.proof.parts)
        self._note(
            parts=self.proof.parts, n_steps_done=n_done, **({"n_outcomes": n_outcomes} if name == "outcomes" else {})
        )

    # The steps

    def _ask_both(self, part: evaluation.Part) -> dict[str, Any]:
        """One chapter of the evaluation for both, and what they say of the same patterns, paired."""
        ours, theirs = evaluation.Answers(), evaluation.Answers()
        return {
            "candidate": part(self.candidate(), ours),
            "production": part(self.production(), theirs),
            "with": paired_answers(ours.positives, theirs.positives),
            "without": paired_answers(ours.negatives, theirs.negatives),
        }

    def _test_split(self, dataset: Dataset) -> dict[str, Any]:
        """The patterns of a frozen set that no network was trained on."""
        told: list[Told] = []
        n_refused = 0
        entries = dataset.entries.filter(split=Split.TEST).order_by("position")
        for batch in _in_batches(entries.select_related("reading__arrays", "reading__pattern")):
            patterns = [(entry, entry.reading.as_pattern()) for entry in batch]
            judged = [(entry, pattern) for entry, pattern in patterns if pipeline.check(pattern) is None]
            n_refused += len(patterns) - len(judged)
            inputs = [pipeline.prepare(pattern) for _entry, pattern in judged]
            ours, theirs = (
                at_class_c(probabilities(predict(loaded, inputs))) for loaded in (self.candidate(), self.production())
            )
            for (entry, _pattern), our, their in zip(judged, ours, theirs, strict=True):
                pattern = entry.reading.pattern
                sample = pattern.sample_id or -pattern.pk
                told.append(Told(entry.label == Label.ICOSAHEDRAL, pattern.simulated, sample, bool(our), bool(their)))
        return {"name": str(dataset), "sha256": dataset.sha256, "n_refused": n_refused, **by_truth(told)}

    def _outcomes(self) -> dict[str, Any]:
        """Samples with a signed outcome, on whose patterns both versions have spoken."""
        return by_truth(told_by_outcomes(self.proof))

    def _archive(self) -> dict[str, Any]:
        """How many patterns have which class by production, and which by the candidate."""
        rows = self.proof.changed_calls().values_list("was", "level").annotate(n=Count("pk"))  # type: ignore[misc]  # annotated
        changes = [{"was": was or "", "is": now, "n": n} for was, now, n in sorted(rows, key=str)]
        answered = ScreeningResult.objects.current().filter(model_version=self.proof.candidate).answered()
        return {"changes": changes, "n_without_class": answered.filter(level="").count()}


def _in_batches(entries: QuerySet[DatasetEntry]) -> Iterator[list[DatasetEntry]]:
    """Few at a time, since each brings its numbers along."""
    batch: list[DatasetEntry] = []
    for entry in entries.iterator(chunk_size=ENTRIES_AT_ONCE):
        batch.append(entry)
        if len(batch) == ENTRIES_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch
