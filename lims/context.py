"""What every page knows of the lab."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest

from lims import __version__


def lab(request: HttpRequest) -> dict[str, object]:
    return {"demo_mode": settings.DEMO, "version": __version__}
