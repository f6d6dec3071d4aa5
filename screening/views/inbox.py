"""The inbox: patterns without a sample, screened all the same, each with its call."""

from __future__ import annotations

from dataclasses import replace

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Prefetch
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from samples.models import Pattern, Sample
from samples.models.samples import plain_text
from screening.cards import cards_of
from screening.forms import InboxForm
from screening.matching import samples_by_code
from screening.models import ReceivedPattern
from screening.views import PageRequest
from screening.views.runs import typed_codes

INBOX_PAGE = 100


@permission_required("samples.view_pattern", raise_exception=True)
def inbox(request: PageRequest) -> HttpResponse:
    """Give several patterns to one sample, or each to its own."""
    changes = request.method == "POST" and request.user.has_perm("samples.change_pattern")
    if changes and "each" in request.POST:
        return _give_each(request)
    form = InboxForm(request.POST if changes else None, by=request.user)
    if form.is_valid():
        sample = form.cleaned_data["sample"]
        n = form.cleaned_data["patterns"].move_to(sample, request.user)
        moved = ngettext("%(n)s pattern moved to %(code)s.", "%(n)s patterns moved to %(code)s.", n)
        messages.success(request, moved % {"n": n, "code": sample.code})
        return redirect("screening:inbox")
    return _page(request, form)


def _give_each(request: PageRequest) -> HttpResponse:
    """Give each pattern the sample that was typed beside it; what was not understood is shown again."""
    typed = {pk: code for pk, code in typed_codes(request).items() if code.strip()}
    n, unknown = _moved(typed, request.user)
    if n:
        said = ngettext("%(n)s pattern has its sample now.", "%(n)s patterns have their samples now.", n)
        messages.success(request, said % {"n": n})
    if unknown:
        return _page(request, InboxForm(by=request.user), {pk: typed[pk] for pk in unknown})
    return redirect("screening:inbox")


@transaction.atomic
def _moved(typed: dict[int, str], by: User) -> tuple[int, list[int]]:
    """How many were given to their samples, and which have codes that no sample has."""
    samples = samples_by_code((plain_text(code).lower() for code in typed.values()), by)
    homes: dict[Sample, list[int]] = {}
    unknown = []
    for pk, code in typed.items():
        sample = samples.get(plain_text(code).lower())
        if sample is None or sample.archived_at:
            unknown.append(pk)
        else:
            homes.setdefault(sample, []).append(pk)
    waiting = Pattern.objects.visible_to(by).in_inbox()
    return sum(waiting.filter(pk__in=pks).move_to(sample, by) for sample, pks in homes.items()), unknown


def _page(request: PageRequest, form: InboxForm, unknown: dict[int, str] | None = None) -> HttpResponse:
    rows = Prefetch("received", ReceivedPattern.objects.filter(known=False), to_attr="first_received")
    waiting = (
        Pattern.objects.visible_to(request.user)
        .in_inbox()
        .select_related("sample", "uploaded_by")
        .with_current_reading()
    )
    page = Paginator(waiting.prefetch_related(rows), INBOX_PAGE).get_page(request.GET.get("page"))
    unknown = unknown or {}
    cards = [
        replace(
            card,
            typed=unknown.get(card.pattern.pk, ""),
            problem=_("There is no sample with this code.") if card.pattern.pk in unknown else "",
        )
        for card in cards_of(page.object_list, [row for pattern in page for row in pattern.first_received])  # type: ignore[attr-defined]
    ]
    marked = set(request.POST.getlist("patterns"))
    context = {"form": form, "page": page, "cards": cards, "marked": marked}
    return render(request, "screening/inbox.html", context, status=422 if form.errors or unknown else 200)
