"""The evidence of a follow-up: phases and lattice lengths as a sheet, images and files."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import ValidationError
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from samples.downloads import download_of
from samples.requests import SignedInRequest, said_why, sent_number
from samples.sentences import translated
from screening.follow_up_forms import (
    SPACE_GROUPS_SEEN,
    SYMMETRIES_SEEN,
    FilesForm,
    LatticeFormSet,
    PhaseFormSet,
    read_length,
)
from screening.models import EvidenceFile, FollowUp, FollowUpConflict, FollowUpError
from screening.views.follow_ups import page_of, whole_follow_up


@permission_required("screening.change_followup", raise_exception=True)
def evidence(request: SignedInRequest, pk: int) -> HttpResponse:
    """Fill in phases and lattice lengths; "check" reads them and saves nothing."""
    filled = whole_follow_up(request.user, pk)
    phases = PhaseFormSet(request.POST or None, rows=filled.phases.all(), prefix="phases")
    lattice = LatticeFormSet(
        request.POST or None, rows=filled.lattice_measurements.all(), prefix="lattice", follow_up=filled
    )
    context: dict[str, Any] = {
        "follow_up": filled,
        "sample": filled.sample,
        "phases": phases,
        "lattice": lattice,
        "edition": request.POST.get("edition", filled.edition),
        "space_groups": SPACE_GROUPS_SEEN,
        "symmetries": SYMMETRIES_SEEN,
    }
    status = 200
    if phases.is_valid() & lattice.is_valid():
        if "check" in request.POST:
            context["is_checked"] = True
        else:
            try:
                filled.revise(
                    by=request.user,
                    edition=sent_number(request.POST.get("edition")) or 0,
                    phases=phases.rows(),
                    measurements=lattice.rows(),
                    why=said_why(request),
                )
            except FollowUpConflict as conflict:
                context |= {"stored": conflict.stored, "edition": conflict.stored.edition}
                status = 409
            except (FollowUpError, ValidationError) as error:
                said = [translated(error.sentence)] if isinstance(error, FollowUpError) else error.messages
                context["refused"] = said
                status = 422
            else:
                messages.success(request, _("The evidence is saved."))
                return redirect(filled)
    elif request.method == "POST":
        status = 422
    return render(request, "screening/follow_up_evidence.html", context, status=status)


@require_safe
@permission_required("screening.view_followup", raise_exception=True)
def convert(request: HttpRequest, pk: int) -> HttpResponse:
    """The length of one row in every convention, while it is typed; `row` is the prefix of its fields."""
    row = request.GET.get("row", "")
    typed = {name: request.GET.get(f"{row}-{name}", "") for name in ("value", "unit", "convention")}
    follow_up = get_object_or_404(FollowUp.objects.visible_to(request.user).select_related("prompted_by"), pk=pk)
    quoted, predicted = read_length(typed), follow_up.predicted_a_r
    context = {"quoted": quoted, "doubt": quoted and quoted.doubt(predicted), "predicted": predicted}
    return render(request, "screening/_conversion.html", context)


@require_POST
@permission_required("screening.add_evidencefile", raise_exception=True)
def add_files(request: SignedInRequest, pk: int) -> HttpResponse:
    """Keep what was sent; a file that cannot be kept is told, the others are kept."""
    filled = whole_follow_up(request.user, pk)
    form = FilesForm(request.POST, request.FILES)
    if not form.is_valid():
        return page_of(request, filled, files_form=form)
    refused = []
    for file, must_be_image in form.sent():
        try:
            EvidenceFile.objects.add(filled, file, request.user, must_be_image=must_be_image, **form.said())
        except FollowUpError as error:
            refused.append(translated(error.sentence))
    n_kept = len(form.sent()) - len(refused)
    if n_kept:
        messages.success(request, ngettext("%(n)s file is kept.", "%(n)s files are kept.", n_kept) % {"n": n_kept})
    if refused and not n_kept:
        form.add_error(None, refused)
        return page_of(request, filled, files_form=form)
    for sentence in refused:
        messages.warning(request, sentence)
    return redirect(f"{filled.get_absolute_url()}#files")


@require_safe
@permission_required("screening.view_evidencefile", raise_exception=True)
def download(request: HttpRequest, pk: int) -> FileResponse:
    """The file as it came."""
    return original_of(get_object_or_404(EvidenceFile.objects.visible_to(request.user).without_thumbnails(), pk=pk))


def original_of(file: EvidenceFile) -> FileResponse:
    return download_of(file.original.name, file.name)


@require_safe
@permission_required("screening.view_evidencefile", raise_exception=True)
def thumbnail(request: HttpRequest, pk: int) -> HttpResponse:
    """The small picture of our own making."""
    image = get_object_or_404(EvidenceFile.objects.visible_to(request.user).only("thumbnail", "sha256", "name"), pk=pk)
    if not image.thumbnail:
        raise Http404
    disposition = content_disposition_header(as_attachment=False, filename=f"{image.sha256[:12]}.jpg") or "inline"
    headers = {
        "Content-Disposition": disposition,
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, max-age=86400",
    }
    return HttpResponse(bytes(image.thumbnail), content_type="image/jpeg", headers=headers)


@require_POST
@permission_required("screening.change_evidencefile", raise_exception=True)
def archive_file(request: SignedInRequest, pk: int) -> HttpResponse:
    """Take a file out of the evidence, or put it back."""
    file = get_object_or_404(
        EvidenceFile.objects.visible_to(request.user).without_thumbnails().select_related("follow_up"), pk=pk
    )
    if file.archived_at:
        file.restore(request.user, said_why(request))
        messages.success(request, _("“%(name)s” is back among the evidence.") % {"name": file})
    else:
        file.archive(request.user, said_why(request))
        messages.success(request, _("“%(name)s” is put away; nothing was deleted.") % {"name": file})
    return redirect(f"{file.follow_up.get_absolute_url()}#files")
