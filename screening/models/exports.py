"""Exports of frozen data sets and what came in from other labs, as jobs; and what an export says, taken down once."""

from __future__ import annotations

import re
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.core.files.base import File
from django.db import IntegrityError, models, transaction
from django.db.models import Exists, OuterRef, Q, Sum
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mlmodels.export import parquet
from mlmodels.export.contents import ExportRefused
from mlmodels.export.packing import sha256_of
from mlmodels.export.writing import Wanted
from mlmodels.models import Dataset, DatasetEntry
from samples.models import PatternFile, Reading
from samples.models.projects import hidden_from, seen_by
from samples.models.unchanging import Unchanging
from samples.originals import safe_name
from samples.store import store
from screening.bell import ring_jobs_on_commit
from screening.models.jobs import Job, JobQuerySet

FOLDER = "exports"
"""In the store."""
RECORD_PART = 4_000_000
"""Bytes of a record in one row, before they are compressed."""
SPARE_ROOM = 200_000_000
"""Bytes that an export leaves free on the disk."""
BYTES_A_POINT, BYTES_A_PATTERN = 8, 14_000
"""At most, in HDF5; the grid and the columns are in the second."""


class DatasetRecordQuerySet(models.QuerySet["DatasetRecord"]):
    def keep(self, dataset: Dataset, name: str, content: Iterable[bytes]) -> None:
        """Store ``content``, which comes line by line, in rows of about RECORD_PART."""
        number, part = 0, bytearray()
        for line in content:
            part += line
            if len(part) >= RECORD_PART:
                self.create(dataset=dataset, name=name, number=number, content=zlib.compress(part))
                number, part = number + 1, bytearray()
        if part or not number:
            self.create(dataset=dataset, name=name, number=number, content=zlib.compress(part))

    def read(self, dataset: Dataset, name: str) -> Iterator[bytes]:
        """The parts of a record, in order."""
        rows = self.filter(dataset=dataset, name=name).order_by("number")
        for content in rows.values_list("content", flat=True).iterator(chunk_size=1):
            yield zlib.decompress(content)


class DatasetRecord(Unchanging):
    """A piece of what every export of a set says of its samples and labels.

    Taken down at the first export, or as it came from another lab: a sample may be corrected later, a frozen set stays.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="records", verbose_name=_("data set"))
    name = models.CharField(_("part"), max_length=40)
    number = models.PositiveSmallIntegerField(_("number"))
    content = models.BinaryField(editable=False)  # zlib

    objects = DatasetRecordQuerySet.as_manager()

    class Meta:
        verbose_name = _("record of a data set")
        verbose_name_plural = _("records of data sets")
        ordering = ["dataset", "name", "number"]
        constraints = [models.UniqueConstraint(fields=["dataset", "name", "number"], name="one_record_a_number")]

    def __str__(self) -> str:
        return f"{self.dataset}: {self.name}"


class DatasetExportQuerySet(JobQuerySet["DatasetExport"]):
    def visible_to(self, person: AbstractBaseUser | AnonymousUser) -> DatasetExportQuerySet:
        """Of sets that this person may see whole, today: projects close, and people leave them."""
        closed = DatasetEntry.objects.filter(_closed_to(person), dataset=OuterRef("dataset"))
        return self.filter(~Exists(closed)) if hidden_from(person) else self

    def standing(self) -> DatasetExportQuerySet:
        """Made or being made."""
        return self.filter(removed_at=None).exclude(state=Job.State.FAILED)

    def ask(self, dataset: Dataset, by: User, wanted: Wanted) -> DatasetExport:
        """The export of ``dataset`` with these parts, made or being made: asked for twice, it is one.

        ExportRefused says why there is none.
        """
        check_exportable(dataset, by)
        check_installed(wanted)
        parts = {"dataset": dataset, "with_parquet": wanted.parquet, "with_originals": wanted.originals}
        here = self.standing().filter(**parts).first()
        if here and here.state == Job.State.DONE and not store.exists(here.stored_name):
            here.remove()
            here = None
        if here:
            return here
        check_room(dataset, wanted)
        try:
            with transaction.atomic():
                made = self.create(**parts, n_total=dataset.n_entries, asked_by=by, name=f"{stem_of(dataset)}.eln")
                store.reserve(made.folder)
                ring_jobs_on_commit()
            return made
        except IntegrityError:  # somebody asked in the same moment
            return self.standing().get(**parts)

    def remove_old(self) -> None:
        """Take the files of exports that nobody needs any more from the disk; the rows stay."""
        if not store.is_there():  # another host has them
            return
        since = timezone.now() - timedelta(days=settings.KEEP_EXPORTS_DAYS)
        for export in self.filter(state=Job.State.DONE, removed_at=None, finished_at__lt=since):
            export.remove()


class DatasetExport(Job):
    """One export of a frozen set: a job first, then a file to download, until it is removed.

    name: of the file · size: bytes · parts: path, size, sha256 and what it is, of each
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="exports", verbose_name=_("data set"))
    with_parquet = models.BooleanField(_("Parquet"), default=False)
    with_originals = models.BooleanField(_("original files"), default=False)
    name = models.CharField(_("file name"), max_length=200, editable=False)
    size = models.PositiveBigIntegerField(_("size (bytes)"), default=0, editable=False)
    sha256 = models.CharField("SHA-256", max_length=64, blank=True, editable=False)
    parts = models.JSONField(_("parts"), default=list, editable=False)
    removed_at = models.DateTimeField(_("removed at"), null=True, editable=False)

    objects = DatasetExportQuerySet.as_manager()

    class Meta:
        verbose_name = _("export of a data set")
        verbose_name_plural = _("exports of data sets")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "with_parquet", "with_originals"],
                condition=Q(removed_at=None) & ~Q(state="failed"),
                name="one_export_of_a_kind",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("screening:export-list", args=[self.dataset_id])

    @property
    def wanted(self) -> Wanted:
        return Wanted(parquet=self.with_parquet, originals=self.with_originals)

    @property
    def folder(self) -> str:
        return f"{FOLDER}/{self.pk}"

    @property
    def stored_name(self) -> str:
        return f"{self.folder}/{self.name}"

    @property
    def can_be_downloaded(self) -> bool:
        return self.state == self.State.DONE and self.removed_at is None

    @property
    def is_there(self) -> bool:
        return self.can_be_downloaded and store.exists(self.stored_name)

    @property
    def kept_until(self) -> datetime | None:
        return self.finished_at and self.finished_at + timedelta(days=settings.KEEP_EXPORTS_DAYS)

    @property
    def shown_parts(self) -> list[dict[str, Any]]:
        """Each with what it is in the reader's language."""
        said = [part["says"] for part in self.parts]
        return [{**part, "about": gettext(words)} for part, words in zip(self.parts, said, strict=True)]

    @property
    def is_within_reach(self) -> bool:
        """A host that does not see the place that was reserved does not share the lab's files."""
        return store.is_reserved(self.folder)

    def work(self, between: Callable[[], None]) -> dict[str, Any]:
        from screening.exports.rows import write_export  # it knows the models

        with store.making(self.stored_name) as path:
            parts = write_export(self.dataset, path, self.wanted, self.noting(between))
            said = {"size": path.stat().st_size, "sha256": sha256_of(path)}
        shown = [{"path": part.path, "size": part.size, "sha256": part.sha256, "says": part.says} for part in parts]
        return {**said, "parts": shown}

    def remove(self) -> None:
        """Take the file from the disk; asked for again, it is made again, bit by bit the same."""
        self._row().update(removed_at=timezone.now())
        store.remove_all(self.folder)


class DatasetImportQuerySet(JobQuerySet["DatasetImport"]):
    def receive(self, file: File[bytes], by: User) -> DatasetImport:
        """Put an export from another lab aside, to be taken in."""
        with transaction.atomic():
            made = self.create(asked_by=by, name=safe_name(file.name or ""), file=f"{FOLDER}/{uuid4().hex}.eln")
            store.take_in(file, made.file)
            ring_jobs_on_commit()
        return made


class DatasetImport(Job):
    """One export of another lab on its way in. dataset: what it became, or was here already (``known``)"""

    name = models.CharField(_("file name"), max_length=255, editable=False)
    file = models.CharField(_("file"), max_length=200, editable=False)
    dataset = models.ForeignKey(
        Dataset, on_delete=models.PROTECT, null=True, related_name="imports", verbose_name=_("data set"), editable=False
    )
    known = models.BooleanField(_("was here already"), default=False, editable=False)

    objects = DatasetImportQuerySet.as_manager()

    class Meta:
        verbose_name = _("import of a data set")
        verbose_name_plural = _("imports of data sets")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_within_reach(self) -> bool:
        return store.exists(self.file)

    def work(self, between: Callable[[], None]) -> dict[str, Any]:
        from screening.exports.taking_in import take_in  # it knows the models

        with store.at_hand(self.file) as path:
            taken = take_in(path, self.asked_by, self.noting(between))
        store.delete(self.file)
        return {"dataset": taken.dataset, "known": taken.known, "n_done": taken.dataset.n_entries}


def check_exportable(dataset: Dataset, by: User | None = None) -> None:
    """ExportRefused where ``dataset`` is no frozen set, or holds what ``by`` may not see; None is who runs the computer."""
    if not dataset.is_frozen:
        raise ExportRefused(
            "%(name)s is a draft. Freeze it first: only what cannot change is exported.", name=str(dataset)
        )
    if not dataset.n_entries:
        raise ExportRefused("%(name)s has no entries, so there is nothing to export.", name=str(dataset))
    if by and not is_seen_whole(dataset, by):
        raise ExportRefused(
            "%(name)s holds patterns of a project that is closed to you. Ask one of its members to export it.",
            name=str(dataset),
        )


def check_installed(wanted: Wanted) -> None:
    if wanted.parquet and not parquet.is_installed():
        raise ExportRefused(
            "Parquet needs the package pyarrow, which this installation lacks: pip install -r requirements-export.txt. "
            "Or leave Parquet out."
        )


def is_seen_whole(dataset: Dataset, by: User) -> bool:
    """Whether ``by`` may see every pattern of the set."""
    return not dataset.entries.filter(_closed_to(by)).exists()


def _closed_to(person: AbstractBaseUser | AnonymousUser) -> Q:
    """Entries of patterns in projects that are closed to ``person``."""
    return ~seen_by(person, *DatasetEntry.objects.all().project_paths) if hidden_from(person) else Q(pk__in=[])


def check_room(dataset: Dataset, wanted: Wanted, folder: Path | None = None) -> None:
    """ExportRefused where the disk of ``folder``, or of the lab's files, is too full to begin."""
    needed = room_for(dataset, wanted)
    free = shutil.disk_usage(folder or store.work_folder).free
    if needed + SPARE_ROOM > free:
        raise ExportRefused(
            "The export needs up to %(needed)s MB while it is made, and the disk has %(free)s MB left. Free some, or leave "
            "parts out.",
            needed=(needed + SPARE_ROOM) // 1_000_000,
            free=free // 1_000_000,
        )


def room_for(dataset: Dataset, wanted: Wanted) -> int:
    """Bytes, at most: the parts, and the archive that they are packed into."""
    readings = Reading.objects.filter(dataset_entries__dataset=dataset)
    n_points = readings.aggregate(n=Sum("n_points"))["n"] or 0
    numbers = n_points * BYTES_A_POINT + dataset.n_entries * BYTES_A_PATTERN
    files = PatternFile.objects.filter(patterns__readings__dataset_entries__dataset=dataset).distinct()
    originals = files.aggregate(n=Sum("size"))["n"] or 0 if wanted.originals else 0
    return 2 * (numbers * (1 + wanted.parquet) + originals)


def stem_of(dataset: Dataset) -> str:
    """A file name that every system takes, without its ending."""
    plain = slugify(dataset.name, allow_unicode=True) or "data-set"
    return f"{re.sub('-+', '-', plain)[:60]}-v{dataset.version}"
