"""Imports of spreadsheets: the file as it came, its rows as they were checked, and what each import made and changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, models, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from samples.models.acts import changes_by
from samples.models.projects import Viewer, hidden_from
from samples.models.samples import Sample
from samples.originals import Original, keep, safe_name
from samples.sentences import translated
from samples.xrd.sentences import Sentence

ROWS_AT_ONCE = 1000


class SheetImportQuerySet(models.QuerySet["SheetImport"]):
    def visible_to(self, person: Viewer) -> SheetImportQuerySet:
        """All of them, but for whom a project is closed: those see their own, because a sheet tells of samples before they are any."""
        return self.filter(received_by=person.pk) if hidden_from(person) else self

    def imported(self) -> SheetImportQuerySet:
        """Those whose rows stand in the lab now."""
        return self.filter(committed_at__isnull=False, undone_at=None)

    def kept(self) -> SheetImportQuerySet:
        return self.filter(trashed_at=None)

    def trashed(self) -> SheetImportQuerySet:
        """Thrown away before they were imported."""
        return self.filter(trashed_at__isnull=False, committed_at=None)

    def receive(self, content: bytes, *, name: str, by: User) -> SheetImport:
        """Keep the file as it came; nothing of it is in the lab yet."""
        original = keep(content, folder="sheets")
        return self.create(
            name=safe_name(name), sha256=original.sha256, content=original.name, size=original.size, received_by=by
        )


class SheetImport(models.Model):
    """One spreadsheet on its way into the lab: received, checked, imported as a whole, and perhaps undone."""

    class Empty(models.TextChoices):
        KEEP = "keep", _("leave what the lab has")
        CLEAR = "clear", _("empty the field")

    name = models.CharField(_("file name"), max_length=255)
    sha256 = models.CharField("SHA-256", max_length=64, db_index=True, editable=False)
    content = models.FileField(_("original bytes"), upload_to="sheets/", editable=False)
    size = models.PositiveBigIntegerField(_("size (bytes)"), editable=False)
    layout = models.JSONField(_("columns"), default=dict, editable=False)
    empty_cells = models.CharField(_("empty cells"), max_length=5, choices=Empty, default=Empty.KEEP)
    received_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("received from")
    )
    received_at = models.DateTimeField(_("received at"), auto_now_add=True)
    checked_at = models.DateTimeField(_("checked at"), null=True, editable=False)
    n_made = models.PositiveIntegerField(_("new samples"), default=0, editable=False)
    n_changed = models.PositiveIntegerField(_("changed samples"), default=0, editable=False)
    committed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("imported by"),
        editable=False,
    )
    committed_at = models.DateTimeField(_("imported at"), null=True, editable=False)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("undone by"),
        editable=False,
    )
    undone_at = models.DateTimeField(_("undone at"), null=True, editable=False)

    trashed_at = models.DateTimeField(_("put into the trash at"), null=True, editable=False)

    objects = SheetImportQuerySet.as_manager()

    class Meta:
        verbose_name = _("spreadsheet import")
        verbose_name_plural = _("spreadsheet imports")
        ordering = ["-received_at", "-pk"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("samples:sheet", args=[self.pk])

    @property
    def original(self) -> Original:
        return Original(self.sha256, str(self.content.name), self.size)

    def same_file_imported(self) -> SheetImport | None:
        """An import of the same bytes that stands."""
        others = SheetImport.objects.imported().filter(sha256=self.sha256).exclude(pk=self.pk)
        return others.select_related("committed_by").first()

    # The three steps; what they need knows the forms, and those know the models: imported when it is called.

    def check_rows(self, rows: Sequence[SheetRow]) -> None:
        """Compare these lines of the file with the lab, and keep them with what was found."""
        from samples.sheets.checking import check

        found = check(rows, by=self.received_by, clears=self.empty_cells == self.Empty.CLEAR)
        for row in rows:
            row.pk, row.sheet_import = None, self
        with transaction.atomic():
            self.rows.all()._raw_delete(self.rows.db)
            SheetRow.objects.bulk_create(rows, batch_size=ROWS_AT_ONCE)
            self.n_made = sum(proposal.is_new for proposal in found.right)
            self.n_changed = sum(not proposal.is_new for proposal in found.right)
            self.checked_at = timezone.now()
            self.save()

    def commit(self, *, by: User) -> bool:
        """Write all that is right, whole or not at all; False where that was done before.

        What somebody saved since the rows were checked is marked and left as it stands.
        """
        from samples.sheets.checking import check
        from samples.sheets.writing import write, write_over

        for attempt in (1, 2):
            try:
                with changes_by(by, f"{self} (import {self.pk})"):
                    unclaimed = SheetImport.objects.kept().filter(
                        pk=self.pk, committed_at=None, checked_at__isnull=False
                    )
                    if not unclaimed.update(committed_at=timezone.now(), committed_by=by):
                        return False
                    rows = list(self.rows.all())
                    found = check(rows, by=by, clears=self.empty_cells == self.Empty.CLEAR, as_seen=True, locked=True)
                    changes = write(found.right, by=by, sheet_import=self)
                    write_over(SheetRow, rows, ["state", "problems", "before", "note"])
                    self.refresh_from_db()
                    self.n_made = sum(change.made for change in changes)
                    self.n_changed = len(changes) - self.n_made
                    self.save(update_fields=["n_made", "n_changed"])
                return True
            except IntegrityError:  # somebody logged one of the codes in this moment: now it is seen
                if attempt == 2:
                    raise
        return False

    def trash(self) -> bool:
        """Throw it away before it is imported; False where it is imported, and undone instead."""
        return SheetImport.objects.filter(pk=self.pk, committed_at=None).update(trashed_at=timezone.now()) == 1

    def restore(self) -> None:
        SheetImport.objects.filter(pk=self.pk).update(trashed_at=None)

    @transaction.atomic
    def purge(self) -> None:
        """Out of the trash for good, with its file: nothing of it ever stood in the lab."""
        locked = SheetImport.objects.trashed().select_for_update().filter(pk=self.pk).first()
        if locked is None:
            return
        locked.rows.all()._raw_delete(locked.rows.db)
        locked.delete()
        if not SheetImport.objects.filter(sha256=locked.sha256).exists():
            transaction.on_commit(lambda: locked.content.storage.delete(str(locked.content.name)))

    def undo(self, *, by: User, why: str = "") -> bool:
        """Take back what this import wrote and nobody changed since; False where there is nothing to take back."""
        from samples.sheets.writing import take_back

        with changes_by(by, ": ".join(filter(None, [f"{self} (import {self.pk})", why]))):
            standing = SheetImport.objects.imported().filter(pk=self.pk)
            if not standing.update(undone_at=timezone.now(), undone_by=by):
                return False
            take_back(self, by=by)
        self.refresh_from_db()
        return True


class SheetRow(models.Model):
    """One line of a spreadsheet as it was checked.

    cells: column → text; problems: column → sentences on what is wrong with its cell; before: column → text that stands in the lab;
    edition: of the sample when the row was checked
    """

    class State(models.TextChoices):
        NEW = "new", _("new")
        CHANGED = "changed", _("changed")
        UNCHANGED = "unchanged", _("unchanged")
        WRONG = "wrong", _("wrong")
        CONFLICT = "conflict", _("saved by another")

    LEFT_OUT = (State.WRONG, State.CONFLICT)

    sheet_import = models.ForeignKey(SheetImport, on_delete=models.PROTECT, related_name="rows")
    table = models.CharField(_("table"), max_length=10)
    line = models.PositiveIntegerField(_("row"))
    state = models.CharField(_("state"), max_length=10, choices=State)
    cells = models.JSONField(_("cells"))
    problems = models.JSONField(_("what is wrong"), default=dict)
    before = models.JSONField(_("before"), default=dict)
    note = models.JSONField(_("note"), null=True)
    edition = models.PositiveIntegerField(_("edition"), null=True)

    class Meta:
        verbose_name = _("row of a spreadsheet")
        verbose_name_plural = _("rows of spreadsheets")
        ordering = ["sheet_import", "table", "line"]
        indexes = [models.Index(fields=["sheet_import", "table", "state", "line"], name="sheet_rows_by_state")]

    def __str__(self) -> str:
        return f"{self.table} {self.line}"

    @property
    def is_left_out(self) -> bool:
        return self.state in self.LEFT_OUT

    def refuse(self, column: str, *said: Sentence) -> None:
        """Say what is wrong with a cell; the same is said once."""
        known = self.problems.setdefault(column, [])
        known.extend(one for one in (each.as_json() for each in said) if one not in known)

    def why(self, column: str) -> str:
        """What is wrong with a cell, in the language of the reader."""
        return " ".join(translated(one) for one in self.problems.get(column, ()))


class SheetChange(models.Model):
    """What an import did to one sample.

    before: its fields, steps and masses; None where the import made it; edition: that the import left it with
    """

    sheet_import = models.ForeignKey(SheetImport, on_delete=models.PROTECT, related_name="changes")
    sample = models.ForeignKey(Sample, on_delete=models.PROTECT, related_name="+", verbose_name=_("sample"))
    made = models.BooleanField(_("made"))
    before = models.JSONField(_("before"), null=True, encoder=DjangoJSONEncoder)
    edition = models.PositiveIntegerField(_("edition"))
    left = models.JSONField(_("why it was left as it is"), null=True)

    class Meta:
        verbose_name = _("change by an import")
        verbose_name_plural = _("changes by imports")
        ordering = ["sheet_import", "pk"]
        constraints = [models.UniqueConstraint(fields=["sheet_import", "sample"], name="one_change_a_sample")]

    def __str__(self) -> str:
        return str(self.sample_id)

    @property
    def before_rows(self) -> dict[str, Any]:
        """``before``, empty where the import made the sample."""
        return self.before or {}


class SheetColumns(models.Model):
    """What people said about a set of headings, for the next file that has the same."""

    key = models.CharField(_("headings"), max_length=64, unique=True)
    columns = models.JSONField(_("columns"))
    said_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("said by")
    )
    said_at = models.DateTimeField(_("said at"), auto_now=True)

    class Meta:
        verbose_name = _("columns of a spreadsheet")
        verbose_name_plural = _("columns of spreadsheets")

    def __str__(self) -> str:
        return self.key[:12]
