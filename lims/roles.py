"""The five roles and what each may do: the one place where that stands; migrate makes groups of them.

Everyone may look at everything that no project closes to them (`samples/models/projects.py`) and log what was made and
measured; reviewers sign verdicts, microscopists outcomes.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.utils.translation import gettext_lazy as _

FLOORS = ("samples", "mlmodels", "screening")

LOOK = (
    *(f"samples.view_{name}" for name in ("project", "alloysystem", "sample", "synthesisstep", "weighedmass")),
    *("samples.view_comment", "samples.view_commentedition", "auth.view_user"),
    *(f"samples.view_{name}" for name in ("patternfile", "pattern", "reading")),
    *(f"mlmodels.view_{name}" for name in ("modelversion", "promotion", "dataset", "datasetentry")),
    *("mlmodels.view_trainingrun", "mlmodels.view_trainerheartbeat"),
    *("mlmodels.view_datasetchoice", "mlmodels.view_freeze", "screening.view_labelevidence"),
    *(f"screening.view_{name}" for name in ("screeningrun", "screeningresult", "receivedpattern", "workerheartbeat")),
    *(f"screening.view_{name}" for name in ("candidate", "review", "referencephase", "instrumentheartbeat")),
    *(f"screening.view_{name}" for name in ("followup", "evidencefile", "outcome")),
    *(f"screening.view_{name}" for name in ("proof", "promotionrequest", "promotionanswer", "archivescreening")),
)
"""See every sample, pattern, call, comment and model version, and who is who."""

MEASURE = (
    *("samples.add_sample", "samples.change_sample", "samples.change_alloysystem", "samples.add_sheetimport"),
    "samples.add_comment",
    *("samples.add_pattern", "samples.change_pattern", "samples.add_reading", "screening.add_instrumentheartbeat"),
    *("screening.add_screeningrun", "screening.add_referencephase", "screening.change_referencephase"),
)
"""Log samples and say something of them, send patterns in, move and correct them, and have them screened."""

REVIEW = ("screening.add_review", "screening.add_followup")
"""Judge candidates, under one's own signature, and ask for follow-ups."""

FOLLOW_UP = (
    *("screening.add_followup", "screening.change_followup", "screening.add_outcome"),
    *("screening.add_evidencefile", "screening.change_evidencefile"),
)
"""Enter what the microscope found, and sign outcomes."""

CURATE = (
    *("mlmodels.add_modelversion", "mlmodels.change_modelversion", "mlmodels.promote_modelversion"),
    *("mlmodels.add_dataset", "mlmodels.change_dataset", "mlmodels.freeze_dataset"),
    *("screening.view_datasetexport", "screening.add_datasetexport", "screening.add_datasetimport"),
    *("screening.add_proof", "screening.add_archivescreening", "screening.change_archivescreening"),
    *("mlmodels.add_trainingrun", "mlmodels.change_trainingrun"),
    "screening.change_matchingrule",
)
"""Decide which network screens, what the next one learns from, and how files find their samples."""

ADMINISTER = (
    *("auth.add_user", "auth.change_user", "auth.view_group"),
    *("samples.add_project", "samples.see_every_project"),
    *("lims.view_fault", "lims.change_fault", "lims.view_auditentry"),
)
"""Let people in and give them roles, begin projects, see what every project holds, and what is wrong with the machines."""

ROLES: dict[str, tuple[str, ...]] = {
    "member": LOOK + MEASURE,
    "reviewer": LOOK + MEASURE + REVIEW,
    "microscopist": LOOK + MEASURE + FOLLOW_UP,
    "curator": LOOK + MEASURE + CURATE,
    "admin": LOOK + MEASURE + REVIEW + FOLLOW_UP + CURATE + ADMINISTER,
}

ROLE_WORDS = {
    "member": _("member: logs samples, sends patterns in"),
    "reviewer": _("reviewer: judges candidates besides"),
    "microscopist": _("microscopist: enters evidence and signs outcomes besides"),
    "curator": _("curator: decides which network screens and what it learns from, and how files find samples"),
    "admin": _("admin: everything, and lets people in"),
}


def make_groups() -> None:
    """Give each role its group with exactly its permissions; the step that migrate ends with, as often as it likes."""
    for label in (*FLOORS, "auth", "lims"):
        create_permissions(apps.get_app_config(label), verbosity=0)
    for role, names in ROLES.items():
        group, _made = Group.objects.get_or_create(name=role)
        group.permissions.set(_permissions(names))


def _permissions(names: Iterable[str]) -> list[Permission]:
    known = {
        f"{permission.content_type.app_label}.{permission.codename}": permission
        for permission in Permission.objects.select_related("content_type")
    }
    return [known[name] for name in names]
