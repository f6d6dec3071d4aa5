"""Sign-in and the home page."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.i18n import set_language as django_set_language

set_language = login_not_required(django_set_language)


class SignIn(LoginView):
    """The sign-in page; in demo mode it shows the people of the demonstration."""


def home(request: HttpRequest) -> HttpResponse:
    return render(request, "home.html")
