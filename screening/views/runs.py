"""One upload as a table: what each file is, which sample it has, and what there is to do; and the list of uploads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from samples.models import Pattern, Sample
from samples.models.samples import plain_text
from samples.requests import said_why, sent_number
from samples.sentences import translated
from samples.xrd.sentences import Sentence
from screening.cards import Card, Progress, cards_of_run
from screening.forms import MarkedRowsForm
from screening.models import PackedFolder, ReceivedPattern, ScreeningRun
from screening.new_samples import NewSamplesForm
from screening.views import PageRequest

COMMIT_MARGIN = timedelta(seconds=5)
"""A result may be seen this long after the moment that is written in it."""

RUNS_A_PAGE = 50
ROWS_A_PAGE = 200
MOST_CODES = 12
"""Codes that are offered while one is typed."""


@permission_required("samples.view_pattern", raise_exception=True)
def run_list(request: PageRequest) -> HttpResponse:
    """All uploads, the newest first; a fixed number of queries."""
    runs = ScreeningRun.objects.visible_to(request.user).uploads().select_related("started_by", "undone_by")
    if request.GET.get("mine"):
        runs = runs.filter(started_by=request.user)
    page = Paginator(runs, RUNS_A_PAGE).get_page(request.GET.get("page"))
    shown = list(page.object_list)
    counts: dict[int, dict[str, int]] = {run.pk: {} for run in shown}
    rows = ReceivedPattern.objects.visible_to(request.user).with_standing().filter(run__in=shown).order_by()
    for run, standing, n in rows.values_list("run", "standing").annotate(n=Count("pk")):  # type: ignore[misc]  # annotated
        counts[run][standing] = n
    table = [(run, sum(counts[run.pk].values()), _named(counts[run.pk])) for run in shown]
    return render(request, "screening/run_list.html", {"page": page, "table": table})


@permission_required("samples.view_pattern", raise_exception=True)
def run(request: PageRequest, pk: int) -> HttpResponse:
    """All that came in with one upload."""
    return _page(request, pk)


@permission_required("samples.view_pattern", raise_exception=True)
def cards(request: PageRequest, pk: int) -> HttpResponse:
    """What has changed in a run since it was last asked for: one request for all of its cards."""
    run = get_object_or_404(ScreeningRun.objects.visible_to(request.user), pk=pk)
    cards = cards_of_run(run, request.user)
    context = run_context(request, run, cards)
    shown = _shown(request, cards)
    ask_again = context["progress"].is_incomplete
    changed = changed_since(request, shown) if ask_again else shown  # the last answer leaves no card behind
    return render(request, "screening/_cards.html", {**context, "ask_again": ask_again, "changed": changed})


@require_POST
@permission_required("samples.change_pattern", raise_exception=True)
def correct(request: PageRequest, pk: int) -> HttpResponse:
    """The samples that were typed into rows: one row by htmx, all of them without script."""
    run = get_object_or_404(ScreeningRun.objects.visible_to(request.user), pk=pk)
    typed = typed_codes(request)
    problems = run.received.visible_to(request.user).correct(typed, request.user)
    if request.htmx:
        cards = [card for card in cards_of_run(run, request.user) if card.pattern.pk in typed]
        return render(request, "screening/_corrected.html", {"run": run, "cards": _told(cards, problems, typed)})
    if problems:
        return _page(request, pk, problems=problems, typed=typed)
    messages.success(request, _("Saved."))
    return _back(request, run)


@require_POST
@permission_required("samples.change_pattern", raise_exception=True)
def move(request: PageRequest, pk: int) -> HttpResponse:
    """Give the marked rows to one sample."""
    run = get_object_or_404(ScreeningRun.objects.visible_to(request.user), pk=pk)
    form = MarkedRowsForm(request.POST, by=request.user, rows=run.received.visible_to(request.user))
    if not form.is_valid():
        return _page(request, pk, form=form)
    sample, n = (
        form.cleaned_data["sample"],
        form.cleaned_data["rows"].give_to(form.cleaned_data["sample"], request.user),
    )
    moved = ngettext("%(n)s pattern moved to %(code)s.", "%(n)s patterns moved to %(code)s.", n)
    messages.success(request, moved % {"n": n, "code": sample or _("the inbox")})
    return _back(request, run)


@require_POST
@permission_required("samples.change_pattern", raise_exception=True)
def set_aside(request: PageRequest, pk: int) -> HttpResponse:
    """Archive the marked rows, such as scans of a file that are not wanted, or take them back."""
    run = get_object_or_404(ScreeningRun.objects.visible_to(request.user), pk=pk)
    rows = [number for number in map(sent_number, request.POST.getlist("rows")) if number]
    patterns = Pattern.objects.visible_to(request.user).filter(received__run=run, pk__in=rows)
    if request.POST.get("back"):
        n = patterns.restore(request.user)
        said = ngettext("%(n)s pattern is back.", "%(n)s patterns are back.", n)
    else:
        n = patterns.archive(request.user)
        said = ngettext(
            "%(n)s pattern is set aside, in the archive.", "%(n)s patterns are set aside, in the archive.", n
        )
    messages.success(request, said % {"n": n})
    return _back(request, run)


@require_POST
@permission_required("samples.add_sample", raise_exception=True)
@permission_required("samples.change_pattern", raise_exception=True)
def log_samples(request: PageRequest, pk: int) -> HttpResponse:
    """Log the marked new samples, all or none, and give them their patterns."""
    run = get_object_or_404(ScreeningRun.objects.visible_to(request.user), pk=pk)
    form = NewSamplesForm(request.POST, rows=run.received.visible_to(request.user).proposing())
    if form.is_valid():
        try:
            n = run.log_samples(form.samples(), request.user)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            said = ngettext(
                "%(n)s sample is logged, with its patterns.", "%(n)s samples are logged, with their patterns.", n
            )
            messages.success(request, said % {"n": n})
            return _back(request, run)
    return _page(request, pk, new_samples=form)


@require_POST
@permission_required("samples.change_pattern", raise_exception=True)
def undo(request: PageRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(ScreeningRun.objects.visible_to(request.user).uploads(), pk=pk)
    if run.undo(request.user, said_why(request)):
        messages.success(request, _("The upload is undone: what it brought is in the archive. Nothing was deleted."))
        used = Sample.objects.visible_to(request.user).current().filter(logged_with__run=run).order_by("code")
        if codes := ", ".join(used.values_list("code", flat=True)):
            messages.info(
                request, _("These samples hold something else by now, and stay: %(codes)s.") % {"codes": codes}
            )
    return _back(request, run)


@require_POST
@permission_required("samples.change_pattern", raise_exception=True)
def redo(request: PageRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(ScreeningRun.objects.visible_to(request.user).uploads().exclude(undone_at=None), pk=pk)
    if run.redo(request.user, said_why(request)):
        messages.success(request, _("The upload is back, as it was."))
    return _back(request, run)


@permission_required("samples.view_sample", raise_exception=True)
def codes(request: PageRequest) -> HttpResponse:
    """Codes that begin as it was typed, as options of a list."""
    begun = plain_text(request.GET.get("q", ""))
    samples = Sample.objects.visible_to(request.user).current()
    samples = samples.filter(code__istartswith=begun) if begun else samples.none()
    found = samples.order_by("code").values_list("code", "composition_text")[:MOST_CODES]
    return render(request, "screening/_codes.html", {"found": found})


def run_address(run: ScreeningRun, sample: Sample | None = None) -> str:
    """The page of a run; it remembers the sample that the files were meant for, as duplicates may lie elsewhere."""
    address = reverse("screening:run", args=[run.pk])
    return f"{address}?{urlencode({'sample': sample.code})}" if sample else address


def run_context(request: PageRequest, run: ScreeningRun, cards: list[Card]) -> dict[str, Any]:
    """What the progress and each card need to know of their run."""
    code = request.GET.get("sample") or request.POST.get("sample") or ""
    kept = {name: request.GET[name] for name in ("sample", "show", "page") if request.GET.get(name)}
    return {
        "run": run,
        "progress": Progress.of(cards),
        "asked_at": timezone.now(),
        "target": Sample.objects.visible_to(request.user).current().filter(code__iexact=code).first() if code else None,
        "query": urlencode(kept),
        "packed": PackedFolder.objects.unfinished().filter(run=run, run__started_by=request.user).first(),
    }


def changed_since(request: PageRequest, cards: list[Card]) -> list[Card]:
    """The cards that finished after the moment that the request names."""
    since = _since(request)
    if since is None:
        return cards
    return [card for card in cards if card.finished_at and card.finished_at >= since - COMMIT_MARGIN]


def typed_codes(request: PageRequest) -> dict[int, str]:
    """What was typed into the sample of each row, by id of the pattern."""
    typed = {name.removeprefix("sample-"): code for name, code in request.POST.items() if name.startswith("sample-")}
    return {number: str(code) for name, code in typed.items() if (number := sent_number(name))}


def _page(
    request: PageRequest,
    pk: int,
    *,
    problems: dict[int, Sentence] | None = None,
    typed: dict[int, str] | None = None,
    **forms: Any,
) -> HttpResponse:
    """The whole page, with what was filled in wrongly shown again as it was typed."""
    shown = get_object_or_404(
        ScreeningRun.objects.visible_to(request.user).select_related("started_by", "undone_by"), pk=pk
    )
    cards = cards_of_run(shown, request.user)
    counts = Counter(card.standing for card in cards)
    page = Paginator(_wanted(request, cards), ROWS_A_PAGE).get_page(request.GET.get("page"))
    context = {
        **run_context(request, shown, cards),
        "cards": _told(page.object_list, problems or {}, typed or {}),
        "page": page,
        "counts": _named(counts),
        "n_rows": len(cards),
        "show": request.GET.get("show", ""),
        "refused": shown.refused.all(),
        "form": MarkedRowsForm(by=request.user, rows=shown.received.none()),
        "new_samples": NewSamplesForm(rows=[card.row for card in cards if card.row and card.standing == "new_sample"]),
        "marked": set(request.POST.getlist("rows")),
        **forms,
    }
    return render(request, "screening/run.html", context, status=422 if forms or problems else 200)


def _wanted(request: PageRequest, cards: list[Card]) -> list[Card]:
    show = request.GET.get("show")
    return [card for card in cards if card.standing == show] if show else cards


def _shown(request: PageRequest, cards: list[Card]) -> list[Card]:
    """The cards on the page that asks: the upload page has all of them, that of a run one page of those wanted."""
    if not request.GET.get("page"):
        return _wanted(request, cards)
    return list(Paginator(_wanted(request, cards), ROWS_A_PAGE).get_page(request.GET["page"]).object_list)


def _named(counts: dict[str, int]) -> list[tuple[str, Any, int]]:
    """Each standing with its words, of those that there are any of."""
    return [(s.value, s.label, counts[s.value]) for s in ReceivedPattern.Standing if counts.get(s.value)]


def _told(cards: Iterable[Card], problems: dict[int, Sentence], typed: dict[int, str]) -> list[Card]:
    """The cards, each with what was typed for it and could not be taken."""
    return [
        replace(card, typed=typed[card.pattern.pk], problem=translated(problems[card.pattern.pk]))
        if card.pattern.pk in problems
        else card
        for card in cards
    ]


def _back(request: PageRequest, run: ScreeningRun) -> HttpResponse:
    """The page of the run, as it was filtered."""
    address = reverse("screening:run", args=[run.pk])
    kept = {name: request.GET[name] for name in ("sample", "show", "page") if request.GET.get(name)}
    return redirect(f"{address}?{urlencode(kept)}" if kept else address)


def _since(request: PageRequest) -> datetime | None:
    try:
        moment = parse_datetime(request.GET.get("since") or request.POST.get("since") or "")
    except ValueError:
        return None
    return moment if moment and timezone.is_aware(moment) else None
