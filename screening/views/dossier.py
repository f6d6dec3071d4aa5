"""The dossier of a candidate: one page to print, to save as PDF, or to put beside a paper."""

from __future__ import annotations

import unicodedata
from typing import Any
from urllib.parse import quote

from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.utils import timezone

from samples.models import Comment, Sample
from samples.requests import SignedInRequest
from screening.dossier import MOST_FIGURES, PARTS, Dossier
from screening.histories import last_changes
from screening.print_pdf import can_make_pdf, pdf_of

TEMPLATE = "screening/dossier.html"


@permission_required("samples.view_sample", raise_exception=True)
def dossier(request: SignedInRequest, code: str) -> HttpResponse:
    return render(request, TEMPLATE, _context(request, code))


@permission_required("samples.view_sample", raise_exception=True)
def dossier_pdf(request: SignedInRequest, code: str) -> HttpResponse:
    if not can_make_pdf():
        raise Http404
    html = render_to_string(TEMPLATE, {**_context(request, code), "is_pdf": True}, request)
    content = pdf_of(html, stylesheet="dossier.css", address=request.build_absolute_uri())
    return HttpResponse(
        content, content_type="application/pdf", headers={"Content-Disposition": saved_as(f"{code}-dossier.pdf")}
    )


def saved_as(name: str) -> str:
    """The header that names a download: in ASCII for old programs, and as it is (RFC 5987) for all others."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", errors="ignore").decode()
    plain = "".join(letter if letter.isalnum() or letter in "-_.+()" else "_" for letter in letters)
    return f"attachment; filename=\"{plain.lstrip('-.')}\"; filename*=UTF-8''{quote(name, safe='')}"


def _context(request: SignedInRequest, code: str) -> dict[str, Any]:
    samples = Sample.objects.visible_to(request.user).select_related("system", "parent", "made_by", "changed_by")
    sample = get_object_or_404(samples.prefetch_related("steps", "weighed_masses"), code=code)
    parts = [part for part in PARTS if part in request.GET.getlist("show")] if "chosen" in request.GET else list(PARTS)
    return {
        "dossier": Dossier.of(sample, parts),
        "sample": sample,
        "changes": last_changes(sample, request.user) if "history" in parts else (),
        "comments": Comment.objects.around(sample) if "comments" in parts else (),
        "all_parts": PARTS,
        "most_figures": MOST_FIGURES,
        "now": timezone.now(),
        "has_pdf": can_make_pdf(),
    }
