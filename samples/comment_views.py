"""Comments on samples and patterns, and what one follows."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from samples.comment_forms import CommentForm
from samples.models import AlloySystem, Comment, Following, Pattern, Sample
from samples.models.comments import CommentQuerySet
from samples.requests import SignedInRequest


@require_POST
@permission_required("samples.add_comment", raise_exception=True)
def comment_on_sample(request: SignedInRequest, code: str) -> HttpResponse:
    return _comment_on(request, get_object_or_404(Sample.objects.visible_to(request.user), code=code))


@require_POST
@permission_required("samples.add_comment", raise_exception=True)
def comment_on_pattern(request: SignedInRequest, pk: int) -> HttpResponse:
    return _comment_on(
        request, get_object_or_404(Pattern.objects.visible_to(request.user).select_related("sample"), pk=pk)
    )


def _comment_on(request: SignedInRequest, thing: Sample | Pattern) -> HttpResponse:
    form = CommentForm(request.POST)
    if form.is_valid():
        try:
            comment = Comment.objects.say(thing, request.user, form.cleaned_data["text"])
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return redirect(comment.address)
    return render(request, "samples/comment.html", {"form": form, "thing": thing, "back": _page(thing)}, status=422)


@permission_required("samples.add_comment", raise_exception=True)
def edit_comment(request: SignedInRequest, pk: int) -> HttpResponse:
    """Mend one's own comment, for a short time."""
    comment = get_object_or_404(_whole_comments(request.user), pk=pk)
    form = CommentForm(request.POST if request.method == "POST" else None, initial={"text": comment.text})
    if request.method == "GET" and not comment.may_be_changed_by(request.user):
        messages.warning(request, _("A comment can be changed by who wrote it, within 15 minutes. This one stands."))
        return redirect(comment.address)
    if form.is_valid():
        try:
            comment.change(request.user, form.cleaned_data["text"])
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return redirect(comment.address)
    context = {"form": form, "thing": comment.thing, "comment": comment, "back": comment.address}
    return render(request, "samples/comment.html", context, status=422 if form.errors else 200)


@require_POST
@permission_required("samples.add_comment", raise_exception=True)
def withdraw_comment(request: SignedInRequest, pk: int) -> HttpResponse:
    comment = get_object_or_404(_whole_comments(request.user), pk=pk)
    try:
        comment.withdraw(request.user)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, _("The comment is withdrawn: its text is hidden, and kept."))
    return redirect(comment.address)


@require_POST
@permission_required("samples.view_sample", raise_exception=True)
def follow_sample(request: SignedInRequest, code: str) -> HttpResponse:
    return _follow(request, get_object_or_404(Sample.objects.visible_to(request.user), code=code))


@require_POST
@permission_required("samples.view_alloysystem", raise_exception=True)
def follow_system(request: SignedInRequest, key: str) -> HttpResponse:
    return _follow(request, get_object_or_404(AlloySystem, key=key))


def _follow(request: SignedInRequest, thing: Sample | AlloySystem) -> HttpResponse:
    if request.POST.get("follow") == "0":
        Following.objects.end(request.user, thing)
        messages.success(request, _("You no longer follow %(thing)s.") % {"thing": thing})
    else:
        Following.objects.begin(request.user, thing)
        messages.success(request, _("You follow %(thing)s: you will be told what happens to it.") % {"thing": thing})
    return (
        redirect("screening:sample", thing.code)
        if isinstance(thing, Sample)
        else redirect("screening:system", thing.key)
    )


def _whole_comments(person: User) -> CommentQuerySet:
    return Comment.objects.visible_to(person).select_related("sample", "pattern__sample", "written_by")


def _page(thing: Sample | Pattern) -> str:
    return Comment(**({"sample": thing} if isinstance(thing, Sample) else {"pattern": thing})).address
