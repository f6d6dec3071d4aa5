"""Logging a sample, changing it, and putting it away."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from samples.comparison import differences, system_differences
from samples.forms import MassFormSet, SampleForm, StepFormSet, SystemForm
from samples.models import AlloySystem, EditionConflict, Sample, SystemConflict
from samples.models.samples import plain_text
from samples.requests import SignedInRequest, said_why


@permission_required("samples.add_sample", raise_exception=True)
def new(request: SignedInRequest) -> HttpResponse:
    """Log a sample; `?parent=CODE` starts from the piece that it was cut or annealed from."""
    visible = Sample.objects.visible_to(request.user)
    parent = visible.filter(code__iexact=plain_text(request.GET.get("parent", ""))).first()
    form = SampleForm(request.POST or None, by=request.user, initial=_inherited(parent) if parent else None)
    steps = StepFormSet(request.POST or None, prefix="steps")
    masses = MassFormSet(request.POST or None, prefix="masses")
    if form.is_valid() & steps.is_valid() & masses.is_valid():
        sample = form.instance
        try:
            sample.log(by=request.user, steps=steps.rows(), masses=masses.rows())
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _logged_sentence(sample))
            return redirect(sample)
    return render(request, "samples/form.html", {"form": form, "steps": steps, "masses": masses, "parent": parent})


@permission_required("samples.change_sample", raise_exception=True)
def edit(request: SignedInRequest, code: str) -> HttpResponse:
    sample = get_object_or_404(Sample.objects.visible_to(request.user).select_related("parent"), code=code)
    form = SampleForm(request.POST or None, by=request.user, instance=sample)
    steps = StepFormSet(request.POST or None, rows=sample.steps.all(), prefix="steps")
    masses = MassFormSet(request.POST or None, rows=sample.weighed_masses.all(), prefix="masses")
    page = {"form": form, "steps": steps, "masses": masses, "code": code}
    if form.is_valid() & steps.is_valid() & masses.is_valid():
        new_steps, new_masses = steps.rows(), masses.rows()
        try:
            edition = form.cleaned_data["edition"] or 0
            sample.revise(by=request.user, edition=edition, steps=new_steps, masses=new_masses, why=said_why(request))
        except EditionConflict as conflict:
            typed = request.POST.copy()
            typed["edition"] = str(conflict.stored.edition)
            page |= {
                "form": SampleForm(typed, by=request.user, instance=Sample.objects.get(pk=sample.pk)),
                "stored": conflict.stored,
                "differences": differences(conflict.stored, sample, new_steps, new_masses),
            }
            return render(request, "samples/form.html", page, status=409)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("%(code)s is saved.") % {"code": sample.code})
            return redirect(sample)
    return render(request, "samples/form.html", page)


@require_POST
@permission_required("samples.change_sample", raise_exception=True)
def archive(request: SignedInRequest, code: str) -> HttpResponse:
    sample = get_object_or_404(Sample.objects.visible_to(request.user), code=code)
    sample.archive(by=request.user, why=said_why(request))
    messages.success(request, _("%(code)s is archived; nothing was deleted.") % {"code": code})
    return redirect(sample)


@require_POST
@permission_required("samples.change_sample", raise_exception=True)
def restore(request: SignedInRequest, code: str) -> HttpResponse:
    sample = get_object_or_404(Sample.objects.visible_to(request.user), code=code)
    sample.restore(by=request.user, why=said_why(request))
    messages.success(request, _("%(code)s is back in the lists.") % {"code": code})
    return redirect(sample)


@permission_required("samples.change_alloysystem", raise_exception=True)
def edit_system(request: SignedInRequest, key: str) -> HttpResponse:
    """Change the order of a system's elements and its notes; the set of elements stays."""
    system = get_object_or_404(AlloySystem, key=key)
    form = SystemForm(request.POST or None, instance=system)
    page: dict[str, object] = {"form": form, "key": key, "system": system}
    if form.is_valid():
        try:
            system.revise(by=request.user, edition=form.cleaned_data["edition"] or 0, why=said_why(request))
        except SystemConflict as conflict:
            typed = request.POST.copy()
            typed["edition"] = str(conflict.stored.edition)
            page |= {
                "form": SystemForm(typed, instance=AlloySystem.objects.get(pk=system.pk)),
                "stored": conflict.stored,
                "differences": system_differences(conflict.stored, system),
            }
            return render(request, "samples/system_form.html", page, status=409)
        messages.success(request, _("The system is written %(name)s now.") % {"name": system.name})
        return redirect("screening:system", key)
    return render(request, "samples/system_form.html", page)


def _inherited(parent: Sample) -> dict[str, object]:
    """What a piece has from the sample that it came from."""
    return {
        "parent": parent.code,
        "origin": Sample.Origin.CUT,
        "composition_text": parent.composition_text,
        "composition_unit": parent.composition_unit,
        "composition_sum": parent.composition_sum,
    }


def _logged_sentence(sample: Sample) -> str:
    said = {"code": sample.code, "composition": sample.nominal.pretty()}
    if sample.composition_sum == Sample.CompositionSum.NORMALISED:
        return _("%(code)s is logged as %(composition)s, normalised to 100 %%.") % said
    if sample.composition_sum == Sample.CompositionSum.AS_REPORTED:
        return _("%(code)s is logged as %(composition)s, kept as reported.") % said
    return _("%(code)s is logged as %(composition)s.") % said
