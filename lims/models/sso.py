"""Accounts of the lab's sign-in service (OpenID Connect), and whose they are here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import models, transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from lims.models.audit import AuditEntry, AuditKind
from lims.models.people import ADMIN, PeopleError, Person
from samples.models.acts import changes_by


class SsoError(Exception):
    """Why somebody cannot come in by the sign-in service; the text says what to do."""


class SsoAccountQuerySet(models.QuerySet["SsoAccount"]):
    def person_of(self, claims: Mapping[str, Any], request: HttpRequest) -> Person:
        """Who these claims are: known by issuer and subject alone, never by a name or a mail address.

        Somebody new gets an account of their own, beside any of the same name, without a password and without a role.
        """
        known = self.select_related("person").filter(issuer=claims["iss"], subject=claims["sub"]).first()
        if known is None:
            with transaction.atomic():
                person = Person.objects.create(username=_free_name(claims), email=_sure_mail(claims))
                person.set_unusable_password()
                person.save(update_fields=["password"])
                self.link(claims, person, request)
        else:
            person = Person.objects.get(pk=known.person_id)
        if not person.is_active:
            raise SsoError(_("Your account in this lab is deactivated. Ask an admin of the lab to let you back in."))
        return person

    def link(self, claims: Mapping[str, Any], person: User, request: HttpRequest) -> None:
        account, made = self.get_or_create(
            issuer=claims["iss"], subject=claims["sub"], defaults={"person_id": person.pk}
        )
        if account.person_id != person.pk:
            raise SsoError(_("This account of the sign-in service belongs to another person of the lab already."))
        if made:
            AuditEntry.note(request, AuditKind.SSO_LINKED, person, issuer=account.issuer, subject=account.subject)


class SsoAccount(models.Model):
    """One account of a sign-in service: the issuer's address, and the subject, by which that issuer never means another."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="sso_accounts")
    issuer = models.CharField(max_length=300)
    subject = models.CharField(max_length=255)
    linked_at = models.DateTimeField(auto_now_add=True)

    objects = SsoAccountQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["issuer", "subject"], name="one_person_an_sso_account")]

    def __str__(self) -> str:
        return f"{self.subject} ({self.issuer})"


def follow_roles(person: Person, claims: Mapping[str, Any]) -> None:
    """The roles that the sign-in service gives, where the settings say how; else they stay as an admin gave them."""
    if not settings.OIDC_ROLES:
        return
    said = _values(claims, settings.OIDC_CLAIM)
    roles = {role for value, role in settings.OIDC_ROLES if value in said}
    before = set(person.roles)
    if roles == before:
        return
    try:
        with changes_by(None, f"{settings.OIDC_CLAIM}: {', '.join(sorted(said))}"):
            person.put_into(roles)
            if ADMIN in before:
                person.check_an_admin_is_left()
    except PeopleError:  # the last admin stays one, whatever the service says
        return


def _values(claims: Mapping[str, Any], path: str) -> set[str]:
    """Of a claim that may lie within others, as realm_access.roles does at Keycloak."""
    found: Any = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        found = [found]
    return {str(value) for value in found} if isinstance(found, Iterable) else set()


def _free_name(claims: Mapping[str, Any]) -> str:
    """As the service calls them, with a number where somebody here has that name: accounts are never joined by names."""
    said = str(claims.get("preferred_username") or claims.get("email") or "").partition("@")[0]
    name = re.sub(r"[^\w.+-]", "", said)[:50] or "newcomer"
    taken = {one.lower() for one in User.objects.filter(username__istartswith=name).values_list("username", flat=True)}
    numbered = (f"{name}{n or ''}" for n in [0, *range(2, len(taken) + 3)])
    return next(one for one in numbered if one.lower() not in taken)


def _sure_mail(claims: Mapping[str, Any]) -> str:
    """An address that the service has checked."""
    mail = str(claims.get("email") or "") if claims.get("email_verified") is True else ""
    try:
        validate_email(mail)
    except ValidationError:
        return ""
    return mail
