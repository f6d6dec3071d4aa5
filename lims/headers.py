"""What each answer tells the browser, beside what Django and django-csp say of every page (`lims/settings.py`)."""

from __future__ import annotations

from collections.abc import Callable

from csp.constants import HEADER
from django.http import HttpRequest
from django.http.response import HttpResponseBase

PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in (
        *("accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "hid", "magnetometer"),
        *("microphone", "midi", "payment", "serial", "usb", "xr-spatial-tracking"),
    )
)
"""What no page of the lab asks of a browser; photos come in by the phone's own camera, through a file field."""

NO_PAGE = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox"
"""The policy of what is not a page: files, figures, tables. Opened in a tab, it is nobody's origin and runs nothing."""


class GuardAnswers:
    """Middleware: what is no page, and what is saved as a file, can do nothing in the name of the lab."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response["Permissions-Policy"] = PERMISSIONS
        response["Cross-Origin-Resource-Policy"] = "same-origin"
        if not is_page(response):
            response[HEADER] = NO_PAGE
        return response


def is_page(response: HttpResponseBase) -> bool:
    kind = response.get("Content-Type", "").partition(";")[0].strip()
    return kind == "text/html" and not response.get("Content-Disposition", "").startswith("attachment")
