"""The page of one pattern: what was measured, what the network says of it, and what people do about it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from mlmodels.net.grid import A_R_MAX, A_R_MIN
from samples.comment_forms import CommentForm
from samples.models import Comment, Pattern
from samples.requests import said_why, sent_number
from samples.sentences import translated
from samples.xrd.bragg import CU_KALPHA1
from samples.xrd.sentences import PatternFileError
from screening.cards import Card, cards_of
from screening.figures import predicted_reflections
from screening.forms import CorrectionForm, MoveForm, RefinementForm
from screening.models import ScreeningResult, ScreeningRun
from screening.refinement import refine_on_peaks
from screening.views import PageRequest
from screening.why import why_of

START_A_R = 5.0
"""Where the slider stands (Å) before there is a call: in the middle of what the network looks at."""


@permission_required("samples.view_pattern", raise_exception=True)
def pattern(request: PageRequest, pk: int) -> HttpResponse:
    return _page(request, _card(request, pk))


@permission_required("samples.view_pattern", raise_exception=True)
def call(request: PageRequest, pk: int) -> HttpResponse:
    """The call alone: the page asks for it until it stands."""
    card = _card(request, pk)
    return render(request, "screening/_call.html", {"card": card, "why": why_of(card.result)})


@require_POST
@permission_required("samples.change_pattern", raise_exception=True)
def move(request: PageRequest, pk: int) -> HttpResponse:
    card = _card(request, pk)
    form = MoveForm(request.POST, by=request.user)
    if not form.is_valid():
        return _page(request, card, move_form=form)
    card.pattern.move_to(form.cleaned_data["sample"], request.user, said_why(request))
    messages.success(request, _("Moved to %(place)s.") % {"place": card.pattern.sample or _("the inbox")})
    return _back(request, pk)


@require_POST
@permission_required("samples.change_pattern", raise_exception=True)
def archive(request: PageRequest, pk: int) -> HttpResponse:
    """Put the pattern away, or take it out of the archive again; nothing is deleted."""
    pattern = get_object_or_404(Pattern.objects.visible_to(request.user), pk=pk)
    if pattern.archived_at:
        pattern.restore(request.user, said_why(request))
        messages.success(request, _("Restored from the archive."))
    else:
        pattern.archive(request.user, said_why(request))
        messages.success(request, _("Archived; nothing was deleted. “Restore” brings it back."))
    return _back(request, pk)


@require_POST
@permission_required("samples.change_pattern", raise_exception=True)
def mark(request: PageRequest, pk: int) -> HttpResponse:
    """A measurement, or the scan of a blank or an empty holder, which is not screened."""
    pattern = get_object_or_404(Pattern.objects.visible_to(request.user), pk=pk)
    kind = request.POST.get("kind", "")
    if kind not in Pattern.Kind.values:
        return HttpResponseBadRequest()
    ScreeningRun.objects.mark(pattern, Pattern.Kind(kind), request.user, said_why(request))
    return redirect("screening:pattern", pk)


@require_POST
@permission_required("samples.add_reading", raise_exception=True)
def correct(request: PageRequest, pk: int) -> HttpResponse:
    """A new reading, screened at once; the old one stays."""
    card = _card(request, pk)
    form = CorrectionForm(request.POST, pattern=card.pattern, by=request.user)
    if form.is_valid():
        try:
            ScreeningRun.objects.correct(card.pattern, request.user, **form.cleaned_data)
        except PatternFileError as error:
            form.add_error(None, translated(error.sentence))
        else:
            messages.success(request, _("Corrected: a new reading was made, and the old one stays."))
            return redirect("screening:pattern", pk)
    return _page(request, card, correction_form=form)


@require_POST
@permission_required("samples.add_pattern", raise_exception=True)
def retry(request: PageRequest, pk: int) -> HttpResponse:
    ScreeningRun.objects.retry(get_object_or_404(Pattern.objects.visible_to(request.user), pk=pk), request.user)
    return _back(request, pk)


@require_POST
@permission_required("samples.view_pattern", raise_exception=True)
def refine(request: PageRequest, pk: int) -> HttpResponse:
    """Pick the peaks and refine a_R on them; nothing is stored."""
    card = _card(request, pk)
    form = RefinementForm(request.POST)
    refinement = None
    if card.reading and form.is_valid():
        start, lattice_type = form.cleaned_data["quasilattice_constant"], form.cleaned_data["lattice_type"]
        refinement = refine_on_peaks(card.reading, start, lattice_type)
    if request.htmx:
        part = {"card": card, "refinement_form": form, "refinement": refinement}
        return render(request, "screening/_refinement.html", part)
    return _page(request, card, refinement_form=form, refinement=refinement)


def _card(request: PageRequest, pk: int) -> Card:
    patterns = (
        Pattern.objects.visible_to(request.user)
        .select_related("sample__system", "file", "uploaded_by")
        .with_current_reading()
    )
    return cards_of([get_object_or_404(patterns, pk=pk)])[0]


def _back(request: PageRequest, pk: int) -> HttpResponse:
    """To the batch that the button stood in, else to the pattern."""
    run, sample = sent_number(request.POST.get("run")), request.POST.get("run_sample", "")
    if run is None:
        return redirect("screening:pattern", pk)
    address = reverse("screening:run", args=[run])
    return redirect(f"{address}?{urlencode({'sample': sample})}" if sample else address)


def _page(request: PageRequest, card: Card, **forms: Any) -> HttpResponse:
    """The whole page; ``forms`` are those that were filled in wrongly, to be shown again as they were typed."""
    readings = card.pattern.readings.select_related("made_by", "blank__pattern").prefetch_related(
        "results__model_version"
    )
    figure = figure_context(card)
    previous, following = _neighbours(card.pattern)
    context = {
        **figure,
        "card": card,
        "why": why_of(card.result),
        "pattern": card.pattern,
        "readings": readings,
        "other_results": _other_results(card),
        "previous": previous,
        "next": following,
        "move_form": MoveForm(by=request.user, initial={"sample": card.pattern.sample}),
        "correction_form": CorrectionForm(
            pattern=card.pattern, by=request.user, initial={"wavelength": figure["facts"]["wavelength"]}
        ),
        "refinement_form": RefinementForm(
            initial={
                "quasilattice_constant": figure["a_r"],
                "lattice_type": (card.result.lattice_type if card.result else "") or "F",
            }
        ),
        "comments": Comment.objects.about(card.pattern),
        "comment_form": CommentForm(),
        **forms,
    }
    is_wrong = any(form.errors for form in forms.values() if hasattr(form, "errors"))
    return render(request, "screening/pattern.html", context, status=422 if is_wrong else 200)


def figure_context(card: Card) -> dict[str, Any]:
    """What screening/_pattern_figure.html draws the pattern of ``card`` from."""
    wavelength = card.reading.wavelength if card.reading else None
    start = card.result.quasilattice_constant if card.result else None
    return {
        "facts": _facts(wavelength),
        "a_r": f"{start or START_A_R:.3f}",
        "a_r_min": A_R_MIN,
        "a_r_max": A_R_MAX,
        "is_cu": wavelength is not None and abs(wavelength - CU_KALPHA1) < 1e-4,
        "reflections_shown": card.result.lattice_type if card.result and card.result.level in {"A", "B", "C"} else "",
    }


def _neighbours(pattern: Pattern) -> tuple[int | None, int | None]:
    """The patterns of the same sample that came before and after this one."""
    if pattern.sample is None:
        return None, None
    sisters = Pattern.objects.current().filter(sample=pattern.sample).order_by("pk").values_list("pk", flat=True)
    return sisters.filter(pk__lt=pattern.pk).last(), sisters.filter(pk__gt=pattern.pk).first()


def _other_results(card: Card) -> list[ScreeningResult]:
    """What other versions say of the same reading."""
    if card.reading is None:
        return []
    results = card.reading.results.select_related("model_version").defer("evidence")
    return list(results.exclude(pk=card.result.pk) if card.result else results)


def _facts(wavelength: float | None) -> dict[str, Any]:
    """What the script of the page needs to place reflections on any axis, in the words of the reader's language."""
    return {
        "wavelength": wavelength,
        "reflections": predicted_reflections() if wavelength else [],
        "words": {
            "fundamental": _("icosahedral"),
            "superlattice": _("icosahedral, superlattice (F only)"),
            "multiplicity": _("multiplicity"),
            "intensity": _("intensity"),
            "peaks": _("picked peaks"),
        },
    }
