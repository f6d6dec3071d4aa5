"""Files come in: many at once, in groups that show progress, from folders and zip archives too."""

from __future__ import annotations

from itertools import zip_longest

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from samples.downloads import NotThere
from samples.models import Receipt, Sample
from samples.requests import sent_number
from samples.sentences import translated
from samples.xrd.sentences import PatternFileError
from screening.cards import Card, cards_of_run
from screening.forms import UploadForm
from screening.matching import SampleMatcher
from screening.models import PackedFolder, ScreeningRun
from screening.packed_files import is_hidden, safe_path
from screening.views import PageRequest
from screening.views.runs import changed_since, run_address, run_context

SECONDS_A_STEP = 1.5
"""For which files are taken out of an archive before the page is told; without script it is told less often."""
SECONDS_A_STEP_WITHOUT_SCRIPT = 15.0


@permission_required("samples.add_pattern", raise_exception=True)
def upload(request: PageRequest) -> HttpResponse:
    """Take files in; the browser sends many in groups of one run and gets the cards of each group at once."""
    if request.method != "POST":
        return render(
            request, "screening/upload.html", {"form": UploadForm(by=request.user, initial=request.GET.dict())}
        )
    form = UploadForm(request.POST, by=request.user)
    files = request.FILES.getlist("files")
    if not files:
        form.add_error(None, _("No file arrived. Choose one or more files and send them again."))
    if not form.is_valid():
        return render(request, "screening/upload.html", {"form": form}, status=422)
    run = _run_to_join(request) or ScreeningRun.objects.start(
        ScreeningRun.Why.UPLOAD, by=request.user, project=form.cleaned_data.get("project")
    )
    sample = form.cleaned_data["sample"]
    listed = set(run.received.values_list("pattern_id", flat=True))
    receipts = _receive(run, files, request.POST.getlist("paths"), sample)
    if request.htmx:
        return _new_cards_response(request, run, receipts, listed)
    _say_refused(request, receipts)
    return redirect(run_address(run, sample))


@require_POST
@permission_required("samples.add_pattern", raise_exception=True)
def unpack(request: PageRequest, pk: int) -> HttpResponse:
    """Take the next files out of the archives of a run; the page asks until none is left."""
    run = get_object_or_404(ScreeningRun.objects.uploads_of(request.user), pk=pk)
    listed = set(run.received.values_list("pattern_id", flat=True))
    folder = PackedFolder.objects.unfinished().filter(run=run).select_related("run__started_by", "sample").first()
    seconds = SECONDS_A_STEP if request.htmx else SECONDS_A_STEP_WITHOUT_SCRIPT
    try:
        receipts = folder.take_out(SampleMatcher(request.user), seconds) if folder else []
    except FileNotFoundError:
        raise NotThere(_("%(name)s is missing from the lab's store. Send it again.") % {"name": folder}) from None
    if request.htmx:
        return _new_cards_response(request, run, receipts, listed)
    return redirect(run_address(run, folder.sample if folder else None))


def _run_to_join(request: PageRequest) -> ScreeningRun | None:
    """The run that an earlier group of the same upload started."""
    pk = sent_number(request.POST.get("run"))
    return ScreeningRun.objects.uploads_of(request.user).filter(pk=pk).first() if pk else None


def _receive(
    run: ScreeningRun, files: list[UploadedFile[bytes]], paths: list[str], sample: Sample | None
) -> list[Receipt]:
    """Receive each file; an archive of files is put aside, to be taken out."""
    matcher = SampleMatcher(run.started_by)
    receipts = []
    for file, sent in zip_longest(files, paths[: len(files)], fillvalue=""):
        path = safe_path(str(sent))
        assert isinstance(file, UploadedFile)
        if is_hidden(path):
            continue
        try:
            if not PackedFolder.objects.pack(run, file, sample=sample):
                receipts.append(run.receive(file, name=file.name or "", path=path, sample=sample, matcher=matcher))
        except PatternFileError as error:
            name = path or safe_path(file.name or "")
            run.refuse(name, error.sentence)
            receipts.append(Receipt(name, failure=error.sentence))
    return receipts


def _say_refused(request: PageRequest, receipts: list[Receipt]) -> None:
    for receipt in receipts:
        if receipt.failure and not receipt.patterns:
            messages.error(request, f"{receipt.name}: {translated(receipt.failure)}")


def _new_cards_response(
    request: PageRequest, run: ScreeningRun, receipts: list[Receipt], listed: set[int]
) -> HttpResponse:
    """The cards of one group of files, and what changed of those that the page has already (``listed``)."""
    cards = {card.pattern.pk: card for card in cards_of_run(run, request.user)}
    changed = changed_since(request, [cards[pk] for pk in listed])
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
        **run_context(request, run, list(cards.values())),
        "ask_again": True,  # in any case: the last answer to that leaves no card behind
        "added": added,
        "changed": changed,
        "refused": refused,
        "repeated": repeated,
    }
    return render(request, "screening/_cards.html", context)
