"""Proofs: a candidate against the version in production, on patterns whose truth is known and on the lab's own archive."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NoReturn
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import F, Max, OuterRef, Q, Subquery
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mlmodels.models import ModelVersion, PromotionError, ProofReference
from samples.append_only import Guard
from samples.models.unchanging import UnchangingError
from samples.xrd.sentences import Sentence, sentence
from screening.bell import ring_proofs, ring_proofs_on_commit
from screening.models.archive_screenings import ArchiveScreening
from screening.models.outcomes import Outcome
from screening.models.results import ScreeningResult, ScreeningResultQuerySet
from screening.models.runs import ScreeningRun

MAX_ATTEMPTS = 3
LEASE = timedelta(minutes=2)


class ProofError(ValueError):
    """A proof that cannot be begun; ``.sentence`` says why."""

    def __init__(self, said: Sentence) -> None:
        self.sentence = said
        super().__init__(str(said))


class ProofQuerySet(models.QuerySet["Proof"]):
    def unfinished(self) -> ProofQuerySet:
        return self.filter(state__in=[Proof.State.QUEUED, Proof.State.RUNNING])

    def done(self) -> ProofQuerySet:
        return self.filter(state=Proof.State.DONE)

    @transaction.atomic
    def start(self, candidate: ModelVersion, by: User) -> Proof:
        """Prove ``candidate`` against the version in production, beginning with the archive in its shadow.

        ProofError where there is nothing to compare; the proof that goes on already where there is one.
        """
        production = ModelVersion.objects.production()
        if production is None:
            raise ProofError(
                sentence(
                    "No version is in production, so that there is nothing to prove %(name)s against.",
                    name=candidate.name,
                )
            )
        if production == candidate:
            raise ProofError(sentence("%(name)s is in production itself. Choose another version.", name=candidate.name))
        try:
            candidate.check_runs()
        except PromotionError as error:
            raise ProofError(error.sentence) from None
        begun = self.unfinished().filter(candidate=candidate).first()
        if begun:
            return begun
        proof = self.create(
            candidate=candidate,
            production=production,
            started_by=by,
            archive=ArchiveScreening.objects.start(candidate, by, ScreeningRun.Why.SHADOW),
        )
        ring_proofs_on_commit()
        return proof

    def ready(self) -> ProofQuerySet:
        """The archive is through, and nobody is at it, or its worker was lost."""
        lost = Q(state=Proof.State.RUNNING, leased_until__lt=timezone.now())
        return self.filter(Q(state=Proof.State.QUEUED) | lost, archive__finished_at__isnull=False)

    def ring(self) -> None:
        """For those that are ready: the archive has no bell of its own."""
        if self.ready().exists():
            ring_proofs()

    def claim(self) -> Proof | None:
        """Take the proof that is ready longest, under a lease."""
        now = timezone.now()
        with transaction.atomic():
            proof = self.ready().select_for_update(skip_locked=True, of=("self",)).order_by("pk").first()
            if proof is None:
                return None
            self.filter(pk=proof.pk).update(
                state=Proof.State.RUNNING, lease=uuid4(), leased_until=now + LEASE, attempts=F("attempts") + 1
            )
            proof.refresh_from_db()
        return proof


class Proof(models.Model):
    """One comparison of two versions.  Once it is done its content never changes, and its hash goes into the promotion."""

    class State(models.TextChoices):
        QUEUED = "queued", _("waiting")
        RUNNING = "running", _("under way")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        STOPPED = "stopped", _("stopped")

    database_guard = Guard(when="{row}.\"state\" = 'done'")

    candidate = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="proofs", verbose_name=_("candidate version")
    )
    production = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="+", verbose_name=_("version in production")
    )
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("started by")
    )
    started_at = models.DateTimeField(_("started at"), auto_now_add=True)
    archive = models.ForeignKey(
        ArchiveScreening, on_delete=models.PROTECT, related_name="+", verbose_name=_("shadow screening")
    )
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.QUEUED)
    step = models.CharField(_("what is being done"), max_length=40, blank=True)
    n_steps = models.PositiveSmallIntegerField(_("steps"), default=0)
    n_steps_done = models.PositiveSmallIntegerField(_("steps done"), default=0)
    n_asked = models.PositiveIntegerField(_("patterns asked in this step"), default=0)
    parts = models.JSONField(_("what the finished steps found"), default=dict)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    lease = models.UUIDField(_("lease"), null=True)
    leased_until = models.DateTimeField(_("leased until"), null=True)
    reason = models.JSONField(_("why not"), null=True)
    content = models.JSONField(_("what was found"), null=True)
    sha256 = models.CharField(_("hash"), max_length=64, blank=True)
    n_outcomes = models.PositiveBigIntegerField(_("number of the last outcome that counts"), default=0)
    finished_at = models.DateTimeField(_("finished at"), null=True)

    objects = ProofQuerySet.as_manager()

    class Meta:
        verbose_name = _("proof")
        verbose_name_plural = _("proofs")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["candidate"],
                condition=Q(state__in=["queued", "running"]),
                name="one_proof_of_a_candidate_at_once",
            ),
            models.CheckConstraint(
                condition=Q(state="done", content__isnull=False) & ~Q(sha256="")
                | ~Q(state="done") & Q(content__isnull=True, sha256=""),
                name="done_proofs_have_a_hash",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.candidate} – {self.production}"

    def save(self, **options: Any) -> None:
        if self.pk and Proof.objects.done().filter(pk=self.pk).exists():
            raise UnchangingError(f"Proof {self.pk} is done and does not change; prove anew")
        super().save(**options)

    def get_absolute_url(self) -> str:
        return reverse("screening:proof", args=[self.pk])

    def delete(self, *args: Any, **options: Any) -> NoReturn:
        raise UnchangingError(f"Proof {self.pk} is evidence and is not deleted")

    @property
    def is_unfinished(self) -> bool:
        return self.state in {self.State.QUEUED, self.State.RUNNING}

    @property
    def reference(self) -> ProofReference:
        return ProofReference(self.pk, self.sha256)

    @property
    def is_worse(self) -> bool:
        """On false alarms, as `screening.proof_figures` defines it."""
        return bool(self.content and self.content["false_alarms"]["worse"])

    def why_not_promotable(self) -> Sentence | None:
        """Why this proof does not (or no longer) carry a promotion; None where it does."""
        names = {"name": self.candidate.name, "former": self.production.name}
        if self.state != self.State.DONE:
            return sentence(
                "The proof of %(name)s is not finished. Wait for it, or start it anew.", name=self.candidate.name
            )
        if content_sha256(self.content or {}) != self.sha256:
            return sentence(
                "The proof of %(name)s is not as it was found: its hash differs. Prove anew.", name=self.candidate.name
            )
        now = ModelVersion.objects.production()
        if now == self.candidate:
            return sentence("%(name)s is in production already.", name=self.candidate.name)
        if now != self.production:
            return sentence(
                "The proof compares %(name)s with %(former)s, and %(now)s is in production now. Prove it anew.",
                now=now.name if now else "–",
                **names,
            )
        n_new = Outcome.objects.filter(number__gt=self.n_outcomes).count()
        if n_new:
            return sentence(
                "%(n)s outcomes were signed since %(name)s was proved. Prove it anew, so that they count.",
                n=n_new,
                name=self.candidate.name,
            )
        return None

    def note(self, **fields: Any) -> bool:
        """Write how far it is, and hold it on; False where it is no longer ours, or was stopped."""
        ours = Proof.objects.filter(pk=self.pk, state=self.State.RUNNING, lease=self.lease)
        return ours.update(leased_until=timezone.now() + LEASE, **fields) == 1

    def give_back(self) -> None:
        """Leave it for later: the archive is not through, or the worker stops."""
        ours = Proof.objects.filter(pk=self.pk, state=self.State.RUNNING, lease=self.lease)
        ours.update(state=self.State.QUEUED, attempts=0, lease=None)

    def fail(self, reason: Sentence) -> None:
        """Back into the queue, or aside where it has failed MAX_ATTEMPTS times."""
        ours = Proof.objects.filter(pk=self.pk, state=self.State.RUNNING, lease=self.lease)
        aside = self.attempts >= MAX_ATTEMPTS
        ours.update(
            state=self.State.FAILED if aside else self.State.QUEUED,
            reason=reason.as_json(),
            lease=None,
            finished_at=timezone.now() if aside else None,
        )

    def finish(self, content: Mapping[str, Any]) -> bool:
        """Write what was found, for good."""
        ours = Proof.objects.filter(pk=self.pk, state=self.State.RUNNING, lease=self.lease)
        return (
            ours.update(
                state=self.State.DONE,
                content=content,
                sha256=content_sha256(content),
                parts={},
                step="",
                lease=None,
                finished_at=timezone.now(),
            )
            == 1
        )

    @transaction.atomic
    def stop(self, reason: Sentence | None = None) -> bool:
        """Give it up; what the candidate said of the archive so far stays on record."""
        said = reason.as_json() if reason else None
        unfinished = Proof.objects.unfinished().filter(pk=self.pk)
        if not unfinished.update(state=self.State.STOPPED, lease=None, finished_at=timezone.now(), reason=said):
            return False
        self.archive.stop()
        self.refresh_from_db()
        return True

    def changed_calls(self) -> ScreeningResultQuerySet:
        """What the candidate says of the archive, with the class that it has by the other version, ``was``."""
        theirs = ScreeningResult.objects.done().filter(reading=OuterRef("reading"), model_version=self.production)
        ours = ScreeningResult.objects.done().current().filter(model_version=self.candidate)
        return ours.annotate(was=Subquery(theirs.values("level")[:1])).order_by()


def last_outcome() -> int:
    return Outcome.objects.aggregate(last=Max("number"))["last"] or 0


def content_sha256(content: Mapping[str, Any]) -> str:
    """SHA-256 (hex) over canonical JSON."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
