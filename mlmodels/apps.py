from __future__ import annotations

import json
from typing import Any

from django.apps import AppConfig, apps
from django.apps.registry import Apps
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class MlmodelsConfig(AppConfig):
    name = "mlmodels"
    verbose_name = _("Networks")

    def ready(self) -> None:
        post_migrate.connect(register_shipped_checkpoints, sender=self)


def register_shipped_checkpoints(*, apps: Apps = apps, **_signal: Any) -> None:
    """The step of migrate that makes each shipped checkpoint a row, and puts the default one into production if none is."""
    try:
        apps.get_model("mlmodels", "Promotion")
    except LookupError:  # migrated no further than another app yet
        return
    from mlmodels.models import ModelVersion
    from mlmodels.models.versions import SHIPPED
    from mlmodels.net.checkpoint import DEFAULT_CHECKPOINT, shipped_checkpoints

    for path in shipped_checkpoints().values():
        config = json.loads(path.with_suffix(".json").read_bytes())
        version = ModelVersion.objects.register(path.read_bytes(), config, notes=SHIPPED)
        if config["name"] == DEFAULT_CHECKPOINT and ModelVersion.objects.production() is None:
            version.promote(by=None, reason=SHIPPED)
