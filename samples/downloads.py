"""Files of the lab's store, sent to those who may have them: through Django, never by an address of the store's own."""

from __future__ import annotations

from typing import BinaryIO, cast

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from samples.store import store

ANYTHING = "application/octet-stream"


class NotThere(Http404):
    """With a sentence for people, which the page shows."""


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404."""
    said = str(exception) if isinstance(exception, NotThere) else ""
    return render(request, "404.html", {"said": said}, status=404)


def download_of(stored_name: str, shown_name: str, *, content_type: str = ANYTHING) -> FileResponse:
    try:
        file = cast("BinaryIO", store.open(stored_name))
    except FileNotFoundError:
        said = _("The file is missing from the lab's store. An administrator can bring it back from a backup.")
        raise NotThere(said) from None
    return as_download(file, shown_name, content_type=content_type)


def as_download(file: BinaryIO, shown_name: str, *, content_type: str = ANYTHING) -> FileResponse:
    """Always a download, never something that a browser opens: it is a stranger's file."""
    response = FileResponse(file, as_attachment=True, filename=shown_name, content_type=content_type)
    response["X-Content-Type-Options"] = "nosniff"
    return response
