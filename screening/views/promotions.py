"""Into production and back: asking, approving, rolling back, and the archive that is screened anew."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from mlmodels.models import PromotionError
from samples.sentences import translated
from screening.models import ArchiveScreening, PromotionRequest, Proof, roll_back
from screening.models.promotion_requests import MAY_PROMOTE
from screening.promotion_forms import PromotionForm, ReasonForm, RollBackForm
from screening.views import PageRequest


@permission_required(MAY_PROMOTE, raise_exception=True)
def promote(request: PageRequest, pk: int) -> HttpResponse:
    """Ask that what was proved goes into production; where one person is enough, it does."""
    proof = get_object_or_404(Proof.objects.select_related("candidate", "production"), pk=pk)
    form = PromotionForm(request.POST if request.method == "POST" else None, is_worse=proof.is_worse)
    refused = translated(proof.why_not_promotable())
    if form.is_valid():
        said = form.cleaned_data
        try:
            asked = PromotionRequest.objects.ask(proof, request.user, said["reason"], override=said.get("override", ""))
        except PromotionError as error:
            refused = translated(error.sentence)
        else:
            messages.success(request, _said(asked))
            return redirect("screening:model-list") if not settings.PROMOTE_BY_TWO else redirect(asked)
    context = {"proof": proof, "form": form, "refused": refused, "by_two": settings.PROMOTE_BY_TWO}
    return render(request, "screening/promote.html", context, status=422 if form.errors or form.is_bound else 200)


@permission_required("screening.view_promotionrequest", raise_exception=True)
def promotion_request(request: PageRequest, pk: int) -> HttpResponse:
    """What was asked, by whom, on which proof; and the answer, or the place for it."""
    return _page(request, _request(pk), ReasonForm())


@require_POST
@permission_required(MAY_PROMOTE, raise_exception=True)
def answer(request: PageRequest, pk: int) -> HttpResponse:
    """Approve or decline."""
    asked, form = _request(pk), ReasonForm(request.POST)
    if not form.is_valid():
        return _page(request, asked, form)
    try:
        if "decline" in request.POST:
            asked.decline(request.user, form.cleaned_data["reason"])
            messages.success(request, _("Declined. The version in production stays."))
        else:
            asked.approve(request.user, form.cleaned_data["reason"])
            messages.success(request, _said(asked))
    except PromotionError as error:
        return _page(request, _request(pk), form, translated(error.sentence))
    return redirect("screening:model-list")


@require_POST
@permission_required(MAY_PROMOTE, raise_exception=True)
def put_back(request: PageRequest) -> HttpResponse:
    """Roll back to the version before."""
    form = RollBackForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Say why in a few words: it is signed. Nothing was changed."))
        return redirect("screening:model-list")
    try:
        promotion = roll_back(request.user, **form.cleaned_data)
    except PromotionError as error:
        messages.error(request, translated(error.sentence))
    else:
        messages.success(request, _("%(name)s screens again.") % {"name": promotion.version})
    return redirect("screening:model-list")


@require_POST
@permission_required("screening.add_archivescreening", raise_exception=True)
def rescreen(request: PageRequest) -> HttpResponse:
    """Put what the version in production has not seen yet before it."""
    if ArchiveScreening.objects.rescreen(request.user) is None:
        messages.error(request, _("No version is in production. Promote one first."))
    return redirect("screening:model-list")


@permission_required("screening.view_archivescreening", raise_exception=True)
def archive_progress(request: PageRequest, pk: int) -> HttpResponse:
    screening = get_object_or_404(ArchiveScreening.objects.select_related("run", "version", "paused_by"), pk=pk)
    return render(request, "screening/_archive_card.html", {"archive": screening})


@require_POST
@permission_required("screening.change_archivescreening", raise_exception=True)
def archive_pause(request: PageRequest, pk: int) -> HttpResponse:
    """Hold it back, or let it go on."""
    screening = get_object_or_404(ArchiveScreening, pk=pk)
    if request.POST.get("resume"):
        screening.resume()
    else:
        screening.pause(request.user)
    if request.htmx:
        return archive_progress(request, pk)
    return redirect("screening:model-list")


def _said(asked: PromotionRequest) -> str:
    version = asked.proof.candidate
    if (
        settings.PROMOTE_BY_TWO
        and not PromotionRequest.objects.filter(pk=asked.pk, answer__verdict="approved").exists()
    ):
        return _(
            "Signed. Other curators and admins are told; %(name)s goes into production once one of them approves."
        ) % {"name": version}
    return _("%(name)s is in production, and the archive is being screened anew.") % {"name": version}


def _request(pk: int) -> PromotionRequest:
    related = PromotionRequest.objects.select_related(
        "signer", "proof__candidate", "proof__production", "answer__signer"
    )
    return get_object_or_404(related, pk=pk)


def _page(request: PageRequest, asked: PromotionRequest, form: ReasonForm, refused: str = "") -> HttpResponse:
    stale = "" if asked.is_answered else translated(asked.proof.why_not_promotable())
    context = {
        "asked": asked,
        "form": form,
        "refused": refused or stale,
        "is_own": asked.signer == request.user,
        "may_answer": request.user.has_perm(MAY_PROMOTE) and not asked.is_answered,
    }
    return render(request, "screening/promotion_request.html", context, status=422 if form.errors or refused else 200)
