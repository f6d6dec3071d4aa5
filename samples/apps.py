from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.translation import gettext_lazy as _


class SamplesConfig(AppConfig):
    name = "samples"
    verbose_name = _("Samples")

    def ready(self) -> None:
        pre_migrate.connect(let_tables_be_built_anew, sender=self)
        post_migrate.connect(guard_what_is_written_once, sender=self)


def guard_what_is_written_once(*, using: str, **_signal: Any) -> None:
    """The step of migrate that puts the triggers of append-only tables where they are missing."""
    from samples.append_only import guard, guarded_models

    guard(connections[using], guarded_models())


def let_tables_be_built_anew(*, using: str, plan: list[Any], **_signal: Any) -> None:
    """The step before migrate changes tables on SQLite, which builds them anew and stumbles over triggers that name them."""
    from samples.append_only import guarded_models, unguard

    if plan and connections[using].vendor == "sqlite":
        unguard(connections[using], guarded_models())
