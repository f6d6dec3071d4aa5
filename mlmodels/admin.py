"""Model versions and data sets in the admin: to look at; promoting and freezing have their own pages and records."""

from __future__ import annotations

from django.contrib import admin

from mlmodels.models import Dataset, DatasetChoice, ModelVersion, Promotion, TrainerHeartbeat, TrainingRun
from samples.admin import RowsInline, WrittenOnceAdmin


class PromotionInline(RowsInline):
    model = Promotion
    fk_name = "version"
    fields = readonly_fields = ("number", "signed_at", "signer", "former", "meaning", "reason")


@admin.register(ModelVersion)
class ModelVersionAdmin(WrittenOnceAdmin):
    list_display = ("name", "state", "thresholds_version", "made_at", "promoted_at")
    list_filter = ("state",)
    search_fields = ("name", "sha256", "notes")
    fields = ("name", "state", "sha256", "thresholds_version", "made_at", "promoted_at", "config", "notes")
    inlines = (PromotionInline,)


class ChoiceInline(RowsInline):
    model = DatasetChoice
    fields = readonly_fields = ("pattern", "side", "label", "reason", "chosen_by", "chosen_at")


@admin.register(Dataset)
class DatasetAdmin(WrittenOnceAdmin):
    list_display = ("name", "version", "state", "n_entries", "frozen_by", "frozen_at")
    list_filter = ("state",)
    list_select_related = ("frozen_by",)
    search_fields = ("name", "sha256", "notes")
    inlines = (ChoiceInline,)


@admin.register(TrainingRun)
class TrainingRunAdmin(WrittenOnceAdmin):
    """To look at; asking, cancelling and resuming have their own pages."""

    list_display = ("name", "kind", "state", "start_version", "dataset", "step", "host", "asked_at")
    list_filter = ("state", "kind")
    list_select_related = ("start_version", "dataset")
    exclude = ("lease",)


@admin.register(TrainerHeartbeat)
class TrainerHeartbeatAdmin(WrittenOnceAdmin):
    list_display = ("host", "process_id", "device", "started_at", "beat_at")
