"""Follow-ups: the list, one of them, opening and planning it, and signing its outcome."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import Prefetch
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from samples.models import Sample
from samples.models.samples import plain_text
from samples.requests import SignedInRequest, said_why, sent_number
from samples.sentences import translated
from screening.follow_up_forms import CallOffForm, FilesForm, OutcomeForm, PlanForm
from screening.models import EvidenceFile, FollowUp, FollowUpConflict, FollowUpError, Outcome, Review
from screening.models.follow_ups import FollowUpQuerySet

ROWS_A_PAGE = 50

CHOICES = {
    "open": FollowUpQuerySet.unfinished,
    "overdue": FollowUpQuerySet.overdue,
    "finished": FollowUpQuerySet.finished,
}


@permission_required("screening.view_followup", raise_exception=True)
def follow_up_list(request: SignedInRequest) -> HttpResponse:
    """What is asked for, the most urgent first; one's own, the overdue ones, and what is finished."""
    shown = request.GET.get("show", "open")
    rows = CHOICES.get(shown, FollowUpQuerySet.unfinished)(FollowUp.objects.visible_to(request.user))
    if shown == "mine":
        rows = rows.assigned_to(request.user)
    ordered = rows.order_by("-closed_at", "-pk") if shown == "finished" else rows.by_urgency()
    related = ordered.with_outcome().select_related("sample", "assigned_to", "prompted_by__reading__pattern")
    context = {
        "shown": shown,
        "page": Paginator(related.defer("prompted_by__evidence"), ROWS_A_PAGE).get_page(request.GET.get("page")),
    }
    return render(request, "screening/follow_up_list.html", context)


@permission_required("screening.add_followup", raise_exception=True)
def new(request: SignedInRequest) -> HttpResponse:
    """Open a follow-up: `?review=` of the verdict that asks for it, or `?sample=CODE`."""
    review = _review_of(request)
    if review and hasattr(review, "follow_up"):
        messages.info(request, _("A follow-up of this verdict is open already: here it is."))
        return redirect(review.follow_up)
    sample = review.result.reading.pattern.sample if review else _sample_of(request)
    if sample is None:
        messages.error(
            request, _("A follow-up is opened from a verdict or a sample. Give the pattern its sample first.")
        )
        return redirect("screening:follow-up-list")
    form = PlanForm(request.POST or None, sample=sample, initial={"question": review.reason} if review else None)
    if form.is_valid():
        try:
            opened = FollowUp.objects.open(sample, request.user, review=review, **form.asked())
        except FollowUpError as error:
            form.add_error(None, translated(error.sentence))
        else:
            messages.success(request, _("The follow-up of %(sample)s is open.") % {"sample": sample})
            return redirect(opened)
    context = {"form": form, "sample": sample, "review": review}
    return render(request, "screening/follow_up_form.html", context, status=422 if form.errors else 200)


@permission_required("screening.view_followup", raise_exception=True)
def follow_up(request: SignedInRequest, pk: int) -> HttpResponse:
    return page_of(request, whole_follow_up(request.user, pk))


@permission_required("screening.add_followup", raise_exception=True)
def plan(request: SignedInRequest, pk: int) -> HttpResponse:
    """Change what is asked, of whom and until when."""
    planned = get_object_or_404(FollowUp.objects.visible_to(request.user).select_related("sample"), pk=pk)
    form = PlanForm(request.POST or None, sample=planned.sample, instance=planned)
    context: dict[str, Any] = {"form": form, "follow_up": planned, "sample": planned.sample}
    if form.is_valid():
        try:
            FollowUp.objects.get(pk=pk).plan(
                by=request.user,
                edition=form.cleaned_data["edition"] or 0,
                why=said_why(request),
                **form.asked(),
            )
        except FollowUpConflict as conflict:
            typed = request.POST.copy()
            typed["edition"] = str(conflict.stored.edition)
            context |= {"form": PlanForm(typed, sample=planned.sample, instance=planned), "stored": conflict.stored}
            return render(request, "screening/follow_up_form.html", context, status=409)
        messages.success(request, _("Saved."))
        return redirect(planned)
    return render(request, "screening/follow_up_form.html", context, status=422 if form.errors else 200)


@require_POST
@permission_required("screening.add_outcome", raise_exception=True)
def sign(request: SignedInRequest, pk: int) -> HttpResponse:
    """Sign an outcome, for one technique or overall."""
    signed = whole_follow_up(request.user, pk)
    form = _outcome_form(signed, request)
    if form.is_valid():
        try:
            outcome = signed.sign(request.user, **form.said())
        except FollowUpError as error:
            form.add_error(None, translated(error.sentence))
            signed = whole_follow_up(request.user, pk)
        else:
            said = {"scope": outcome.scope, "verdict": outcome.get_verdict_display()}
            messages.success(request, _("Signed: %(scope)s, %(verdict)s.") % said)
            return redirect(signed)
    return page_of(request, signed, outcome_form=form)


@require_POST
@permission_required("screening.add_followup", raise_exception=True)
def call_off(request: SignedInRequest, pk: int) -> HttpResponse:
    called_off = whole_follow_up(request.user, pk)
    form = CallOffForm(request.POST)
    if not form.is_valid():
        return page_of(request, called_off, call_off_form=form)
    called_off.call_off(request.user, form.cleaned_data["why"])
    messages.success(request, _("The follow-up is called off. It can be taken up again."))
    return redirect(called_off)


@require_POST
@permission_required("screening.add_followup", raise_exception=True)
def take_up(request: SignedInRequest, pk: int) -> HttpResponse:
    taken_up = get_object_or_404(FollowUp.objects.visible_to(request.user), pk=pk)
    taken_up.take_up(request.user)
    messages.success(request, _("The follow-up is taken up again."))
    return redirect(taken_up)


def page_of(
    request: SignedInRequest,
    shown: FollowUp,
    *,
    outcome_form: OutcomeForm | None = None,
    files_form: FilesForm | None = None,
    call_off_form: CallOffForm | None = None,
) -> HttpResponse:
    """The page of one follow-up; with a form that was not right, for another try."""
    files = shown.kept_files
    fresh = outcome_form and _outcome_form(shown)  # the choices of a form that is shown again are those of now
    if outcome_form and fresh:
        outcome_form.fields["about"] = fresh.fields["about"]
    context = {
        "follow_up": shown,
        "sample": shown.sample,
        "standing": list(_standing(shown).values()),
        "outcomes": shown.outcomes.all(),
        "images": [file for file in files if file.is_image],
        "others": [file for file in files if not file.is_image],
        "put_away": [file for file in shown.files.all() if file.archived_at],
        "outcome_form": outcome_form or _outcome_form(shown),
        "files_form": files_form or FilesForm(),
        "call_off_form": call_off_form or CallOffForm(),
    }
    wrong = any(form is not None for form in (outcome_form, files_form, call_off_form))
    return render(request, "screening/follow_up.html", context, status=422 if wrong else 200)


def whole_follow_up(person: User, pk: int) -> FollowUp:
    """A follow-up with all that its page shows."""
    related = FollowUp.objects.visible_to(person).select_related(
        *("sample__system", "assigned_to", "opened_by", "review__signer"),
        *("prompted_by__reading__pattern", "prompted_by__model_version"),
    )
    outcomes = Outcome.objects.select_related("signer", "amends", "amended_by")
    files = EvidenceFile.objects.without_thumbnails().select_related("added_by")
    return get_object_or_404(
        related.prefetch_related(
            "phases", "lattice_measurements", Prefetch("files", files), Prefetch("outcomes", outcomes)
        ).defer("prompted_by__evidence", "prompted_by__model_version__config"),
        pk=pk,
    )


def _standing(shown: FollowUp) -> dict[str, Outcome]:
    """By technique; the overall one first."""
    standing = [outcome for outcome in shown.outcomes.all() if not hasattr(outcome, "amended_by")]
    return {outcome.technique: outcome for outcome in sorted(standing, key=lambda outcome: outcome.technique)}


def _outcome_form(shown: FollowUp, request: SignedInRequest | None = None) -> OutcomeForm:
    return OutcomeForm(request.POST if request else None, follow_up=shown, standing=_standing(shown))


def _review_of(request: SignedInRequest) -> Review | None:
    pk = sent_number(request.GET.get("review"))
    if pk is None:
        return None
    reviews = (
        Review.objects.visible_to(request.user).standing().select_related("result__reading__pattern__sample", "signer")
    )
    return reviews.filter(pk=pk, verdict=Review.Verdict.FOLLOW_UP).first()


def _sample_of(request: SignedInRequest) -> Sample | None:
    visible = Sample.objects.visible_to(request.user)
    return visible.filter(code__iexact=plain_text(request.GET.get("sample", ""))).first()
