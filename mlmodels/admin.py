"""Model versions in the admin: to look at; promoting has its own page and its own record."""

from __future__ import annotations

from django.contrib import admin

from mlmodels.models import ModelVersion, Promotion
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
