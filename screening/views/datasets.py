"""Data sets: the list, a draft with what it would hold, what a frozen one holds, and the freeze between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import HttpResponseClientRefresh

from mlmodels.models import Dataset, DatasetConflict, DatasetEntry, DatasetError, Label, Split
from mlmodels.soundness import damage_to
from samples.sentences import translated
from screening.curation.drawing import Drawing, DrawnEntry, DrawnExclusion
from screening.curation.freezing import freeze as freeze_draft
from screening.curation.freezing import why_not
from screening.curation.holdings import Holdings, rows_of_draft, rows_of_frozen, with_level
from screening.curation.labelling import weights_in_words
from screening.curation.question import Question
from screening.curation.reasons import Reason
from screening.dataset_forms import ChoiceForm, FreezeForm, LeftOutForm, NewDatasetForm, QuestionForm, ShownForm
from screening.models import FreezingJob
from screening.views import PageRequest

ROWS_A_PAGE = 50
MOST_TO_FREEZE_HERE = 1_000
"""Entries that are frozen while somebody waits, within a second; a worker freezes larger sets."""
MOST_TO_DRAW_HERE = 5_000
"""Patterns that a question looks at while the page is waited for; of more, the page comes first and asks for what they make after it."""
MOST_TO_CHECK_HERE = 20_000
"""Entries whose files are looked at while somebody waits; larger sets are looked at by `manage.py verify_dataset`."""


@permission_required("mlmodels.view_dataset", raise_exception=True)
def dataset_list(request: HttpRequest) -> HttpResponse:
    """Every version, newest first under each name; one query."""
    rows = Dataset.objects.current().select_related("frozen_by", "changed_by", "based_on")
    return render(request, "screening/dataset_list.html", {"datasets": rows})


@permission_required("mlmodels.add_dataset", raise_exception=True)
def new(request: PageRequest) -> HttpResponse:
    form = NewDatasetForm(request.POST or None, person=request.user)
    if form.is_valid():
        try:
            draft = Dataset.objects.begin(form.cleaned_data["name"], request.user, **form.asked())
        except (DatasetError, ValidationError) as error:
            _say(form, error)
        else:
            return redirect(draft)
    return render(request, "screening/dataset_form.html", {"form": form}, status=422 if form.errors else 200)


@permission_required("mlmodels.change_dataset", raise_exception=True)
def edit(request: PageRequest, pk: int) -> HttpResponse:
    """Change the question of a draft; what two people typed at once is kept for both."""
    draft = get_object_or_404(Dataset.objects.drafts(), pk=pk)
    form = QuestionForm(request.POST or None, person=request.user, dataset=draft)
    context: dict[str, Any] = {"form": form, "dataset": draft}
    if form.is_valid():
        try:
            draft.revise(by=request.user, edition=form.cleaned_data["edition"] or 0, **form.asked())
        except DatasetConflict as conflict:
            typed = request.POST.copy()
            typed["edition"] = str(conflict.stored.edition)
            context["form"] = QuestionForm(typed, person=request.user, dataset=draft)
            context["stored"] = conflict.stored
            context["stored_question"] = Question.restored(conflict.stored.question)
            return render(request, "screening/dataset_form.html", context, status=409)
        except (DatasetError, ValidationError) as error:
            _say(form, error)
        else:
            return redirect(draft)
    return render(request, "screening/dataset_form.html", context, status=422 if form.errors else 200)


@vary_on_headers("HX-Request")
@permission_required("mlmodels.view_dataset", raise_exception=True)
def dataset(request: PageRequest, pk: int) -> HttpResponse:
    """A frozen set; or a draft, of which the large part is loaded after the page where it takes long."""
    shown = get_object_or_404(
        Dataset.objects.select_related("based_on", "frozen_by", "changed_by", "freeze_entry"), pk=pk
    )
    if shown.is_frozen:  # meanwhile, where a part of the draft is asked for
        return (
            HttpResponseClientRefresh()
            if request.htmx
            else render(request, "screening/dataset.html", _frozen(request, shown))
        )
    if request.htmx:
        return render(request, "screening/_dataset_draft.html", _draft(request, shown))
    freezing = shown.freezing_jobs.exclude(state=FreezingJob.State.DONE).select_related("asked_by").first()
    later = _what_takes_long(request, shown)
    context = later or _draft(request, shown)
    return render(request, "screening/dataset.html", context | {"freezing": freezing})


def _what_takes_long(request: PageRequest, draft: Dataset) -> dict[str, Any] | None:
    """What a page shows of a large draft until it has asked for the rest; None where it is small, or waited for all the same."""
    n = Question.restored(draft.question).patterns(request.user).count()
    if n <= MOST_TO_DRAW_HERE or "now" in request.GET:
        return None
    return _context(draft) | {"n_looked_at": n}


def _draft(request: PageRequest, draft: Dataset) -> dict[str, Any]:
    """A fixed number of queries, whatever the question finds."""
    drawing = Drawing(draft, request.user)
    context = _of_drawing(drawing) | {
        "left_out": list(drawing.left_out_by_reason.most_common()),
        "n_left_out": len(drawing.left_out),
        "shows_left_out": request.GET.get("show") == "left-out",
        "by_hand": drawing.record.choices,
    }
    if context["shows_left_out"]:
        form: ShownForm = LeftOutForm(request.GET)
        found: Sequence[Any] = [one for one in drawing.left_out if _is_shown(one, form.said())]
    else:
        form = ShownForm(request.GET)
        found = [one for one in drawing.entries if _is_shown(one, form.said())]
    page = Paginator(found, ROWS_A_PAGE).get_page(request.GET.get("page"))
    if not context["shows_left_out"]:
        context["rows"] = rows_of_draft(list(page))
    return context | {"page": page, "shown_form": form, "n_found": len(found)}


def _of_drawing(drawing: Drawing) -> dict[str, Any]:
    """What a draft would hold, as its page and the freeze show it."""
    return _context(drawing.dataset) | {
        "holdings": Holdings.of_draft(drawing),
        "changes": drawing.changes,
        "gaps": [(Label(label).label, Split(side).label) for label, side in drawing.empty_corners],
        "why_not": translated(why_not(drawing)),
        "n_conflicts": drawing.left_out_by_reason[Reason.CONFLICT],
    }


def _is_shown(one: DrawnEntry | DrawnExclusion, said: dict[str, str]) -> bool:
    if said.get("code", "").casefold() not in one.scan.code.casefold():
        return False
    if isinstance(one, DrawnExclusion):
        return said.get("reason", one.reason) == one.reason
    facts = {"label": one.labelled.label, "split": one.split, "origin": one.labelled.origin}
    return all(said.get(name, value) == value for name, value in facts.items())


def _frozen(request: PageRequest, frozen: Dataset) -> dict[str, Any]:
    """A fixed number of queries, whatever it holds."""
    form = ShownForm(request.GET)
    said = form.said()
    entries = DatasetEntry.objects.visible_to(request.user).filter(dataset=frozen)
    if code := said.pop("code", ""):
        entries = entries.filter(reading__pattern__sample__code__icontains=code)
    entries = entries.filter(**said)
    related = with_level(entries).select_related("reading__pattern__sample__system").defer("reading__metadata")
    page = Paginator(related.order_by("position"), ROWS_A_PAGE).get_page(request.GET.get("page"))
    return _context(frozen) | {
        "holdings": Holdings.of_frozen(frozen, request.user),
        "trained": frozen.training_runs.select_related("version")
        .defer("version__config", "log", "curve")
        .order_by("pk"),
        "changes": frozen.changes,
        "left_out": [(Reason(row["reason"]), row["n"]) for row in frozen.left_out],
        "choices": frozen.choices.visible_to(request.user).select_related("pattern", "chosen_by"),
        "later": frozen.next_versions.current().order_by("version"),
        "page": page,
        "rows": rows_of_frozen(page),
        "shown_form": form,
        "n_found": page.paginator.count,
    }


def _context(shown: Dataset) -> dict[str, Any]:
    return {
        "dataset": shown,
        "question": list(Question.restored(shown.question).said()),
        "weights": weights_in_words(),
        "labels": Label.choices,
    }


@require_POST
@permission_required("mlmodels.change_dataset", raise_exception=True)
def choose(request: PageRequest, pk: int) -> HttpResponse:
    """Take one pattern out of the draft or into it, or leave it to the question again."""
    draft = get_object_or_404(Dataset, pk=pk)
    form = ChoiceForm(request.POST, person=request.user)
    back = f"{draft.get_absolute_url()}?{request.GET.urlencode()}#entries"
    if request.POST.get("side") == "undo":
        form.fields["side"].required = False
        del form.fields["side"]
    if not form.is_valid():
        messages.error(request, _("That pattern or label is not known here. Nothing was changed."))
        return redirect(back)
    said = form.cleaned_data
    try:
        if "side" not in said:
            draft.leave_to_the_question(said["pattern"], by=request.user)
            messages.success(request, _("%(pattern)s is left to the question again.") % {"pattern": said["pattern"]})
        else:
            choice = draft.choose(by=request.user, **said)
            messages.success(request, f"{choice.pattern}: {choice.get_side_display()}.")
    except DatasetError as error:
        messages.error(request, translated(error.sentence))
    return redirect(back)


@vary_on_headers("HX-Request")
@permission_required("mlmodels.freeze_dataset", raise_exception=True)
def freeze(request: PageRequest, pk: int) -> HttpResponse:
    """Ask before it cannot be undone; then sign and freeze."""
    draft = get_object_or_404(Dataset.objects.select_related("based_on"), pk=pk)
    if draft.is_frozen:
        messages.info(request, _("%(dataset)s is frozen already.") % {"dataset": draft})
        return redirect(draft)
    if FreezingJob.objects.unfinished().filter(dataset=draft).exists():
        messages.info(request, _("It is being frozen just now."))
        return redirect(draft)
    form = FreezeForm(request.POST or None)
    if form.is_valid():
        said = form.cleaned_data
        try:
            if (n_entries := said["n"] or 0) > MOST_TO_FREEZE_HERE:
                FreezingJob.objects.ask(draft, request.user, said["reason"], seen=said["seen"], n_entries=n_entries)
                return redirect(draft)
            freeze_draft(draft, request.user, said["reason"], seen=said["seen"])
        except DatasetError as error:
            form.add_error(None, translated(error.sentence))
        except DatasetConflict:
            form.add_error(
                None, _("Somebody changed the draft meanwhile. Look again, then freeze. Nothing was frozen.")
            )
        else:
            messages.success(request, _("%(dataset)s is frozen.") % {"dataset": draft})
            return redirect(draft)
    return _ask_before_the_freeze(request, get_object_or_404(Dataset.objects.select_related("based_on"), pk=pk), form)


def _ask_before_the_freeze(request: PageRequest, draft: Dataset, form: FreezeForm) -> HttpResponse:
    """What will be in it and the form to sign; of a large one that is loaded after the page, as on the page of the draft."""
    context = None if request.htmx else _what_takes_long(request, draft)
    if context is None:
        drawing = Drawing(draft, request.user)
        context = _of_drawing(drawing) | {"seen": drawing.sha256, "n_seen": len(drawing.entries)}
    elif form.is_bound:  # and not as it must be: it was seen already
        context |= {"seen": form["seen"].value(), "n_seen": form["n"].value()}
    template = "screening/_dataset_freeze.html" if request.htmx else "screening/dataset_freeze.html"
    return render(request, template, context | {"form": form}, status=422 if form.errors else 200)


@require_safe
@permission_required("mlmodels.view_dataset", raise_exception=True)
def freezing(request: PageRequest, pk: int) -> HttpResponse:
    """How far a freeze is, asked again and again; at its end the page is loaded anew."""
    job = get_object_or_404(FreezingJob.objects.select_related("asked_by"), pk=pk)
    if job.state == FreezingJob.State.DONE:
        return HttpResponseClientRefresh()
    return render(request, "screening/_freezing.html", {"job": job})


@require_POST
@permission_required("mlmodels.add_dataset", raise_exception=True)
def next_version(request: PageRequest, pk: int) -> HttpResponse:
    frozen = get_object_or_404(Dataset.objects.frozen(), pk=pk)
    try:
        return redirect(frozen.begin_next(request.user))
    except DatasetError as error:
        messages.error(request, translated(error.sentence))
        return redirect(frozen)


@require_POST
@permission_required("mlmodels.view_dataset", raise_exception=True)
def check(request: PageRequest, pk: int) -> HttpResponse:
    """Is the set as it was frozen, files and all?"""
    frozen = get_object_or_404(Dataset.objects.frozen().select_related("freeze_entry"), pk=pk)
    if frozen.n_entries > MOST_TO_CHECK_HERE:
        command = f'manage.py verify_dataset "{frozen.name}" --version-number {frozen.version}'
        messages.info(
            request, _("It is too large to be looked at while you wait. Run: %(command)s") % {"command": command}
        )
        return redirect(frozen)
    said = damage_to(frozen).sentences
    for one in said:
        messages.error(request, translated(one))
    if not said:
        messages.success(
            request,
            _("Sound: %(n)s entries, their files and their numbers are as they were frozen.") % {"n": frozen.n_entries},
        )
    return redirect(frozen)


@require_POST
@permission_required("mlmodels.change_dataset", raise_exception=True)
def archive(request: PageRequest, pk: int) -> HttpResponse:
    """Put a draft away, or take it out again."""
    draft = get_object_or_404(Dataset, pk=pk)
    try:
        if draft.archived_at:
            draft.restore(by=request.user)
        else:
            draft.archive(by=request.user)
            messages.success(request, _("The draft is put away. Nothing is lost."))
    except DatasetError as error:
        messages.error(request, translated(error.sentence))
    return redirect(draft)


def _say(form: Any, error: DatasetError | ValidationError) -> None:
    """Beside the field that it is about, or above the form."""
    if isinstance(error, DatasetError):
        form.add_error(None, translated(error.sentence))
    else:
        for name, said in error.message_dict.items():
            form.add_error(name if name in form.fields else None, said)
