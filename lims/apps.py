from __future__ import annotations

from typing import Any

from django.apps import AppConfig, apps
from django.apps import apps as every_app
from django.apps.registry import Apps
from django.core.checks import register
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class LimsConfig(AppConfig):
    name = "lims"
    verbose_name = _("Lab")

    def ready(self) -> None:
        from lims.checks import BUCKET, TAG, check_bucket, check_settings, check_static_files

        register(check_settings, TAG)
        register(check_static_files, TAG, deploy=True)
        register(check_bucket, TAG, BUCKET, deploy=True)
        # Once screening's tables stand, those of the floors below do too.
        post_migrate.connect(make_groups_of_roles, sender=every_app.get_app_config("screening"))


def make_groups_of_roles(*, apps: Apps = apps, **_signal: Any) -> None:
    """The step of migrate that makes a group of each role."""
    try:
        apps.get_model("screening", "WorkerHeartbeat")
    except LookupError:  # migrated no further than another app yet
        return
    from lims.roles import make_groups

    make_groups()
