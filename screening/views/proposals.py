"""What to look at next: the list, and a follow-up opened from it by one press."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from samples.models import AlloySystem
from samples.requests import SignedInRequest
from samples.sentences import translated
from screening import proposals
from screening.models import FollowUp, FollowUpError, ScreeningResult

ROWS_A_PAGE = 25


@permission_required("screening.view_followup", raise_exception=True)
def proposal_list(request: SignedInRequest) -> HttpResponse:
    """The follow-ups worth most, and why."""
    system = AlloySystem.objects.filter(key=request.GET.get("system", "")).first()
    proposed = proposals.Proposals(request.user, system, simulated="simulated" in request.GET)
    pages: Paginator[proposals.Proposal] = Paginator(proposed, ROWS_A_PAGE)  # type: ignore[arg-type]  # counted and sliced
    context = {
        "proposals": proposed,
        "system": system,
        "systems": AlloySystem.objects.all(),
        "page": pages.get_page(request.GET.get("page")),
        "definition": proposals.DEFINITION,
    }
    return render(request, "screening/proposal_list.html", context)


@require_POST
@permission_required("screening.add_followup", raise_exception=True)
def open_follow_up(request: SignedInRequest, pk: int) -> HttpResponse:
    """Open the follow-up that is proposed because of this call, or show the one that somebody opened meanwhile."""
    calls = ScreeningResult.objects.visible_to(request.user).select_related("reading__pattern__sample")
    result = get_object_or_404(calls.defer("evidence"), pk=pk, reading__pattern__sample__isnull=False)
    here = FollowUp.objects.unfinished().filter(sample=result.reading.pattern.sample_id).first()
    if here:
        messages.info(request, _("A follow-up of this sample is open already: here it is."))
        return redirect(here)
    try:
        opened = proposals.open_from(result, request.user)
    except FollowUpError as error:
        messages.error(request, translated(error.sentence))
        return redirect("screening:proposal-list")
    messages.success(
        request,
        _("The follow-up of %(sample)s is open. Say who looks into it, and until when.") % {"sample": opened.sample},
    )
    return redirect(opened)
