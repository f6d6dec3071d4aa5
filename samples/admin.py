"""The things of the lab in the admin: to search and to look at; what is evidence cannot be deleted or rewritten here."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from samples.models import (
    AlloySystem,
    Change,
    Comment,
    Pattern,
    PatternFile,
    Project,
    Reading,
    Sample,
    SampleElement,
    SheetImport,
    SynthesisStep,
    WeighedMass,
)


class KeptAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows that stay: none is deleted here."""

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class WrittenOnceAdmin(KeptAdmin):
    """Rows that are written by the lab's pages alone: here they are looked at."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class RowsInline(admin.TabularInline):  # type: ignore[type-arg]
    """Rows of a sample as they stand; they are changed on the sample's page, whose edition guards them."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class StepInline(RowsInline):
    model = SynthesisStep


class MassInline(RowsInline):
    model = WeighedMass


@admin.register(AlloySystem)
class AlloySystemAdmin(KeptAdmin):
    list_display = ["name", "key", "samples_link", "made_at"]
    search_fields = ["name", "key"]
    readonly_fields = ["key", "made_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # the first sample of a set of elements makes its system

    @admin.display(description=_("samples"))
    def samples_link(self, system: AlloySystem) -> SafeString:
        address = reverse("admin:samples_sample_changelist")
        return format_html('<a href="{}?system__id__exact={}">{}</a>', address, system.pk, _("show"))


@admin.register(Sample)
class SampleAdmin(WrittenOnceAdmin):
    """To look at: a sample is changed on its own page, where two people cannot overwrite each other."""

    list_display = ["code", "composition", "system", "parent", "made_by", "made_at", "used_up", "simulated", "page"]
    list_filter = ["system", "composition_sum", "used_up", "simulated", ("archived_at", admin.EmptyFieldListFilter)]
    list_select_related = ["system", "parent", "made_by"]
    search_fields = ["code", "composition", "composition_text", "system__name", "place", "notes"]
    date_hierarchy = "made_at"
    inlines = [MassInline, StepInline]

    @admin.display(description=_("page"))
    def page(self, sample: Sample) -> SafeString:
        return format_html('<a href="{}">{}</a>', sample.get_absolute_url(), _("open"))


class OfSampleAdmin(WrittenOnceAdmin):
    list_select_related = ["sample"]
    search_fields = ["sample__code"]


@admin.register(SynthesisStep)
class SynthesisStepAdmin(OfSampleAdmin):
    list_display = ["sample", "position", "kind", "temperature", "duration", "atmosphere", "quench", "done_on"]
    list_filter = ["kind", "quench"]
    search_fields = ["sample__code", "atmosphere", "done_by", "notes"]


@admin.register(WeighedMass)
class WeighedMassAdmin(OfSampleAdmin):
    list_display = ["sample", "position", "substance", "mass", "purity", "lot"]
    list_filter = ["substance"]
    search_fields = ["sample__code", "substance", "lot"]


@admin.register(SampleElement)
class SampleElementAdmin(OfSampleAdmin):
    list_display = ["sample", "element", "amount"]
    list_filter = ["element"]


@admin.register(PatternFile)
class PatternFileAdmin(WrittenOnceAdmin):
    list_display = ["sha256", "size", "received_at"]
    search_fields = ["sha256", "patterns__name"]
    date_hierarchy = "received_at"


class ReadingInline(RowsInline):
    model = Reading
    fields = ("number", "reader", "wavelength", "wavelength_assumed", "n_points", "reason", "made_by", "made_at")
    readonly_fields = fields
    fk_name = "pattern"
    show_change_link = True


@admin.register(Pattern)
class PatternAdmin(WrittenOnceAdmin):
    list_display = ["name", "scan_number", "sample", "kind", "simulated", "uploaded_by", "uploaded_at", "page"]
    list_filter = (
        "kind",
        "simulated",
        ("archived_at", admin.EmptyFieldListFilter),
        ("sample", admin.EmptyFieldListFilter),
    )
    list_select_related = ["sample", "uploaded_by"]
    search_fields = ["name", "sample__code", "file__sha256"]
    date_hierarchy = "uploaded_at"
    inlines = [ReadingInline]

    @admin.display(description=_("page"))
    def page(self, pattern: Pattern) -> SafeString:
        return format_html('<a href="{}">{}</a>', reverse("screening:pattern", args=[pattern.pk]), _("open"))


@admin.register(Reading)
class ReadingAdmin(WrittenOnceAdmin):
    """Without its arrays, which no person reads as numbers on a page."""

    list_display = ["pattern", "number", "reader", "wavelength", "wavelength_assumed", "n_points", "made_by", "made_at"]
    list_filter = ["reader", "wavelength_assumed", "radiation"]
    list_select_related = ["pattern", "made_by"]
    search_fields = ["pattern__name", "pattern__sample__code", "instrument"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("metadata", "warnings")


@admin.register(SheetImport)
class SheetImportAdmin(WrittenOnceAdmin):
    list_display = ["name", "received_by", "received_at", "n_made", "n_changed", "committed_at", "undone_at", "page"]
    list_filter = [("committed_at", admin.EmptyFieldListFilter), ("undone_at", admin.EmptyFieldListFilter)]
    list_select_related = ["received_by"]
    search_fields = ["name", "sha256"]
    date_hierarchy = "received_at"

    @admin.display(description=_("page"))
    def page(self, received: SheetImport) -> SafeString:
        return format_html('<a href="{}">{}</a>', received.get_absolute_url(), _("open"))


@admin.register(Project)
class ProjectAdmin(WrittenOnceAdmin):
    list_display = ["name", "key", "is_closed", "made_by", "made_at", "archived_at"]
    list_filter = ["is_closed", ("archived_at", admin.EmptyFieldListFilter)]
    list_select_related = ["made_by"]
    search_fields = ["name", "key", "notes"]
    date_hierarchy = "made_at"


@admin.register(Comment)
class CommentAdmin(WrittenOnceAdmin):
    list_display = ["thing", "text", "written_by", "written_at", "changed_at", "withdrawn_at"]
    list_filter = [("withdrawn_at", admin.EmptyFieldListFilter)]
    list_select_related = ["sample", "pattern", "written_by"]
    search_fields = ["text", "written_by__username", "sample__code", "pattern__name"]
    date_hierarchy = "written_at"


@admin.register(Change)
class ChangeAdmin(WrittenOnceAdmin):
    """For superusers: the history of everything, also of what is not theirs to see on the pages."""

    list_display = ["at", "thing", "thing_id", "sample", "by", "why"]
    list_filter = ["thing"]
    list_select_related = ["sample", "by"]
    search_fields = ["why", "by__username", "sample__code"]
    date_hierarchy = "at"
