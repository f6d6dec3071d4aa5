"""The original bytes of a pattern, for those who may see it."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import FileResponse, HttpRequest, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_safe

from samples.downloads import as_download
from samples.models import Pattern
from samples.originals import MissingOriginalError
from samples.sentences import translated


@require_safe
@permission_required("samples.view_pattern", raise_exception=True)
def original(request: HttpRequest, pk: int) -> FileResponse | HttpResponseRedirect:
    """The file as the instrument wrote it."""
    pattern = get_object_or_404(Pattern.objects.visible_to(request.user).select_related("file"), pk=pk)
    try:
        return original_of(pattern)
    except MissingOriginalError as error:
        messages.error(request, translated(error.sentence))
        return redirect(pattern)


def original_of(pattern: Pattern) -> FileResponse:
    """MissingOriginalError where the bytes are not here."""
    return as_download(pattern.file.original.open(), pattern.name)
