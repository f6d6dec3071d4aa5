"""Text that would be a script wherever it is not escaped, put into every field of a lab that people can fill."""

from __future__ import annotations

from django.apps import apps
from django.db import models

from samples.append_only import guarded_models
from samples.models import AlloySystem

POISON = """<img src=x onerror="window.ran=1">'"</script><script>window.ran=1</script>"""
PIECES = ("<img src=x", "</script><script>window.ran")
"""Of which no page may have one as it stands."""

LEFT = {
    "code",
    "key",
    "sha256",
    "username",
    "password",
    "prefix",
    "address",
    "wavelength",
    "state",
    "host",
    "version",
    "measured",
}
"""Codes and keys have letters of their own, which their validators keep; the others are the lab's to write."""
SHORTEST = 60


def poison_the_lab() -> int:
    """How many fields; what is signed comes poisoned from its fixture."""
    n_fields = 0
    for label in ("samples", "mlmodels", "screening"):
        for model in apps.get_app_config(label).get_models():
            if model in guarded_models() or model is AlloySystem:  # which is named by its elements
                continue
            named = {known.name: POISON[: known.max_length] for known in model._meta.concrete_fields if _is_text(known)}
            for name, text in named.items():
                row = model._base_manager.order_by("pk").first()
                if row is not None:
                    n_fields += 1
                    models.QuerySet(model).filter(pk=row.pk).update(**{name: text})
    return n_fields


def _is_text(known: models.Field[object, object]) -> bool:
    is_text = type(known) is models.TextField or (
        type(known) is models.CharField and (known.max_length or 0) >= SHORTEST and not known.choices
    )
    return is_text and known.name not in LEFT and "composition" not in known.name and not known.name.endswith("_text")
