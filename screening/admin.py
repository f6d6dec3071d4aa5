"""Runs, results and workers in the admin: all of it evidence or machinery, so all of it to look at only."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from samples.admin import RowsInline, WrittenOnceAdmin
from samples.sentences import translated
from screening.models import (
    ArchiveScreening,
    Candidate,
    EvidenceFile,
    FollowUp,
    LatticeMeasurement,
    ObservedPhase,
    Outcome,
    PromotionAnswer,
    PromotionRequest,
    Proof,
    ReceivedPattern,
    ReferencePhase,
    Review,
    ScreeningResult,
    ScreeningRun,
    WorkerHeartbeat,
)


class ReceivedPatternInline(RowsInline):
    model = ReceivedPattern
    fields = readonly_fields = ("pattern", "known")


@admin.register(ScreeningRun)
class ScreeningRunAdmin(WrittenOnceAdmin):
    list_display = ("__str__", "started_by", "started_at", "results")
    list_filter = ("why", "started_at")
    search_fields = ("started_by__username", "patterns__name")
    list_select_related = ("started_by",)
    date_hierarchy = "started_at"
    inlines = (ReceivedPatternInline,)

    @admin.display(description=_("results"))
    def results(self, run: ScreeningRun) -> SafeString:
        address = reverse("admin:screening_screeningresult_changelist")
        return format_html('<a href="{}?run__id__exact={}">{}</a>', address, run.pk, _("results"))


@admin.register(ScreeningResult)
class ScreeningResultAdmin(WrittenOnceAdmin):
    list_display = ("reading", "state", "level", "probability", "quasilattice_constant", "model_version", "finished_at")
    list_filter = ("state", "level", "model_version", "priority", "device")
    search_fields = ("reading__pattern__name", "reading__pattern__sample__code", "reading__pattern__file__sha256")
    list_select_related = ("reading__pattern", "model_version")
    date_hierarchy = "queued_at"
    exclude = ("reason",)
    readonly_fields = ("pattern", "why_not")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ScreeningResult]:
        return super().get_queryset(request).defer("evidence")

    @admin.display(description=_("pattern"))
    def pattern(self, result: ScreeningResult) -> SafeString:
        pattern = result.reading.pattern
        return format_html('<a href="{}">{}</a>', reverse("screening:pattern", args=[pattern.pk]), pattern)

    @admin.display(description=_("why not"))
    def why_not(self, result: ScreeningResult) -> str:
        return translated(result.reason)


@admin.register(WorkerHeartbeat)
class WorkerHeartbeatAdmin(WrittenOnceAdmin):
    list_display = ("__str__", "device", "started_at", "beat_at")


@admin.register(Candidate)
class CandidateAdmin(WrittenOnceAdmin):
    list_display = ("result", "level", "drawn", "inclusion_probability", "entered_at", "claimed_by", "closed_at")
    list_filter = ("level", "drawn", ("closed_at", admin.EmptyFieldListFilter))
    list_select_related = ("result__reading__pattern", "claimed_by")
    search_fields = ("result__reading__pattern__name", "result__reading__pattern__sample__code", "system_key")


@admin.register(Review)
class ReviewAdmin(WrittenOnceAdmin):
    list_display = ("number", "result", "verdict", "phase_name", "signer", "signed_at", "blind")
    list_filter = ("verdict", "blind", "signed_at")
    list_select_related = ("result__reading__pattern", "signer")
    search_fields = ("result__reading__pattern__name", "result__reading__pattern__sample__code", "reason", "phase_name")
    date_hierarchy = "signed_at"


@admin.register(ReferencePhase)
class ReferencePhaseAdmin(WrittenOnceAdmin):
    list_display = ("name", "formula", "space_group", "brought_by", "brought_at", "archived_at")
    search_fields = ("name", "formula", "sha256")
    list_select_related = ("brought_by",)
    exclude = ("sticks",)


class ObservedPhaseInline(RowsInline):
    model = ObservedPhase
    fields = readonly_fields = ("technique", "composition_text", "structure", "share", "notes")


class LatticeMeasurementInline(RowsInline):
    model = LatticeMeasurement
    fields = readonly_fields = ("technique", "value", "unit", "convention", "quasilattice_constant", "notes")


@admin.register(FollowUp)
class FollowUpAdmin(WrittenOnceAdmin):
    list_display = ("__str__", "state", "assigned_to", "due_on", "opened_by", "opened_at", "closed_at")
    list_filter = ("state", "assigned_to", "due_on")
    list_select_related = ("sample", "assigned_to", "opened_by")
    search_fields = ("sample__code", "question", "reference")
    date_hierarchy = "opened_at"
    inlines = (ObservedPhaseInline, LatticeMeasurementInline)


@admin.register(Outcome)
class OutcomeAdmin(WrittenOnceAdmin):
    list_display = ("number", "sample", "technique", "verdict", "signer", "signed_at", "amends")
    list_filter = ("verdict", "technique", "signed_at")
    list_select_related = ("sample", "signer", "amends")
    search_fields = ("sample__code", "reason")
    date_hierarchy = "signed_at"


@admin.register(EvidenceFile)
class EvidenceFileAdmin(WrittenOnceAdmin):
    list_display = ("name", "follow_up", "technique", "size", "thumbnail_state", "added_by", "added_at", "archived_at")
    list_filter = ("thumbnail_state", "technique")
    list_select_related = ("follow_up__sample", "added_by")
    search_fields = ("name", "sha256", "caption", "follow_up__sample__code")
    exclude = ("file", "trouble")


@admin.register(ArchiveScreening)
class ArchiveScreeningAdmin(WrittenOnceAdmin):
    list_display = ("__str__", "version", "n_readings", "paused_at", "stopped_at", "finished_at")
    list_select_related = ("run", "version")


@admin.register(Proof)
class ProofAdmin(WrittenOnceAdmin):
    list_display = ("candidate", "production", "state", "started_by", "started_at", "finished_at")
    list_filter = ("state",)
    list_select_related = ("candidate", "production", "started_by")
    exclude = ("parts", "reason", "lease")


class PromotionAnswerInline(RowsInline):
    model = PromotionAnswer
    fields = readonly_fields = ("number", "signed_at", "signer", "verdict", "meaning", "reason")


@admin.register(PromotionRequest)
class PromotionRequestAdmin(WrittenOnceAdmin):
    list_display = ("number", "proof", "signer", "signed_at", "reason")
    list_select_related = ("proof__candidate", "proof__production", "signer")
    inlines = (PromotionAnswerInline,)
