"""Zip archives that came in with a run, and how far they are taken out."""

from __future__ import annotations

import time
from uuid import uuid4
from zipfile import ZipInfo

from django.core.files.base import File
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from samples.models import Receipt, Sample
from samples.originals import safe_name
from samples.store import store
from samples.xrd.sentences import PatternFileError
from screening.matching import SampleMatcher
from screening.models.received import PATH_LENGTH
from screening.models.runs import ScreeningRun
from screening.packed_files import PackedFiles, is_packed_folder


class PackedFolderQuerySet(models.QuerySet["PackedFolder"]):
    def unfinished(self) -> PackedFolderQuerySet:
        return self.filter(n_taken__lt=models.F("n_files"), run__undone_at=None)

    def on_disk(self) -> PackedFolderQuerySet:
        """Those whose archive is still needed; once all was taken out, it is gone."""
        return self.filter(n_taken__lt=models.F("n_files"))

    def pack(self, run: ScreeningRun, file: File[bytes], *, sample: Sample | None) -> PackedFolder | None:
        """Put a zip archive of many files aside, to be taken out; None where ``file`` is not one.

        PatternFileError where it breaks a limit; then nothing is kept.
        """
        name = safe_name(file.name or "")
        if not is_packed_folder(file):
            if name.lower().endswith(".zip"):
                raise PatternFileError("The file is no zip archive, or it was cut off on its way. Send it again.")
            return None
        with PackedFiles(file) as packed:
            folder = PackedFolder(run=run, name=name, sample=sample, n_files=len(packed.members))
        file.seek(0)
        folder.content.name = f"archives/{uuid4().hex}.zip"
        store.take_in(file, folder.content.name)
        folder.save()
        return folder


class PackedFolder(models.Model):
    """A zip archive of a run, kept until all that is in it was taken out: the files in it count, not the archive.

    n_files: that it holds; n_taken: that were received or refused
    """

    run = models.ForeignKey(
        ScreeningRun, on_delete=models.PROTECT, related_name="packed", verbose_name=_("screening run")
    )
    name = models.CharField(_("file name"), max_length=255)
    content = models.FileField(_("archive"), upload_to="archives/", editable=False)
    sample = models.ForeignKey(
        Sample, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("sample")
    )
    n_files = models.PositiveIntegerField(_("files"))
    n_taken = models.PositiveIntegerField(_("files taken out"), default=0)

    objects = PackedFolderQuerySet.as_manager()

    class Meta:
        verbose_name = _("packed folder")
        verbose_name_plural = _("packed folders")
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.name

    def take_out(self, matcher: SampleMatcher, seconds: float) -> list[Receipt]:
        """Receive the next files, for about so many seconds.  Two who do it at once find the same files, once each."""
        until = time.monotonic() + seconds
        receipts: list[Receipt] = []
        try:
            archive = store.open(str(self.content.name))
        except FileNotFoundError:
            if PackedFolder.objects.on_disk().filter(pk=self.pk).exists():
                raise  # of this host or for good: the rest is not given up
            return receipts  # somebody else took out the rest meanwhile
        with archive, PackedFiles(archive) as packed:
            for number, member in enumerate(packed.members[self.n_taken :], start=self.n_taken + 1):
                receipts.append(self._receive(packed, member, number, matcher))
                if time.monotonic() > until:
                    break
        if self.n_taken == self.n_files:
            store.delete(str(self.content.name))
        return receipts

    @transaction.atomic
    def _receive(self, packed: PackedFiles, member: ZipInfo, number: int, matcher: SampleMatcher) -> Receipt:
        path = f"{self.name}/{packed.path_of(member)}"[-PATH_LENGTH:]
        try:
            receipt = self.run.receive(packed.read(member), name=path, path=path, sample=self.sample, matcher=matcher)
        except PatternFileError as error:
            self.run.refuse(path, error.sentence)
            receipt = Receipt(path, failure=error.sentence)
        self.n_taken = number
        PackedFolder.objects.filter(pk=self.pk, n_taken__lt=number).update(n_taken=number)  # a slower one was elsewhere
        return receipt
