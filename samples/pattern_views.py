"""The original bytes of a pattern, for those who may see it."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.contrib.auth.decorators import permission_required
from django.http import FileResponse, HttpRequest
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from samples.models import Pattern


@require_safe
@permission_required("samples.view_pattern", raise_exception=True)
def original(request: HttpRequest, pk: int) -> FileResponse:
    """The file as the instrument wrote it. Always a download, never something that a browser opens: it is a stranger's file."""
    return original_of(get_object_or_404(Pattern.objects.visible_to(request.user).select_related("file"), pk=pk))


def original_of(pattern: Pattern) -> FileResponse:
    response = FileResponse(
        (Path(settings.MEDIA_ROOT) / pattern.file.original.name).open("rb"),
        as_attachment=True,
        filename=pattern.name,
        content_type="application/octet-stream",
    )
    response["X-Content-Type-Options"] = "nosniff"
    return response
