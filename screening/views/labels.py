"""Labels for one sample, for those marked in the list, or for all that a search finds."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from samples.fields import StyledBoundField, TypedIntegerField
from samples.models import Sample, Viewer
from screening.labels import MOST_LABELS, STOCKS, Label, Stock, as_pdf, as_svg, is_western, pages
from screening.search import Search


class LabelForm(forms.Form):
    """Whose labels on which paper: of the marked samples, else of those that the search finds."""

    bound_field_class = StyledBoundField

    stock = forms.ChoiceField(label=_("Paper"), choices=[(name, stock.name) for name, stock in STOCKS.items()])
    start = TypedIntegerField(
        label=_("First free label"),
        min_value=1,
        max_value=max(stock.n_on_page for stock in STOCKS.values()),
        help_text=_("On a sheet that was begun: count row by row, from 1."),
    )
    page = TypedIntegerField(required=False, min_value=1, max_value=MOST_LABELS, widget=forms.HiddenInput)

    def __init__(self, asked: QueryDict, person: Viewer) -> None:
        filled = asked.copy()
        filled.setdefault("stock", next(iter(STOCKS)))
        filled.setdefault("start", "1")
        super().__init__(filled)
        self.person, self.codes = person, asked.getlist("codes")
        self.query = asked.get("q", "")

    def clean(self) -> None:
        n = len(self.samples)
        if n > MOST_LABELS:
            raise ValidationError(
                _(
                    "More than %(n)s samples answer. Narrow the search or mark some of them: %(n)s labels are made at once."
                ),
                params={"n": MOST_LABELS},
            )
        if not n:
            raise ValidationError(
                _("No sample answers, so there is nothing to print. Mark some in the list of samples.")
            )

    @property
    def samples(self) -> list[Sample]:
        """By their codes; one more than MOST_LABELS where there are too many."""
        marked = Sample.objects.visible_to(self.person).filter(code__in=self.codes)
        found = marked if self.codes else Search.read(self.query).samples(self.person)
        return list(found.order_by("code")[: MOST_LABELS + 1])

    @property
    def paper(self) -> Stock:
        return STOCKS[self.cleaned_data["stock"]]


def _labels(request: HttpRequest, samples: list[Sample]) -> list[Label]:
    lab = settings.PUBLIC_ADDRESS or request.build_absolute_uri("/").rstrip("/")
    return [
        Label(
            lab + reverse("screening:by-label", args=[sample.pk]),
            (sample.code, sample.composition, f"{sample.made_at:%Y-%m-%d}"),
        )
        for sample in samples
    ]


@permission_required("samples.view_sample", raise_exception=True)
def labels(request: HttpRequest) -> HttpResponse:
    """What will be printed: paper, first label, and a picture of the first page."""
    form = LabelForm(request.GET, request.user)
    context: dict[str, Any] = {"form": form, "asked": request.GET.urlencode()}
    if form.is_valid():
        samples = form.samples
        drawn = pages(_labels(request, samples), form.paper, form.cleaned_data["start"])
        context |= {
            "samples": samples,
            "n_pages": len(drawn),
            "unwritable": [sample.code for sample in samples if not is_western(sample.code)],
        }
    return render(request, "screening/labels.html", context, status=422 if form.errors else 200)


@permission_required("samples.view_sample", raise_exception=True)
def labels_pdf(request: HttpRequest) -> HttpResponse:
    form = _valid(request)
    content = as_pdf(pages(_labels(request, form.samples), form.paper, form.cleaned_data["start"]), form.paper)
    return HttpResponse(
        content, content_type="application/pdf", headers={"Content-Disposition": 'attachment; filename="labels.pdf"'}
    )


@permission_required("samples.view_sample", raise_exception=True)
def labels_svg(request: HttpRequest) -> HttpResponse:
    """One page of them."""
    form = _valid(request)
    drawn = pages(_labels(request, form.samples), form.paper, form.cleaned_data["start"])
    number = form.cleaned_data["page"] or 1
    if number > len(drawn):
        raise Http404
    return HttpResponse(as_svg(drawn[number - 1], form.paper), content_type="image/svg+xml")


def _valid(request: HttpRequest) -> LabelForm:
    """What the page of labels has linked to is always valid."""
    form = LabelForm(request.GET, request.user)
    if not form.is_valid():
        raise Http404
    return form
