from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class SamplesConfig(AppConfig):
    name = "samples"
    verbose_name = _("Samples")

    def ready(self) -> None:
        post_migrate.connect(guard_signed_entries, sender=self)


def guard_signed_entries(*, using: str, **_signal: Any) -> None:
    """The step of migrate that puts the triggers of append-only tables where they are missing."""
    from samples.append_only import guard, signed_models

    guard(connections[using], signed_models())
