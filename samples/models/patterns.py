"""Measured patterns: the original bytes, and the scans in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.base import File
from django.db import models, transaction
from django.db.models import Exists, OuterRef, Prefetch, Q, Subquery
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from samples.models.acts import changes_by
from samples.models.projects import Project, RecordQuerySet, Viewer
from samples.models.readings import Reading
from samples.models.samples import Sample
from samples.models.traced import TracedModel
from samples.models.unchanging import Unchanging
from samples.originals import Original, keep, safe_name
from samples.radiation import with_lab_wavelength, without_assumption
from samples.xrd.blank import subtract_blank
from samples.xrd.pattern import check_wavelength
from samples.xrd.readers import read
from samples.xrd.sentences import PatternFileError, Sentence, sentence


class PatternFileQuerySet(models.QuerySet["PatternFile"]):
    def visible_to(self, person: Viewer) -> PatternFileQuerySet:
        """Those of which this person may see a scan."""
        return self.filter(Exists(Pattern.objects.visible_to(person).filter(file=OuterRef("pk"))))


class PatternFile(Unchanging):
    """The bytes that an instrument wrote, kept under their SHA-256 and never changed."""

    sha256 = models.CharField("SHA-256", max_length=64, unique=True, editable=False)
    content = models.FileField(_("original bytes"), upload_to="patterns/", editable=False)
    size = models.PositiveBigIntegerField(_("size (bytes)"), editable=False)
    received_at = models.DateTimeField(_("received at"), auto_now_add=True)

    objects = PatternFileQuerySet.as_manager()

    class Meta:
        verbose_name = _("original file")
        verbose_name_plural = _("original files")

    def __str__(self) -> str:
        return self.sha256[:12]

    @property
    def original(self) -> Original:
        return Original(self.sha256, str(self.content.name), self.size)


SENT_BEFORE = sentence(
    "The same file is kept already, where you may not see it, and it is kept once. If it is yours, ask an administrator to"
    " move it to your sample."
)
"""All that is told of bytes that lie in a project which is closed to the sender."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one file that was sent.

    name: of the file, made safe to show
    patterns: one for each scan; none where the file was refused and not kept
    known: whether the same bytes were here before; then ``patterns`` are the ones that they are
    failure: why the file could not be read or kept
    """

    name: str
    patterns: tuple[Pattern, ...] = ()
    known: bool = False
    failure: Sentence | None = None

    @property
    def whereabouts(self) -> Sentence | None:
        """Where bytes that were here before are; None for new ones."""
        if not self.known:
            return None
        pattern = self.patterns[0]
        if pattern.archived_at:
            return sentence("The same file is here already, in the archive, as %(name)s.", name=pattern.name)
        if pattern.sample is None:
            return sentence("The same file is here already, in the inbox, as %(name)s.", name=pattern.name)
        return sentence(
            "The same file is here already, with sample %(code)s, as %(name)s.",
            code=pattern.sample.code,
            name=pattern.name,
        )


class PatternQuerySet(RecordQuerySet["Pattern"]):
    project_paths = ("sample__project", "project")

    def current(self) -> PatternQuerySet:
        return self.filter(archived_at=None)

    def in_inbox(self) -> PatternQuerySet:
        """Patterns that no sample has yet."""
        return self.current().filter(sample=None)

    def unreadable(self) -> PatternQuerySet:
        return self.current().filter(failure__isnull=False)

    def blanks(self) -> PatternQuerySet:
        return self.current().filter(kind=Pattern.Kind.BLANK)

    def with_current_reading(self) -> PatternQuerySet:
        """Fetch each pattern's newest reading along, for lists."""
        current = Prefetch("readings", Reading.objects.current(), to_attr="current_readings")
        return self.prefetch_related(current)

    def move_to(self, sample: Sample | None, by: User, why: str = "") -> int:
        """Give all of these to ``sample``, or back to the inbox with None; how many were elsewhere before."""
        with changes_by(by, why):
            moving = [pk for pk, home in self.values_list("pk", "sample") if home != (sample and sample.pk)]
            moved = Pattern.objects.filter(pk__in=moving)
            if sample:
                return moved.update(sample=sample, project=None)
            of_sample = Sample.objects.filter(pk=OuterRef("sample")).values("project")
            return moved.update(sample=None, project=Subquery(of_sample))

    def archive(self, by: User, at: datetime | None = None, why: str = "") -> int:
        """Put all of these away; how many were not before.  Those of one moment can be restored together."""
        with changes_by(by, why):
            leaving = list(self.current().values_list("pk", flat=True))
            return Pattern.objects.filter(pk__in=leaving).update(archived_at=at or timezone.now())

    def restore(self, by: User, why: str = "") -> int:
        """Take all of these out of the archive; how many were in it."""
        with changes_by(by, why):
            coming = list(self.exclude(archived_at=None).values_list("pk", flat=True))
            return Pattern.objects.filter(pk__in=coming).update(archived_at=None)

    def receive(
        self,
        content: bytes | File[bytes],
        *,
        name: str,
        by: User,
        sample: Sample | None = None,
        project: Project | None = None,
        kind: str = "measurement",
        simulated: bool = False,
    ) -> Receipt:
        """Keep ``content`` and read it; what can't be read is kept with the reason, the same bytes again are found again.

        ``project``: where it waits while no sample has it.  Where the same bytes are is told only to whom may see them.
        """
        name = safe_name(name)
        try:
            original = keep(content)
        except PatternFileError as error:
            return Receipt(name, failure=error.sentence)
        with changes_by(by):
            file, _made = PatternFile.objects.get_or_create(
                sha256=original.sha256, defaults={"content": original.name, "size": original.size}
            )
            PatternFile.objects.select_for_update().get(pk=file.pk)
            PatternFile.objects.filter(pk=file.pk, content="").update(content=original.name)
            if not file.patterns.exists():
                place = {"sample": sample, "project": None if sample else project}
                first = self.create(file=file, name=name, kind=kind, simulated=simulated, uploaded_by=by, **place)
                return first.read_file(by)
            seen = file.patterns.visible_to(by).select_related("sample", "file")
            known = tuple(seen.order_by("scan_number"))
            if not known:
                return Receipt(name, failure=SENT_BEFORE)
            if known[0].failure:
                return replace(known[0].read_file(by), known=True)
            return Receipt(name, known, known=True)


class Pattern(TracedModel):
    """One scan of one file; it belongs to a sample or waits in the inbox."""

    untraced = frozenset({"file", "scan_number", "failure", "uploaded_by", "uploaded_at"})

    class Kind(models.TextChoices):
        MEASUREMENT = "measurement", _("measurement")
        BLANK = "blank", _("blank or holder scan")

    file = models.ForeignKey(
        PatternFile, on_delete=models.PROTECT, related_name="patterns", verbose_name=_("original file")
    )
    scan_number = models.PositiveSmallIntegerField(_("scan number"), default=1)
    sample = models.ForeignKey(
        Sample, on_delete=models.PROTECT, null=True, blank=True, related_name="patterns", verbose_name=_("sample")
    )
    project = models.ForeignKey(
        Project,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="patterns",
        verbose_name=_("project, while no sample has the pattern"),
        editable=False,
    )
    kind = models.CharField(_("kind"), max_length=12, choices=Kind, default=Kind.MEASUREMENT)
    name = models.CharField(_("file name"), max_length=255)
    simulated = models.BooleanField(_("simulated"), default=False, editable=False)
    failure = models.JSONField(_("why it could not be read"), null=True, blank=True, editable=False)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("uploaded by")
    )
    uploaded_at = models.DateTimeField(_("uploaded at"), auto_now_add=True, db_index=True)
    archived_at = models.DateTimeField(_("archived at"), null=True, blank=True, editable=False)

    objects = PatternQuerySet.as_manager()

    class Meta:
        verbose_name = _("pattern")
        verbose_name_plural = _("patterns")
        ordering = ["-uploaded_at", "-pk"]
        indexes = [
            models.Index(fields=["-uploaded_at", "-id"], condition=Q(kind="blank"), name="pattern_blanks"),
            models.Index(fields=["-uploaded_at", "-id"], condition=Q(failure__isnull=False), name="pattern_unreadable"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["file", "scan_number"], name="one_pattern_a_scan"),
            models.CheckConstraint(
                condition=Q(sample=None) | Q(project=None), name="a_pattern_is_in_the_project_of_its_sample"
            ),
        ]

    def get_absolute_url(self) -> str:
        return reverse("screening:pattern", args=[self.pk])

    def __str__(self) -> str:
        return self.name if self.scan_number == 1 else f"{self.name} · {self.scan_number}"

    @property
    def current_reading(self) -> Reading | None:
        """The newest reading; None where the file could not be read."""
        fetched: list[Reading] | None = getattr(self, "current_readings", None)
        return next(iter(fetched), None) if fetched is not None else self.readings.first()

    @transaction.atomic
    def read_file(self, by: User) -> Receipt:
        """Read the file, or try it again: this pattern gets its first scan, each further scan a pattern beside this one."""
        try:
            scans = read(self.file.original.read(), self.name)
        except PatternFileError as error:
            self.failure = error.sentence.as_json()
            self.save(update_fields=["failure"])
            return Receipt(self.name, (self,), failure=error.sentence)
        self.failure = None
        self.save(update_fields=["failure"])
        patterns = [self, *(self._beside(number) for number in range(2, len(scans) + 1))]
        for pattern, scan in zip(patterns, scans, strict=True):
            assumed = scan.wavelength is None
            Reading.objects.make(pattern, with_lab_wavelength(scan), by=by, wavelength_assumed=assumed)
        return Receipt(self.name, tuple(patterns))

    def correct(
        self,
        by: User,
        *,
        wavelength: float,
        blank: Reading | None = None,
        blank_scale: float = 1.0,
        reason: str,
    ) -> Reading:
        """Make a new reading with this wavelength (Å), and with ``blank_scale`` times ``blank`` taken off if there is one.

        It always starts from what the file says; readings straight from the file are those without a reason.
        PatternFileError where the correction makes no sense.
        """
        if not reason.strip():
            raise PatternFileError("A correction needs a reason: say why the pattern was corrected.")
        as_read = self.readings.filter(reason="")[0].as_pattern()
        corrected = replace(without_assumption(as_read), wavelength=check_wavelength(wavelength))
        if blank is not None:
            corrected = subtract_blank(corrected, blank.as_pattern(), blank_scale)
        return Reading.objects.make(
            self, corrected, by=by, blank=blank, blank_scale=blank_scale if blank else None, reason=reason
        )

    def move_to(self, sample: Sample | None, by: User, why: str = "") -> None:
        """Give the pattern to the sample that it was measured on; None puts it back into the inbox."""
        with changes_by(by, why):
            self.give_to(sample)

    def give_to(self, sample: Sample | None) -> None:
        """It is in the project of its sample, and stays there in the inbox."""
        self.project = None if sample else self.sample.project if self.sample else self.project
        self.sample = sample
        self.save(update_fields=["sample", "project"])

    def mark_as(self, kind: Pattern.Kind, by: User, why: str = "") -> None:
        """Say whether this is a measurement, or a scan of the blank or holder to take off from others."""
        self.kind = kind
        self._save("kind", by, why)

    def archive(self, by: User, why: str = "") -> None:
        """Put the pattern away; nothing that was measured is ever deleted."""
        self.archived_at = timezone.now()
        self._save("archived_at", by, why)

    def restore(self, by: User, why: str = "") -> None:
        self.archived_at = None
        self._save("archived_at", by, why)

    def _save(self, name: str, by: User, why: str) -> None:
        with changes_by(by, why):
            self.save(update_fields=[name])

    def _beside(self, scan_number: int) -> Pattern:
        return Pattern.objects.create(
            file=self.file,
            scan_number=scan_number,
            name=self.name,
            sample=self.sample,
            project=self.project,
            kind=self.kind,
            simulated=self.simulated,
            uploaded_by=self.uploaded_by,
        )
