"""Projects: the list, one of them with its members, and the move of a sample between them."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from samples.models import Project, Sample
from samples.project_forms import MemberForm, MoveToProjectForm, NewProjectForm, ProjectForm
from samples.requests import SignedInRequest

CHANGES = {"close": Project.close, "open": Project.open, "archive": Project.archive, "restore": Project.restore}


@permission_required("samples.view_project", raise_exception=True)
def projects(request: SignedInRequest) -> HttpResponse:
    """Those that this person may see; admins begin new ones."""
    form = None
    if request.user.has_perm("samples.add_project"):
        form = NewProjectForm(request.POST if request.method == "POST" else None)
    elif request.method == "POST":
        raise PermissionDenied
    if form and form.is_valid():
        said = form.cleaned_data
        project = Project.objects.begin(by=request.user, leaders=[said.pop("leader")], **said)
        messages.success(request, _("“%(name)s” is begun. Take its members in.") % {"name": project})
        return redirect(project)
    visible = Project.objects.visible_to(request.user)
    counted = visible.annotate(n_members=Count("memberships", distinct=True), n_samples=Count("samples", distinct=True))
    context = {"projects": counted.order_by("archived_at", "name"), "form": form}
    return render(request, "samples/projects.html", context, status=422 if form and form.errors else 200)


@permission_required("samples.view_project", raise_exception=True)
def project(request: SignedInRequest, pk: int) -> HttpResponse:
    """Who is in, what was changed, and for its leaders what they may change."""
    shown = get_object_or_404(Project.objects.visible_to(request.user), pk=pk)
    form = ProjectForm(request.POST if request.method == "POST" else None, instance=shown)
    if request.method == "POST":
        shown.check_led_by(request.user)
        if form.is_valid():
            shown.describe(by=request.user, **form.cleaned_data)
            messages.success(request, _("Saved."))
            return redirect(shown)
    return _page(request, shown, form)


@require_POST
@permission_required("samples.view_project", raise_exception=True)
def members(request: SignedInRequest, pk: int) -> HttpResponse:
    """Take somebody in, make them leader, or let them go."""
    shown = get_object_or_404(Project.objects.visible_to(request.user), pk=pk)
    shown.check_led_by(request.user)
    form = MemberForm(request.POST)
    if form.is_valid():
        person, place = form.cleaned_data["person"], form.cleaned_data["place"]
        try:
            if place == MemberForm.OUT:
                shown.let_go(person, by=request.user)
            else:
                shown.take_in(person, by=request.user, leads=place == MemberForm.LEADER)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        else:
            messages.success(request, _("Saved."))
    else:
        messages.error(request, _("Choose somebody of the lab. Nothing was changed."))
    is_still_seen = Project.objects.filter(pk=pk, memberships__person=request.user).exists()
    return redirect(shown if is_still_seen or not shown.is_closed or _sees_all(request) else "samples:projects")


@require_POST
@permission_required("samples.view_project", raise_exception=True)
def change(request: SignedInRequest, pk: int) -> HttpResponse:
    """Close, open, archive or restore it."""
    shown = get_object_or_404(Project.objects.visible_to(request.user), pk=pk)
    shown.check_led_by(request.user)
    if act := CHANGES.get(request.POST.get("to", "")):
        act(shown, by=request.user)
        messages.success(request, _("Saved."))
    return redirect(shown)


@permission_required("samples.change_sample", raise_exception=True)
def move_sample(request: SignedInRequest, code: str) -> HttpResponse:
    """Give a sample and its family to another project, or to the whole lab."""
    sample = get_object_or_404(Sample.objects.visible_to(request.user).select_related("project", "parent"), code=code)
    form = MoveToProjectForm(request.POST if request.method == "POST" else None, sample=sample, by=request.user)
    if form.is_valid():
        try:
            sample.move_to_project(form.cleaned_data["project"], by=request.user)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            place = sample.project or _("the whole lab")
            messages.success(request, _("%(code)s is with %(place)s now.") % {"code": sample.code, "place": place})
            return redirect(sample)
    family = sample.family.order_by("code")
    context = {"sample": sample, "family": family, "form": form}
    return render(request, "samples/move_to_project.html", context, status=422 if form.errors else 200)


def _sees_all(request: SignedInRequest) -> bool:
    return request.user.has_perm("samples.see_every_project")


def _page(request: SignedInRequest, shown: Project, form: ProjectForm) -> HttpResponse:
    context = {
        "project": shown,
        "memberships": shown.memberships.select_related("person"),
        "n_samples": shown.samples.current().count(),
        "may_lead": shown.may_be_led_by(request.user),
        "form": form,
        "member_form": MemberForm(initial={"place": MemberForm.MEMBER}),
        "history_address": reverse("history-project", args=[shown.pk]),
    }
    return render(request, "samples/project.html", context, status=422 if form.errors else 200)
