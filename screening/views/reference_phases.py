"""The library of reference phases: bring a CIF, take it away again, draw its lines."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from samples.downloads import download_of
from samples.requests import SignedInRequest, said_why
from samples.sentences import translated
from samples.xrd.crystal import MAX_CIF_BYTES, CrystalFileError
from screening.models import ReferencePhase
from screening.review_forms import ReferencePhaseForm


@permission_required("screening.view_referencephase", raise_exception=True)
def phases(request: SignedInRequest) -> HttpResponse:
    """The library, and the form that fills it."""
    form = ReferencePhaseForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and not request.user.has_perm("screening.add_referencephase"):
        form.add_error(None, _("Your role does not fill this library. Ask an administrator. Nothing was kept."))
    if form.is_valid():
        try:
            # One byte more than is allowed says that it is too many.
            content = form.cleaned_data["cif"].read(MAX_CIF_BYTES + 1)
            phase = ReferencePhase.objects.bring(content, request.user, name=form.cleaned_data["name"])
        except CrystalFileError as error:
            form.add_error("cif", translated(error.sentence))
        else:
            said = {"name": phase, "space_group": phase.space_group, "n": len(phase.sticks)}
            messages.success(request, _("%(name)s (%(space_group)s) is in the library with %(n)s lines.") % said)
            return redirect("screening:phases")
    rows = ReferencePhase.objects.current().select_related("brought_by").defer("sticks")
    context = {"form": form, "phases": rows}
    return render(request, "screening/phases.html", context, status=422 if form.errors else 200)


@require_POST
@permission_required("screening.change_referencephase", raise_exception=True)
def archive(request: SignedInRequest, pk: int) -> HttpResponse:
    phase = get_object_or_404(ReferencePhase, pk=pk)
    phase.archive(request.user, said_why(request))
    said = _("%(name)s is out of the library; verdicts that name it keep it. Bring the same CIF again to have it back.")
    messages.success(request, said % {"name": phase})
    return redirect("screening:phases")


@permission_required("screening.view_referencephase", raise_exception=True)
def cif(request: HttpRequest, pk: int) -> FileResponse:
    """The CIF as it was brought."""
    phase = get_object_or_404(ReferencePhase.objects.defer("sticks"), pk=pk)
    return download_of(phase.original.name, f"{phase.name}.cif")


@permission_required("screening.view_referencephase", raise_exception=True)
def sticks(request: HttpRequest, pk: int) -> JsonResponse:
    """Lines by d (Å), power and indices, for the script that lays them over a pattern."""
    phase = get_object_or_404(ReferencePhase, pk=pk)
    return JsonResponse({"name": phase.name, "space_group": phase.space_group, "sticks": phase.sticks})
