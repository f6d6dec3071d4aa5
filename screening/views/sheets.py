"""The sample list as a spreadsheet: what the filter shows, in the form that an import understands."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from samples.requests import SignedInRequest
from samples.sheet_views import XLSX
from samples.sheets.columns import MASSES, SAMPLES, SYNTHESIS, TABLES, Table
from samples.sheets.export import text_table_of, workbook_of
from samples.sheets.reading import MAX_LINES
from screening.search import Search

RIGHT = {SYNTHESIS: "samples.view_synthesisstep", MASSES: "samples.view_weighedmass"}


@permission_required("samples.view_sample", raise_exception=True)
def export(request: SignedInRequest) -> HttpResponse:
    """What the line in the search box finds (?q=), as a workbook with all tables, or as CSV: &as=csv&table=synthesis."""
    asked = request.GET
    samples = Search.read(asked.get("q", "")).samples(request.user).order_by("-made_at", "-pk")
    if "empty" in asked:
        samples = samples.none()
    if samples.count() > MAX_LINES:
        sentence = _(
            "More than %(limit)s samples are too many for one spreadsheet. Narrow the filter, and export again."
        )
        messages.error(request, sentence % {"limit": MAX_LINES})
        return redirect(f"{reverse('screening:sample-list')}?{asked.urlencode()}")
    allowed = [table for table in TABLES.values() if table is SAMPLES or request.user.has_perm(RIGHT[table])]
    day = timezone.localdate().isoformat()
    if asked.get("as") == "csv":
        table = _table_asked_for(asked.get("table", ""), allowed)
        return _file(text_table_of(samples, table).encode(), "text/csv; charset=utf-8", f"icosa-{table.name}-{day}.csv")
    return _file(workbook_of(samples, allowed), XLSX, f"icosa-samples-{day}.xlsx")


def _table_asked_for(name: str, allowed: list[Table]) -> Table:
    return next((table for table in allowed if table.name == name), SAMPLES)


def _file(content: bytes, content_type: str, name: str) -> HttpResponse:
    return HttpResponse(
        content, content_type=content_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
