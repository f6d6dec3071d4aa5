"""What came in with a run: each pattern with how it found its sample, what was not kept, and samples logged for it."""

from __future__ import annotations

from collections.abc import Mapping

from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import Case, Q, Value, When
from django.utils.translation import gettext_lazy as _

from samples.models import Pattern, Sample
from samples.models.projects import VisibleQuerySet
from samples.models.samples import plain_text
from samples.xrd.sentences import Sentence, sentence
from screening.code_template import looks_like_a_code
from screening.matching import samples_by_code

PATH_LENGTH = 300


class ReceivedPatternQuerySet(VisibleQuerySet["ReceivedPattern"]):
    project_paths = ("pattern__sample__project", "pattern__project")

    def with_standing(self) -> ReceivedPatternQuerySet:
        """Each row with its ``standing``: what there is to do about it."""
        standing = ReceivedPattern.Standing
        return self.annotate(
            standing=Case(
                When(known=True, then=Value(standing.DUPLICATE.value)),
                When(pattern__archived_at__isnull=False, then=Value(standing.SET_ASIDE.value)),
                When(pattern__failure__isnull=False, then=Value(standing.UNREADABLE.value)),
                When(pattern__sample__isnull=False, then=Value(standing.MATCHED.value)),
                When(~Q(proposed_code=""), then=Value(standing.NEW_SAMPLE.value)),
                default=Value(standing.UNMATCHED.value),
                output_field=models.CharField(max_length=12),
            )
        )

    def proposing(self) -> ReceivedPatternQuerySet:
        """Rows whose sample is not logged yet."""
        return self.with_standing().filter(standing=ReceivedPattern.Standing.NEW_SAMPLE)  # type: ignore[misc]  # annotated above

    @transaction.atomic
    def correct(self, typed: Mapping[int, str], by: User) -> dict[int, Sentence]:
        """Give each pattern (by id) of these rows the sample whose code was typed; "" is the inbox.

        A code that no sample has is that of a new one, to be logged.  What could not be understood comes back by pattern.
        """
        codes = {pk: plain_text(code) for pk, code in typed.items()}
        samples = samples_by_code((code.lower() for code in codes.values() if code), by)
        rows = [row for row in self.filter(pattern__in=codes).select_related("pattern__sample") if not row.known]
        problems: dict[int, Sentence] = {}
        homes: dict[Sample | None, list[int]] = {}
        for row in rows:
            code = codes[row.pattern_id]
            if code == row.code_shown:
                continue
            sample = samples.get(code.lower())
            if sample and sample.archived_at:
                problems[row.pattern_id] = sentence("Sample %(code)s is archived. Restore it first.", code=sample.code)
            elif sample is None and not looks_like_a_code(code or "x"):
                problems[row.pattern_id] = sentence(
                    "A code is letters and digits, with - _ . + ( ) between, and no spaces, like ASR-001."
                )
            else:
                homes.setdefault(sample, []).append(row.pk)
                row.how = ReceivedPattern.How.BY_HAND if code else ""
                row.template, row.proposed_code = "", "" if sample else code
        for sample, pks in homes.items():
            Pattern.objects.filter(received__in=pks).move_to(sample, by)
        self.bulk_update(rows, ["how", "template", "proposed_code"])
        return problems

    @transaction.atomic
    def give_to(self, sample: Sample | None, by: User) -> int:
        """Give the patterns of these rows to ``sample``, None is the inbox; how many were elsewhere before."""
        n_moved = Pattern.objects.filter(received__in=self).move_to(sample, by)
        self.update(how=ReceivedPattern.How.BY_HAND if sample else "", template="", proposed_code="")
        return n_moved


class ReceivedPattern(models.Model):
    """A pattern that came in with a run; ``known`` where its bytes were here before.

    path: where the file lay in the folder or archive that was sent
    how, template: what gave it its sample, or ``proposed_code``, which no sample has yet
    """

    class How(models.TextChoices):
        CHOSEN = "chosen", _("chosen for the upload")
        NAME = "name", _("file name")
        FOLDER = "folder", _("folder")
        HEADER = "header", _("sample named in the file")
        BY_HAND = "by_hand", _("set by hand")
        LOGGED = "logged", _("logged with this upload")

    class Standing(models.TextChoices):
        MATCHED = "matched", _("with a sample")
        NEW_SAMPLE = "new_sample", _("new sample")
        UNMATCHED = "unmatched", _("without a sample")
        DUPLICATE = "duplicate", _("duplicate")
        UNREADABLE = "unreadable", _("not readable")
        SET_ASIDE = "set_aside", _("set aside")

    run = models.ForeignKey(
        "screening.ScreeningRun", on_delete=models.PROTECT, related_name="received", verbose_name=_("screening run")
    )
    pattern = models.ForeignKey(Pattern, on_delete=models.PROTECT, related_name="received", verbose_name=_("pattern"))
    known = models.BooleanField(_("was here before"), default=False)
    path = models.CharField(_("path in the folder that was sent"), max_length=PATH_LENGTH, blank=True)
    how = models.CharField(_("how it found its sample"), max_length=12, choices=How, blank=True)
    template = models.CharField(_("template that found it"), max_length=100, blank=True)
    proposed_code = models.CharField(_("code of a sample that is not logged yet"), max_length=40, blank=True)

    objects = ReceivedPatternQuerySet.as_manager()

    class Meta:
        verbose_name = _("received pattern")
        verbose_name_plural = _("received patterns")
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["run", "pattern"], name="one_receipt_a_run_and_pattern")]

    def __str__(self) -> str:
        return f"{self.run}: {self.pattern}"

    @property
    def folder(self) -> str:
        """Where its file lay in what was sent; "" where it was sent by itself."""
        return self.path.rpartition("/")[0]

    @property
    def code_shown(self) -> str:
        """Of its sample, or of the one that is to be logged for it."""
        return self.pattern.sample.code if self.pattern.sample else self.proposed_code


class RefusedFile(models.Model):
    """A file of a run that was not kept, and why."""

    run = models.ForeignKey(
        "screening.ScreeningRun", on_delete=models.PROTECT, related_name="refused", verbose_name=_("screening run")
    )
    path = models.CharField(_("path in the folder that was sent"), max_length=PATH_LENGTH)
    reason = models.JSONField(_("why not"))

    class Meta:
        verbose_name = _("refused file")
        verbose_name_plural = _("refused files")
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["run", "path"], name="one_refusal_a_run_and_path")]

    def __str__(self) -> str:
        return self.path


class LoggedSample(models.Model):
    """A sample that was logged for patterns of a run."""

    run = models.ForeignKey(
        "screening.ScreeningRun", on_delete=models.PROTECT, related_name="logged", verbose_name=_("screening run")
    )
    sample = models.OneToOneField(
        Sample, on_delete=models.PROTECT, related_name="logged_with", verbose_name=_("sample")
    )

    class Meta:
        verbose_name = _("sample logged with an upload")
        verbose_name_plural = _("samples logged with an upload")
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.run}: {self.sample}"
