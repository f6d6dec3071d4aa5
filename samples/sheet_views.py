"""A spreadsheet on its way into the lab: sent, its columns named, looked at row by row, imported as one, undone as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import FileResponse, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from samples.downloads import download_of
from samples.models import SheetImport, seen_by
from samples.requests import SignedInRequest, said_why
from samples.sheet_forms import LayoutForm, SheetFileForm, known_layouts, remember
from samples.sheets.export import left_out_of
from samples.sheets.grid import Grid
from samples.sheets.layout import Layout, is_clear, rows_of
from samples.sheets.reading import Sheet, SheetError, check_size, read_sheets

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
NEWEST = 20

may_import = permission_required(
    ["samples.add_sheetimport", "samples.add_sample", "samples.change_sample"], raise_exception=True
)


@may_import
def sheets(request: SignedInRequest) -> HttpResponse:
    """Send a spreadsheet in; below, the last ones and what came of them."""
    form = SheetFileForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            check_size(file.size)
            content = file.read()
            found = read_sheets(content)
        except SheetError as error:
            form.add_error("file", str(error))
        else:
            received = SheetImport.objects.receive(content, name=file.name, by=request.user)
            layouts = known_layouts(found)
            if not is_clear(found, layouts):
                return redirect("samples:sheet-columns", received.pk)
            _check(received, found, layouts)
            return redirect(received)
    kept = SheetImport.objects.visible_to(request.user).kept()
    newest = kept.select_related("received_by", "committed_by", "undone_by")[:NEWEST]
    status = 422 if form.errors else 200
    return render(request, "samples/sheets.html", {"form": form, "newest": newest}, status=status)


@may_import
def columns(request: SignedInRequest, pk: int) -> HttpResponse:
    """Say what each column is; `show` only looks at another sheet or row of headings."""
    received = get_object_or_404(SheetImport.objects.visible_to(request.user), pk=pk)
    if received.committed_at:
        messages.info(request, _("This file is imported already. Send it again to read it otherwise."))
        return redirect(received)
    found = read_sheets(received.original.read())
    stored = {name: Layout.from_json(layout) for name, layout in received.layout.items()}
    typed = request.POST if request.method == "POST" else None
    form = LayoutForm(found, stored or known_layouts(found), received, typed)
    looking = typed is not None and "show" in typed
    if typed is not None and not looking and form.is_valid():
        received.empty_cells = form.empty_cells.cleaned_data["empty_cells"]
        remember(found, form.layouts, request.user)
        _check(received, found, form.layouts)
        return redirect(received)
    context = {"received": received, "form": form, "looking": looking}
    status = 422 if typed is not None and not looking else 200
    return render(request, "samples/sheet_columns.html", context, status=status)


@may_import
def sheet(request: SignedInRequest, pk: int) -> HttpResponse:
    """Every row with what it would do or did, and each wrong cell with why."""
    shown = get_object_or_404(
        SheetImport.objects.visible_to(request.user).select_related("received_by", "committed_by", "undone_by"), pk=pk
    )
    if not shown.checked_at:
        return redirect("samples:sheet-columns", shown.pk)
    context = {
        "shown": shown,
        "grid": Grid(shown, request.GET),
        "twin": None if shown.committed_at else shown.same_file_imported(),
        "left": shown.changes.filter(seen_by(request.user, "sample__project"))
        .filter(left__isnull=False)
        .select_related("sample")
        if shown.undone_at
        else (),
    }
    return render(request, "samples/sheet.html", context)


@require_POST
@may_import
def commit(request: SignedInRequest, pk: int) -> HttpResponse:
    shown = get_object_or_404(SheetImport.objects.visible_to(request.user), pk=pk)
    if shown.commit(by=request.user):
        messages.success(request, _imported_sentence(shown))
    else:
        messages.info(request, _("This file was imported already; nothing was written twice."))
    return redirect(shown)


@require_POST
@may_import
def undo(request: SignedInRequest, pk: int) -> HttpResponse:
    shown = get_object_or_404(SheetImport.objects.visible_to(request.user), pk=pk)
    if shown.undo(by=request.user, why=said_why(request)):
        messages.success(request, _undone_sentence(shown))
    else:
        messages.info(request, _("There is nothing to undo: it is undone already, or was never imported."))
    return redirect(shown)


@require_POST
@may_import
def trash(request: SignedInRequest, pk: int) -> HttpResponse:
    """Throw away what was not imported; the trash gives it back for a while."""
    shown = get_object_or_404(SheetImport, pk=pk, received_by=request.user)
    if shown.trash():
        messages.success(request, _("%(name)s is in the trash, from where you can take it back.") % {"name": shown})
        return redirect("samples:sheets")
    messages.info(request, _("This file is imported already. An import is undone, not thrown away."))
    return redirect(shown)


@require_POST
@may_import
def restore(request: SignedInRequest, pk: int) -> HttpResponse:
    shown = get_object_or_404(SheetImport.objects.trashed(), pk=pk, received_by=request.user)
    shown.restore()
    messages.success(request, _("%(name)s is back.") % {"name": shown})
    return redirect(shown)


@may_import
def original(request: SignedInRequest, pk: int) -> FileResponse:
    """The file as it came."""
    shown = get_object_or_404(SheetImport.objects.visible_to(request.user), pk=pk)
    return download_of(shown.original.name, shown.name)


@may_import
def left_out(request: SignedInRequest, pk: int) -> HttpResponse:
    """The rows that were not taken in, with why, to be mended and sent again."""
    shown = get_object_or_404(SheetImport.objects.visible_to(request.user), pk=pk)
    stem = shown.name.rpartition(".")[0] or shown.name
    name = _("%(name)s, left out.xlsx") % {"name": stem}
    disposition = content_disposition_header(as_attachment=True, filename=name) or ""
    return HttpResponse(left_out_of(shown), content_type=XLSX, headers={"Content-Disposition": disposition})


def _check(received: SheetImport, found: Sequence[Sheet], layouts: Mapping[str, Layout]) -> None:
    received.layout = {name: layout.as_json() for name, layout in layouts.items()}
    received.check_rows(rows_of(found, layouts))


def _imported_sentence(shown: SheetImport) -> str:
    n = shown.n_made + shown.n_changed
    sentence = ngettext(
        "%(n)s sample is imported: %(made)s new, %(changed)s changed.",
        "%(n)s samples are imported: %(made)s new, %(changed)s changed.",
        n,
    )
    return sentence % {"n": n, "made": shown.n_made, "changed": shown.n_changed}


def _undone_sentence(shown: SheetImport) -> str:
    n_left = shown.changes.filter(left__isnull=False).count()
    done = _("The import is undone: what it made is archived, what it changed is as before.")
    if not n_left:
        return done
    left = ngettext(
        "%(n)s sample was left as it is; below stands why.",
        "%(n)s samples were left as they are; below stands why.",
        n_left,
    )
    return f"{done} {left % {'n': n_left}}"
