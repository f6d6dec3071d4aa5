"""The review queue: the list, one candidate a screen, verdicts and their taking back."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import Count, Max, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from samples.models import AlloySystem, Pattern
from samples.requests import SignedInRequest, sent_number
from samples.sentences import translated
from screening.cards import Card, cards_of
from screening.models import Candidate, ReferencePhase, Review, ReviewError, ScreeningResult
from screening.models.candidates import CandidateQuerySet
from screening.reader_agreement import agreement_of_readers
from screening.review_forms import BatchVerdictForm, VerdictForm
from screening.review_queue import ORDER_WORDS, ORDERS, ReviewQueue, sisters
from screening.templatetags.printed import probability_relation
from screening.views.patterns import figure_context
from screening.why import why_of

MOST_LISTED = 1_000
ROWS_A_PAGE = 50
N_REASONS = 8
N_NEWEST = 10


@permission_required("screening.view_candidate", raise_exception=True)
def review_list(request: SignedInRequest, form: BatchVerdictForm | None = None) -> HttpResponse:
    """The first MOST_LISTED of what waits, in the order asked for; several calls can be judged at once."""
    queue = ReviewQueue.asked(request.user, request.GET)
    waiting = Candidate.objects.visible_to(request.user).waiting().current().order_by(*ORDERS[queue.order])
    if queue.system_key:
        waiting = waiting.filter(system_key=queue.system_key)
    shown = waiting.select_related("result__reading__pattern__sample", "claimed_by").defer("result__evidence")
    context = {
        "queue": queue,
        "orders": ORDER_WORDS.items(),
        "page": Paginator(shown[:MOST_LISTED], ROWS_A_PAGE).get_page(request.GET.get("page")),
        "most_listed": MOST_LISTED,
        "systems": AlloySystem.objects.all(),
        "n_by_level": _counted_by_level(request.user),
        "agreement": agreement_of_readers(request.user),
        "judged": _newest_verdicts(request.user),
        "form": form or BatchVerdictForm(by=request.user),
        "is_blind": _is_blind(request),
    }
    return render(request, "screening/review_list.html", context, status=422 if form and form.errors else 200)


@require_POST
@permission_required("screening.add_review", raise_exception=True)
def batch(request: SignedInRequest) -> HttpResponse:
    """Sign one verdict for each of the marked calls; those that cannot be signed are told, the others stand."""
    form = BatchVerdictForm(request.POST, by=request.user)
    if not form.is_valid():
        return review_list(request, form)
    refused = []
    candidates = list(form.cleaned_data["candidates"])
    for candidate in candidates:
        try:
            candidate.result.add_review(request.user, blind=_was_read_blind(request), **form.said())
        except ReviewError as error:
            refused.append(f"{candidate}: {translated(error.sentence)}")
    n_signed = len(candidates) - len(refused)
    if not n_signed:
        form.add_error(None, refused)
        return review_list(request, form)
    messages.success(
        request, ngettext("%(n)s verdict is signed.", "%(n)s verdicts are signed.", n_signed) % {"n": n_signed}
    )
    for sentence in refused:
        messages.warning(request, sentence)
    return redirect(f"{reverse('screening:review-list')}?{request.GET.urlencode()}")


@permission_required("screening.add_review", raise_exception=True)
def review_next(request: SignedInRequest) -> HttpResponse:
    """Take the next candidate, after (or before) the one that the address names."""
    queue = ReviewQueue.asked(request.user, request.GET)
    after, before = _named(request, "after"), _named(request, "before")
    taken = queue.take_previous(before) if before else queue.take_next(after)
    left = before or after
    if left and taken:
        left.release(request.user)
    if taken is None:
        messages.info(request, _("Nothing is left in the queue for you."))
        return redirect("screening:review-list")
    return redirect(f"{reverse('screening:review', args=[taken.result_id])}?{queue.address}")


@permission_required("screening.add_review", raise_exception=True)
def review(request: SignedInRequest, pk: int) -> HttpResponse:
    """One candidate: its evidence, and the verdict on it."""
    candidate = get_object_or_404(_with_sample(request.user), result=pk)
    queue = ReviewQueue.asked(request.user, request.GET)
    form = VerdictForm(request.POST or None)
    if form.is_valid():
        try:
            signed = candidate.result.add_review(request.user, blind=_was_read_blind(request), **form.said())
        except ReviewError as error:
            form.add_error(None, translated(error.sentence))
        else:
            said = {"pattern": candidate.result.reading.pattern, "verdict": signed.said}
            messages.success(request, _("Signed: %(pattern)s, %(verdict)s.") % said)
            if signed.blind:
                messages.info(request, _call_of(candidate.result))
            return redirect(f"{reverse('screening:review-next')}?{queue.address}&after={pk}")
    return _page(request, candidate, queue, form)


@require_POST
@permission_required("screening.add_review", raise_exception=True)
def undo(request: SignedInRequest, pk: int) -> HttpResponse:
    """Take one's own verdict back, and look at its call again."""
    given = get_object_or_404(Review.objects.visible_to(request.user), pk=pk)
    try:
        given.withdraw(request.user, reason="Undone in the review queue.")
    except ReviewError as error:
        messages.error(request, translated(error.sentence))
        return redirect("screening:review-list")
    messages.info(
        request,
        _("Your verdict “%(verdict)s” is taken back; both entries stay in the trail.") % {"verdict": given.said},
    )
    queue = ReviewQueue.asked(request.user, request.GET)
    return redirect(f"{reverse('screening:review', args=[given.result_id])}?{queue.address}")


@require_POST
@permission_required("screening.add_review", raise_exception=True)
def blind(request: SignedInRequest) -> HttpResponse:
    """Read without the network's call from now on, or with it again."""
    request.session["blind_reading"] = request.POST.get("blind") == "1"
    back = sent_number(request.POST.get("back"))
    return redirect("screening:review", back) if back else redirect("screening:review-list")


def _page(request: SignedInRequest, candidate: Candidate, queue: ReviewQueue, form: VerdictForm) -> HttpResponse:
    reviewer, result = request.user, candidate.result
    pattern = result.reading.pattern
    own = result.reviews.standing().filter(signer=reviewer).select_related("phase").first()
    is_own_upload = settings.REVIEW_FOUR_EYES and candidate.uploader_id == reviewer.pk
    is_held = not own and not is_own_upload and candidate.claim(reviewer)
    if not is_held:
        candidate.refresh_from_db(fields=["claimed_by", "claimed_until", "closed_at"])
    is_blind = _is_blind(request) and not own
    card = Card(pattern, result.reading, result)
    sample = pattern.sample
    phases = ReferencePhase.objects.current()
    context = {
        **figure_context(card),
        "card": card,
        "candidate": candidate,
        "result": result,
        "pattern": pattern,
        "sample": sample,
        "steps": sample.steps.all() if sample else [],
        "sisters": sisters(sample, reviewer) if sample else [],
        "others": _other_patterns(pattern),
        "phases": phases.within(sample.system.elements) if sample else list(phases.defer("sticks")),
        "form": form,
        "queue": queue,
        "orders": ORDER_WORDS.items(),
        "left": queue.left(),
        "is_held": is_held,
        "is_current": Candidate.objects.current().filter(pk=candidate.pk).exists(),
        "is_own_upload": is_own_upload,
        "is_blind": is_blind,
        "why": None if is_blind else why_of(result),
        "own": own,
        "others_said": result.reviews.standing().exclude(signer=reviewer).select_related("signer")
        if own or candidate.closed_at
        else [],
        "last": Review.objects.visible_to(reviewer)
        .filter(signer=reviewer)
        .select_related("result__reading__pattern")
        .standing()
        .first(),
        "reasons": _reasons_of(request),
        "review_keys": True,
    }
    return render(request, "screening/review.html", context, status=422 if form.errors else 200)


def _with_sample(person: User) -> CandidateQuerySet:
    return Candidate.objects.visible_to(person).select_related(
        "result__model_version", "result__reading__pattern__sample__system", "result__reading__pattern__sample__parent",
        "result__reading__pattern__uploaded_by", "claimed_by",
    ).defer("result__model_version__config")  # fmt: skip


def _named(request: SignedInRequest, name: str) -> Candidate | None:
    """The candidate whose result the address names."""
    pk = sent_number(request.GET.get(name))
    return Candidate.objects.visible_to(request.user).filter(result=pk).first() if pk else None


def _is_blind(request: SignedInRequest) -> bool:
    return bool(request.session.get("blind_reading"))


def _was_read_blind(request: SignedInRequest) -> bool:
    """The page that this verdict comes from hid the calls, and not only the one that is looked at by now."""
    return _is_blind(request) and "read_blind" in request.POST


def _call_of(result: ScreeningResult) -> str:
    if result.probability is None:
        return _("The network said: class %(level)s.") % {"level": result.level}
    said = {"level": result.level, "p": probability_relation(result.probability)}
    return _("The network said: class %(level)s, p %(p)s.") % said


def _other_patterns(pattern: Pattern) -> list[Card]:
    """The other patterns of the same sample, newest first."""
    if pattern.sample is None:
        return []
    others = Pattern.objects.current().filter(sample=pattern.sample).exclude(pk=pattern.pk)
    return cards_of(others.select_related("sample").with_current_reading()[:8])


def _counted_by_level(person: User) -> dict[str, int]:
    waiting = Candidate.objects.visible_to(person).waiting().current()
    counted = waiting.order_by("level").values("level").annotate(n=Count("pk"))
    return {row["level"]: row["n"] for row in counted}


def _newest_verdicts(reader: User) -> list[Review]:
    """One's own, and those on calls that no second reader is still to judge."""
    told = Review.objects.visible_to(reader).filter(Q(signer=reader) | Q(result__candidate__closed_at__isnull=False))
    return list(told.select_related("result__reading__pattern", "signer").defer("result__evidence")[:N_NEWEST])


def _reasons_of(request: SignedInRequest) -> list[str]:
    """What this person gave as reasons lately, to be chosen again."""
    mine = Review.objects.filter(signer=request.user, withdraws=None)
    lately = mine.order_by().values("reason").annotate(last=Max("number")).order_by("-last")
    return [row["reason"] for row in lately[:N_REASONS]]
