"""Links that let one person set a password, once: how people come in where no mail goes out."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from samples.models.acts import changes_by
from samples.models.traced import TracedModel, TracedQuerySet

INVITATION_LASTS = timedelta(days=7)
RESET_LASTS = timedelta(days=1)


class AccessLinkQuerySet(TracedQuerySet["AccessLink"]):
    def open(self) -> AccessLinkQuerySet:
        return self.filter(used_at=None, withdrawn_at=None, expires_at__gt=timezone.now())

    def issue(self, person: User, *, by: User) -> tuple[AccessLink, str]:
        """A new link for ``person`` and its secret, which is told this once; an earlier one leads nowhere from now on."""
        secret = secrets.token_urlsafe(32)
        lasts = RESET_LASTS if person.has_usable_password() else INVITATION_LASTS
        with changes_by(by):
            self.withdraw(person)
            link = self.create(person=person, made_by=by, sha256=_hash(secret), expires_at=timezone.now() + lasts)
        return link, secret

    def withdraw(self, person: User) -> None:
        self.filter(person=person, used_at=None, withdrawn_at=None).update(withdrawn_at=timezone.now())

    def of_secret(self, secret: str) -> AccessLink | None:
        """The open link of this secret, of a person who may come in."""
        links = self.open().filter(sha256=_hash(secret), person__is_active=True)
        return links.select_related("person", "made_by").first()


class AccessLink(TracedModel):
    """A one-time link; only the hash of its secret is kept."""

    part_of = "person"
    untraced = frozenset({"sha256", "made_by", "made_at"})

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="access_links", verbose_name=_("person")
    )
    sha256 = models.CharField(max_length=64, unique=True, editable=False)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("made by")
    )
    made_at = models.DateTimeField(_("made at"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires at"))
    used_at = models.DateTimeField(_("used at"), null=True, editable=False)
    withdrawn_at = models.DateTimeField(_("withdrawn at"), null=True, editable=False)

    objects = AccessLinkQuerySet.as_manager()

    class Meta:
        verbose_name = _("one-time link")
        verbose_name_plural = _("one-time links")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["person"], condition=Q(used_at=None, withdrawn_at=None), name="one_open_link_a_person"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} ({self.made_at:%Y-%m-%d})"

    def use(self, password: str, *, username: str = "") -> bool:
        """Set the password, and the name on a first visit; False where the link was used or withdrawn meanwhile."""
        from lims.models.people import Person

        with changes_by(self.person):
            if not AccessLink.objects.open().filter(pk=self.pk).update(used_at=timezone.now()):
                return False
            person = self.person = Person.objects.get(pk=self.person_id)
            if username:
                person.username = username
            person.set_password(password)
            person.save(update_fields=["username", "password"])
        return True


def _hash(secret: str) -> str:
    """256 random bits: a fast hash is as good as a slow one."""
    return hashlib.sha256(secret.encode()).hexdigest()
