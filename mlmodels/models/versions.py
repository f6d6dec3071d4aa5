"""Versions of the network as rows, so that a host which screens needs the database and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from mlmodels.net.checkpoint import Checkpoint, CheckpointError, load_bytes, seen_by_shipped
from samples.models.signed import SignedEntry
from samples.models.traced import TracedModel, TracedQuerySet
from samples.models.unchanging import Unchanging
from samples.xrd.sentences import Sentence, sentence

PART_SIZE = 4_000_000
"""Bytes of weights in one row."""
SHIPPED = gettext_noop("Shipped with Icosa.")
"""What stands in the notes of versions that nobody here made."""


def in_parts(content: bytes) -> Iterator[bytes]:
    return (content[start : start + PART_SIZE] for start in range(0, len(content), PART_SIZE))


PROMOTED = "New patterns are screened by this version from now on."
ROLLED_BACK = "Rolled back: new patterns are screened by this earlier version again."
"""What is signed, whatever language is read."""


class PromotionError(ValueError):
    """A version that cannot go into production; ``.sentence`` says why."""

    def __init__(self, said: Sentence) -> None:
        self.sentence = said
        super().__init__(str(said))


class ProofReference(NamedTuple):
    """The finished proof that a promotion rests on: which one, and the hash of what it found."""

    id: int
    sha256: str


class ModelVersionQuerySet(TracedQuerySet["ModelVersion"]):
    def production(self) -> ModelVersion | None:
        """The version that new patterns are screened by."""
        return self.filter(state=ModelVersion.State.PRODUCTION).first()

    def runnable(self) -> ModelVersionQuerySet:
        """Versions whose weights are here."""
        return self.exclude(state=ModelVersion.State.RECORD)

    def before_production(self) -> ModelVersion | None:
        """The version that was in production before the one that is: what a roll-back puts back."""
        last = Promotion.objects.filter(version__state=ModelVersion.State.PRODUCTION).order_by("-number").first()
        return last.former if last else None

    @transaction.atomic
    def roll_back(self, by: User, reason: str, *, seen: int | None = None) -> Promotion:
        """Put the version before the one in production back, at once.

        seen: id of the version that was in production when ``by`` looked; a second click would else undo the first
        """
        former, now = self.before_production(), self.production()
        if now and seen not in (None, now.pk):
            raise PromotionError(
                sentence("%(now)s was put into production while you looked. Nothing was changed.", now=now.name)
            )
        if former is None or now is None:
            raise PromotionError(
                sentence("No version was in production before this one: there is nothing to go back to.")
            )
        return former.promote(by, reason, in_place_of=now, meaning=ROLLED_BACK)

    @transaction.atomic
    def register(self, weights: bytes, config: Mapping[str, Any], *, notes: str = "") -> ModelVersion:
        """Store a checkpoint as a candidate; the one of the same weights where it is here already.

        weights: the bytes of its .safetensors; config: its .json.  CheckpointError where the two do not belong together.
        """
        load_bytes(weights, config)
        here = self.filter(sha256=config["weights_sha256"]).first()
        if here:
            return here
        version = self.create(
            name=self._free_name(config["name"]),
            config=dict(config),
            sha256=config["weights_sha256"],
            thresholds_version=config["thresholds"],
            notes=notes,
        )
        WeightsPart.objects.bulk_create(
            WeightsPart(version=version, number=number, content=part) for number, part in enumerate(in_parts(weights))
        )
        return version

    def record(self, name: str, *, thresholds_version: str, notes: str = "") -> ModelVersion:
        """A version that only calls are known of, for calls made elsewhere; it cannot be run."""
        version, _made = self.get_or_create(
            name=name,
            defaults={
                "state": ModelVersion.State.RECORD,
                "thresholds_version": thresholds_version,
                "notes": notes,
            },
        )
        return version

    def _free_name(self, name: str) -> str:
        """``name``, or "name (2)" and so on where other weights bear it."""
        names = set(self.filter(name__startswith=name).values_list("name", flat=True))
        return next(
            free
            for free in (name if n == 1 else f"{name} ({n})" for n in range(1, len(names) + 2))
            if free not in names
        )


class ModelVersion(TracedModel):
    """One trained network (or a published one that only its calls are known of), and where it stands in its life."""

    untraced = frozenset({"config", "sha256", "thresholds_version", "made_at", "promoted_at"})

    class State(models.TextChoices):
        CANDIDATE = "candidate", _("candidate version")
        PRODUCTION = "production", _("production")
        RETIRED = "retired", _("retired")
        RECORD = "record", _("record of calls made elsewhere")

    name = models.CharField(_("name"), max_length=80, unique=True)
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.CANDIDATE, editable=False)
    config = models.JSONField(_("checkpoint description"), default=dict, editable=False)
    sha256 = models.CharField(_("SHA-256 of the weights"), max_length=64, blank=True, editable=False)
    thresholds_version = models.CharField(_("version of the class thresholds"), max_length=40, editable=False)
    notes = models.TextField(_("notes"), blank=True)
    made_at = models.DateTimeField(_("made at"), auto_now_add=True)
    promoted_at = models.DateTimeField(_("in production since"), null=True, blank=True, editable=False)

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        verbose_name = _("model version")
        verbose_name_plural = _("model versions")
        ordering = ["-made_at", "-pk"]
        permissions = [("promote_modelversion", _("Can put a model version into production"))]
        constraints = [
            models.UniqueConstraint(fields=["state"], condition=Q(state="production"), name="one_production_version"),
            models.UniqueConstraint(fields=["sha256"], condition=~Q(sha256=""), name="one_version_of_the_same_weights"),
            models.CheckConstraint(
                condition=Q(state="record", sha256="") | (~Q(state="record") & ~Q(sha256="")),
                name="only_records_lack_weights",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def notes_in_words(self) -> str:
        """What people wrote as they wrote it; what the installation did in the reader's language."""
        return gettext(SHIPPED) if self.notes == SHIPPED else self.notes

    @property
    def runnable(self) -> bool:
        return self.state != self.State.RECORD

    @property
    def standing(self) -> int:
        """Whose call is shown first: the higher, the rather."""
        order = (self.State.RECORD, self.State.CANDIDATE, self.State.RETIRED, self.State.PRODUCTION)
        return order.index(self.State(self.state))

    @property
    def seen_in_training(self) -> Mapping[str, Any]:
        """Radiations, steps, coverage and noise that this network was trained on (`mlmodels/net/seen.py`); empty where not known."""
        return self.config.get("seen") or seen_by_shipped(self.sha256, self.config.get("calibration", {}))

    def checkpoint(self) -> Checkpoint:
        """The trained network as it was registered.  CheckpointError where this release cannot use it."""
        return load_bytes(self.weights(), self.config)

    def weights(self) -> bytes:
        """The bytes of the .safetensors file."""
        parts = self.weights_parts.order_by("number").values_list("content", flat=True)
        return b"".join(bytes(part) for part in parts)

    @transaction.atomic
    def promote(
        self,
        by: User | None,
        reason: str,
        *,
        proof: ProofReference | None = None,
        in_place_of: ModelVersion | None = None,
        asked_by: User | None = None,
        override: str = "",
        meaning: str = PROMOTED,
    ) -> Promotion:
        """Put this version into production and retire the one that was; ``by`` is None for the step of migrate.

        in_place_of: the version that must be in production until now, where the proof was made against one
        asked_by: who asked for it, where ``by`` approved
        override: why it is promoted although the proof speaks against it
        """
        self.check_runs()
        former = ModelVersion.objects.select_for_update().filter(state=self.State.PRODUCTION).first()
        if former == self:
            raise PromotionError(sentence("%(name)s is in production already.", name=self.name))
        if in_place_of and former != in_place_of:
            raise PromotionError(
                sentence(
                    "%(now)s was put into production meanwhile, in place of %(former)s. Prove %(name)s against it first. "
                    "Nothing was changed.",
                    now=former.name if former else "–",
                    former=in_place_of.name,
                    name=self.name,
                )
            )
        if former:
            former.state = self.State.RETIRED
            former.save(update_fields=["state"])
        self.state = self.State.PRODUCTION
        self.promoted_at = timezone.now()
        self.save(update_fields=["state", "promoted_at"])
        return Promotion.objects.create(
            version=self,
            former=former,
            signer=by,
            asked_by=asked_by,
            proof=proof.id if proof else None,
            proof_sha256=proof.sha256 if proof else None,
            override=override or None,
            meaning=meaning,
            reason=reason,
        )

    def check_runs(self) -> None:
        """PromotionError where this release cannot screen by this version: it has no weights, or others than it needs."""
        if not self.runnable:
            raise PromotionError(
                sentence(
                    "%(name)s is a record of calls made elsewhere. It has no weights and cannot be run.", name=self.name
                )
            )
        try:
            self.checkpoint()
        except CheckpointError as error:
            raise PromotionError(error.sentence) from None


class WeightsPart(Unchanging):
    """A piece of a version's safetensors bytes, under 5 MB, so that no row strains a database."""

    version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="weights_parts", verbose_name=_("model version")
    )
    number = models.PositiveSmallIntegerField()
    content = models.BinaryField(editable=False)

    class Meta:
        ordering = ["version", "number"]
        constraints = [models.UniqueConstraint(fields=["version", "number"], name="one_weights_part_a_number")]


class Promotion(SignedEntry):
    """Who put which version into production, when and why; nobody signed for the step of migrate."""

    version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="promotions", verbose_name=_("model version")
    )
    former = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("former version")
    )
    signer = models.ForeignKey(  # type: ignore[assignment]  # nobody, where others always have somebody
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("signed by"),
        editable=False,
    )
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("asked for by"),
        editable=False,
    )
    proof = models.PositiveBigIntegerField(_("proof"), null=True, editable=False)
    proof_sha256 = models.CharField(_("hash of the proof"), max_length=64, null=True, editable=False)
    override = models.CharField(_("why although the proof speaks against it"), max_length=1000, null=True)

    class Meta:
        verbose_name = _("promotion")
        verbose_name_plural = _("promotions")
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"{self.version}: {self.reason}"

    @property
    def headline(self) -> str:
        """The reason stands beside it."""
        return str(_("Promotion: %(version)s") % {"version": self.version})

    @property
    def is_roll_back(self) -> bool:
        return self.meaning == ROLLED_BACK
