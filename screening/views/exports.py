"""Data sets as files: made by a worker, kept for a while, and taken in from other labs."""

from __future__ import annotations

import zipfile

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from mlmodels.export.contents import ExportRefused
from mlmodels.models import Dataset
from samples.downloads import ANYTHING, NotThere, download_of
from samples.requests import SignedInRequest
from samples.sentences import translated
from samples.store import store
from screening.export_forms import ExportForm, ImportForm
from screening.models import DatasetExport, DatasetImport
from screening.models.exports import is_seen_whole

NEWEST = 20
ELN = "application/vnd.eln+zip"

may_look = permission_required("screening.view_datasetexport", raise_exception=True)
may_export = permission_required(["screening.view_datasetexport", "screening.add_datasetexport"], raise_exception=True)
may_import = permission_required("screening.add_datasetimport", raise_exception=True)


@may_export
def exports(request: SignedInRequest, pk: int) -> HttpResponse:
    """The exports of one data set; ask for one."""
    dataset = _seen_set(request, pk)
    form = ExportForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            export = DatasetExport.objects.ask(dataset, request.user, form.wanted)
        except ExportRefused as refused:
            form.add_error(None, translated(refused.sentence))
        else:
            if export.can_be_downloaded:
                messages.info(request, _("This export was made already; it is below."))
            return redirect(export)
    rows = dataset.exports.select_related("asked_by")[:NEWEST]
    context = {"dataset": dataset, "form": form, "rows": rows}
    return render(request, "screening/export_list.html", context, status=422 if form.errors else 200)


@require_safe
@may_look
def export(request: SignedInRequest, pk: int) -> HttpResponse:
    """One export as its page shows it, asked for again and again while it is made."""
    return render(request, "screening/_export.html", {"export": _seen_export(request, pk)})


@require_safe
@may_look
def download(request: SignedInRequest, pk: int) -> FileResponse:
    """The archive. Always a download, never something that a browser opens."""
    return archive_of(_there(_seen_export(request, pk)))


@require_safe
@may_look
def part(request: SignedInRequest, pk: int, name: str) -> FileResponse:
    """One part of the archive by itself."""
    asked = _there(_seen_export(request, pk))
    if name not in {one["path"] for one in asked.parts}:
        raise Http404
    archive = zipfile.ZipFile(store.open(asked.stored_name))
    member = next(one for one in archive.infolist() if one.filename.endswith(f"/{name}"))
    response = FileResponse(archive.open(member), as_attachment=True, filename=name, content_type=ANYTHING)
    response["Content-Length"] = str(member.file_size)
    response["X-Content-Type-Options"] = "nosniff"
    return response


@require_POST
@may_export
def try_again(request: SignedInRequest, pk: int) -> HttpResponse:
    asked = _seen_export(request, pk)
    try:
        again = DatasetExport.objects.ask(asked.dataset, request.user, asked.wanted)
    except ExportRefused as refused:
        messages.error(request, translated(refused.sentence))
        return redirect(asked)
    return redirect(again)


@may_import
def imports(request: SignedInRequest) -> HttpResponse:
    """Bring an export of another lab; below, the last ones and what came of them."""
    form = ImportForm(request.POST, request.FILES) if request.method == "POST" else ImportForm()
    if request.method == "POST" and form.is_valid():
        DatasetImport.objects.receive(form.cleaned_data["file"], request.user)
        return redirect("screening:import-list")
    rows = DatasetImport.objects.select_related("asked_by", "dataset")[:NEWEST]
    status = 422 if form.errors else 200
    return render(request, "screening/import_list.html", {"form": form, "rows": rows}, status=status)


@require_safe
@may_import
def import_(request: SignedInRequest, pk: int) -> HttpResponse:
    """One import as the page shows it."""
    row = get_object_or_404(DatasetImport.objects.select_related("asked_by", "dataset"), pk=pk)
    return render(request, "screening/_import.html", {"row": row})


def _seen_set(request: SignedInRequest, pk: int) -> Dataset:
    dataset = get_object_or_404(Dataset, pk=pk)
    if not is_seen_whole(dataset, request.user):
        raise Http404
    return dataset


def _seen_export(request: SignedInRequest, pk: int) -> DatasetExport:
    rows = DatasetExport.objects.visible_to(request.user).select_related("dataset", "asked_by")
    return get_object_or_404(rows, pk=pk)


def _there(asked: DatasetExport) -> DatasetExport:
    if not asked.is_there:
        raise NotThere(_("This export is not there any more. Ask for it again: it will be the same, bit by bit."))
    return asked


def archive_of(asked: DatasetExport) -> FileResponse:
    return download_of(asked.stored_name, asked.name, content_type=ELN)
