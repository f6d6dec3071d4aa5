"""A candidate against production: how far its proof is, what it found, and the patterns whose class would change."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.db.models import OuterRef, Subquery
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from mlmodels.models import ModelVersion
from samples.sentences import translated
from screening.models import Proof, ProofError, ScreeningResult
from screening.proof_page import ProofPage, step_words
from screening.views import PageRequest

CHANGES_A_PAGE = 50


@require_POST
@permission_required("screening.add_proof", raise_exception=True)
def prove(request: PageRequest, pk: int) -> HttpResponse:
    """Begin to prove a version; where its proof goes on already, that is shown."""
    version = get_object_or_404(ModelVersion, pk=pk)
    try:
        return redirect(Proof.objects.start(version, request.user))
    except ProofError as error:
        messages.error(request, translated(error.sentence))
        return redirect("screening:model", pk)


@permission_required("screening.view_proof", raise_exception=True)
def proof(request: PageRequest, pk: int) -> HttpResponse:
    shown = _proof(pk)
    requests = list(shown.requests.select_related("signer", "answer__signer"))
    context = {
        "proof": shown,
        "step": step_words(shown),
        "page": ProofPage(shown, shown.content) if shown.content else None,
        "not_promotable": translated(shown.why_not_promotable()),
        "requests": requests,
        "waiting": next((asked for asked in requests if not asked.is_answered), None),
    }
    return render(request, "screening/proof.html", context)


@permission_required("screening.view_proof", raise_exception=True)
def progress(request: PageRequest, pk: int) -> HttpResponse:
    """How far it is: the page asks until it is through, and is then loaded anew."""
    shown = _proof(pk)
    response = render(request, "screening/_proof_progress.html", {"proof": shown, "step": step_words(shown)})
    if not shown.is_unfinished:
        response["HX-Refresh"] = "true"
    return response


@require_POST
@permission_required("screening.add_proof", raise_exception=True)
def stop(request: PageRequest, pk: int) -> HttpResponse:
    shown = _proof(pk)
    if shown.stop():
        messages.success(request, _("The proof is stopped. What it found so far is not kept; prove again at any time."))
    return redirect(shown)


@permission_required("screening.view_proof", raise_exception=True)
def changes(request: PageRequest, pk: int) -> HttpResponse:
    """The patterns that this person may see whose class by production is ``was``, and by the candidate ``now``."""
    shown = _proof(pk)
    was, now = (_level(request.GET.get(name, "")) for name in ("was", "now"))
    theirs = ScreeningResult.objects.done().filter(reading=OuterRef("reading"), model_version=shown.production)
    calls = shown.changed_calls().visible_to(request.user).filter(level=now, was=was or None)  # type: ignore[misc]  # annotated
    calls = calls.annotate(p_was=Subquery(theirs.values("probability")[:1])).order_by("-probability", "pk")
    related = calls.select_related("reading__pattern__sample").defer("evidence", "reading__metadata")
    page = Paginator(related, CHANGES_A_PAGE).get_page(request.GET.get("page"))
    context = {"proof": shown, "was": was, "now": now, "page": page}
    return render(request, "screening/proof_changes.html", context)


@permission_required("screening.view_proof", raise_exception=True)
def content(request: PageRequest, pk: int) -> HttpResponse:
    """What was found, as the hash was taken of it."""
    shown = _proof(pk)
    name = f"proof-{shown.pk}.json"
    return JsonResponse(
        {"sha256": shown.sha256, "content": shown.content},
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _proof(pk: int) -> Proof:
    related = Proof.objects.select_related("candidate", "production", "started_by", "archive__run", "archive__version")
    return get_object_or_404(
        related.defer("candidate__config", "production__config", "archive__version__config", "parts"), pk=pk
    )


def _level(text: str) -> str:
    return text if text in ScreeningResult.Level.values else ""
