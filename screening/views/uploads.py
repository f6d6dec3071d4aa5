"""Upload of many files at once, the cards that tell what came of each, and the inbox of those without a sample."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.files.uploadedfile import UploadedFile
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from samples.models import Pattern, Receipt, Sample
from samples.sentences import translated
from screening.cards import Card, Progress, cards_of, cards_of_run
from screening.forms import InboxForm, UploadForm
from screening.matching import SampleMatcher
from screening.models import ScreeningRun
from screening.views import PageRequest

COMMIT_MARGIN = timedelta(seconds=5)
"""A result may be seen this long after the moment that is written in it."""

INBOX_PAGE = 100


@permission_required("samples.add_pattern", raise_exception=True)
def upload(request: PageRequest) -> HttpResponse:
    """Take files in; the browser sends many in groups of one run and gets the cards of each group at once."""
    if request.method != "POST":
        return render(request, "screening/upload.html", {"form": UploadForm(initial=request.GET.dict())})
    form = UploadForm(request.POST)
    files = request.FILES.getlist("files")
    if not files:
        form.add_error(None, _("No file arrived. Choose one or more files and send them again."))
    if not form.is_valid():
        return render(request, "screening/upload.html", {"form": form}, status=422)
    run = _run_to_join(request) or ScreeningRun.objects.start(ScreeningRun.Why.UPLOAD, by=request.user)
    sample = form.cleaned_data["sample"]
    listed = set(run.received.values_list("pattern_id", flat=True))
    receipts = _receive(run, files, sample)
    if request.htmx:
        return _new_cards_response(request, run, receipts, listed)
    for receipt in receipts:
        if receipt.failure and not receipt.patterns:
            messages.error(request, f"{receipt.name}: {translated(receipt.failure)}")
    return redirect(run_address(run, sample))


@permission_required("samples.view_pattern", raise_exception=True)
def run(request: PageRequest, pk: int) -> HttpResponse:
    """All that came in with one upload."""
    shown = get_object_or_404(ScreeningRun.objects.select_related("started_by"), pk=pk)
    cards = cards_of_run(shown)
    return render(request, "screening/run.html", {**_run_context(request, shown, cards), "cards": cards})


@permission_required("samples.view_pattern", raise_exception=True)
def cards(request: PageRequest, pk: int) -> HttpResponse:
    """What has changed in a run since it was last asked for: one request for all of its cards."""
    run = get_object_or_404(ScreeningRun, pk=pk)
    cards = cards_of_run(run)
    context = _run_context(request, run, cards)
    ask_again = context["progress"].is_incomplete
    changed = _changed(cards, _since(request)) if ask_again else cards  # the last answer leaves no card behind
    return render(request, "screening/_cards.html", {**context, "ask_again": ask_again, "changed": changed})


@permission_required("samples.view_pattern", raise_exception=True)
def inbox(request: PageRequest) -> HttpResponse:
    """Patterns without a sample; give several of them to one."""
    may_move = request.user.has_perm("samples.change_pattern")
    form = InboxForm(request.POST if request.method == "POST" and may_move else None)
    if form.is_valid():
        sample, patterns = form.cleaned_data["sample"], form.cleaned_data["patterns"]
        for pattern in patterns:
            pattern.move_to(sample, request.user)
        n = len(patterns)
        moved = ngettext("%(n)s pattern moved to %(code)s.", "%(n)s patterns moved to %(code)s.", n)
        messages.success(request, moved % {"n": n, "code": sample.code})
        return redirect("screening:inbox")
    waiting = Pattern.objects.in_inbox().select_related("sample", "uploaded_by").with_current_reading()
    page = Paginator(waiting, INBOX_PAGE).get_page(request.GET.get("page"))
    marked = set(request.POST.getlist("patterns"))
    return render(
        request,
        "screening/inbox.html",
        {"form": form, "page": page, "cards": cards_of(page.object_list), "marked": marked},
        status=422 if form.errors else 200,
    )


def run_address(run: ScreeningRun, sample: Sample | None) -> str:
    """The page of a run; it remembers the sample that the files were meant for, as duplicates may lie elsewhere."""
    address = reverse("screening:run", args=[run.pk])
    return f"{address}?sample={sample.code}" if sample else address


def _run_to_join(request: PageRequest) -> ScreeningRun | None:
    """The run that an earlier group of the same upload started."""
    number = request.POST.get("run", "")
    return ScreeningRun.objects.uploads_of(request.user).filter(pk=number).first() if number.isdecimal() else None


def _receive(run: ScreeningRun, files: list[UploadedFile[bytes]], sample: Sample | None) -> list[Receipt]:
    matcher = SampleMatcher()
    return [run.receive(file, name=file.name or "", sample=sample, matcher=matcher) for file in files]


def _new_cards_response(
    request: PageRequest, run: ScreeningRun, receipts: list[Receipt], listed: set[int]
) -> HttpResponse:
    """The cards of one group of files, and what changed of those that the page has already (``listed``)."""
    cards = {card.pattern.pk: card for card in cards_of_run(run)}
    changed = _changed([cards[pk] for pk in listed], _since(request))
    added: list[Card] = []
    refused: list[Receipt] = []
    repeated: list[Receipt] = []
    for receipt in receipts:
        new = [pattern.pk for pattern in receipt.patterns if pattern.pk not in listed]
        listed.update(new)
        added.extend(cards[pk] for pk in new)
        if not receipt.patterns:
            refused.append(receipt)
        elif not new:
            repeated.append(receipt)
    context = {
        **_run_context(request, run, list(cards.values())),
        "ask_again": True,  # in any case: the last answer to that leaves no card behind
        "added": added,
        "changed": changed,
        "refused": refused,
        "repeated": repeated,
    }
    return render(request, "screening/_cards.html", context)


def _run_context(request: PageRequest, run: ScreeningRun, cards: list[Card]) -> dict[str, Any]:
    code = request.GET.get("sample") or request.POST.get("sample") or ""
    return {
        "run": run,
        "progress": Progress.of(cards),
        "asked_at": timezone.now(),
        "target": Sample.objects.current().filter(code__iexact=code).first() if code else None,
    }


def _since(request: PageRequest) -> datetime | None:
    try:
        moment = parse_datetime(request.GET.get("since") or request.POST.get("since") or "")
    except ValueError:
        return None
    return moment if moment and timezone.is_aware(moment) else None


def _changed(cards: list[Card], since: datetime | None) -> list[Card]:
    """The cards that finished after ``since``."""
    if since is None:
        return cards
    return [card for card in cards if card.finished_at and card.finished_at >= since - COMMIT_MARGIN]
