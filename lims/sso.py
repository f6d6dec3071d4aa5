"""Signing in by the lab's or university's own service, over OpenID Connect; off unless ICOSA_OIDC_ISSUER names one.

Authlib does the protocol: discovery, PKCE, state, nonce, and the checks of the signed answer. It is imported where it is
needed, since most labs do without (requirements-sso.txt).
"""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from lims.models import AuditEntry, AuditKind, SsoAccount, SsoError
from lims.models.sso import follow_roles
from samples.requests import SignedInRequest

if TYPE_CHECKING:
    from authlib.integrations.django_client.apps import DjangoOAuth2App

SIGNATURES = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
"""Made with a key that the service alone has: neither "none" nor one that is made with a shared secret."""

PATIENCE = 10
"""Seconds that the service has to answer."""

LEEWAY = 60
"""Seconds that its clock may be off."""

ONWARDS, LINKS = "sso_next", "sso_links"

log = logging.getLogger("icosa.sso")


def name() -> str:
    """What the button says; "" where the lab has no such service."""
    return settings.OIDC_NAME if settings.OIDC_ISSUER else ""


@never_cache
@require_POST
@login_not_required
def begin(request: HttpRequest) -> HttpResponse:
    """Off to the service, to come back signed in; who is signed in already links that account to theirs."""
    from lims.signing_in import where_to

    request.session[ONWARDS] = where_to(request)
    request.session[LINKS] = request.user.pk  # None for who is not signed in
    back = (settings.PUBLIC_ADDRESS or request.build_absolute_uri("/").rstrip("/")) + reverse("sso-answer")
    try:
        address = _service().authorize_redirect(request, back).url
    except _what_can_go_wrong() as error:
        return _failed(request, error)
    # No redirect: the pages' policy lets no form end elsewhere.
    return render(request, "registration/sso_go.html", {"address": address, "sso_name": name()})


@never_cache
@login_not_required
def answer(request: HttpRequest) -> HttpResponse:
    """Where the service sends people back to."""
    onwards, links = request.session.pop(ONWARDS, reverse("home")), request.session.pop(LINKS, None)
    try:
        claims = _service().authorize_access_token(
            request, claims_options={"iss": {"values": [settings.OIDC_ISSUER]}}, leeway=LEEWAY
        )["userinfo"]
        if request.user.is_authenticated and request.user.pk == links:
            SsoAccount.objects.link(claims, request.user, request)
            messages.success(request, gettext("From now on you can sign in by %(name)s too.") % {"name": name()})
            return redirect("my-settings")
        person = SsoAccount.objects.person_of(claims, request)
        follow_roles(person, claims)
    except SsoError as error:
        return _refused(request, str(error), type(error).__name__)
    except _what_can_go_wrong() as error:
        return _failed(request, error)
    request.signs_in_by = "sso"  # type: ignore[attr-defined]
    request.has_second_factor_elsewhere = "mfa" in claims.get("amr", [])  # type: ignore[attr-defined]
    login(request, person, backend="django.contrib.auth.backends.ModelBackend")
    if not person.roles:
        messages.warning(request, gettext("You are signed in and have no role yet: ask an admin of the lab for one."))
    return redirect(onwards)


@require_POST
def unlink(request: SignedInRequest) -> HttpResponse:
    """Sign in by name and password alone; refused where there is none."""
    if not request.user.has_usable_password():
        messages.error(
            request, gettext("You have no password here: ask an admin for a one-time link and set one first.")
        )
        return redirect("my-settings")
    for account in SsoAccount.objects.filter(person=request.user):
        AuditEntry.note(request, AuditKind.SSO_UNLINKED, request.user, issuer=account.issuer, subject=account.subject)
        account.delete()
    messages.success(request, gettext("The link to %(name)s is off.") % {"name": name()})
    return redirect("my-settings")


@cache
def _client(issuer: str, client: str, secret: str) -> DjangoOAuth2App:
    """One for this process: it keeps what discovery said, and asks for the keys anew when it meets an unknown one."""
    from authlib.integrations.django_client import OAuth

    return OAuth().register(
        "icosa",
        client_id=client,
        client_secret=secret or None,
        server_metadata_url=f"{issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={
            "scope": "openid profile email",
            "code_challenge_method": "S256",
            "default_timeout": PATIENCE,
            **({} if secret else {"token_endpoint_auth_method": "none"}),
        },
    )


def _service() -> DjangoOAuth2App:
    if not settings.OIDC_ISSUER:
        raise Http404
    client = _client(settings.OIDC_ISSUER, settings.OIDC_CLIENT, settings.OIDC_SECRET)
    metadata = client.load_server_metadata()
    if metadata.get("issuer") != settings.OIDC_ISSUER:
        raise ValueError(f"discovery names another issuer: {metadata.get('issuer')}")
    offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
    metadata["id_token_signing_alg_values_supported"] = [one for one in offered if one in SIGNATURES]
    return client


def _what_can_go_wrong() -> tuple[type[Exception], ...]:
    """The service is not there, says no, or what comes back is not what it must be."""
    from authlib.integrations.base_client import OAuthError
    from joserfc.errors import JoseError
    from requests import RequestException

    return (OAuthError, JoseError, RequestException, ValueError, KeyError, RuntimeError)


def _failed(request: HttpRequest, error: Exception) -> HttpResponse:
    log.warning("sign-in by %s failed: %s: %s", settings.OIDC_ISSUER, type(error).__name__, error)
    return _refused(
        request,
        gettext(
            "The answer of %(name)s cannot be trusted, came too late, or did not come at all. Try again; "
            "if this stays, an admin finds the reason in the log of the web server."
        )
        % {"name": name()},
        type(error).__name__,
    )


def _refused(request: HttpRequest, why: str, kind: str) -> HttpResponse:
    AuditEntry.note(request, AuditKind.SIGN_IN_FAILED, wrong="sso", error=kind)
    context: dict[str, Any] = {"why": why, "with_passwords": settings.PASSWORDS, "sso_name": name()}
    return render(request, "registration/sso_failed.html", context, status=403)
