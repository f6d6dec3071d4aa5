"""API keys: how scripts and instruments come in for a person."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from samples.models.acts import changes_by
from samples.models.traced import TracedModel, TracedQuerySet

SHOWN_CHARACTERS = 12
"""Of a key's secret, kept in clear so that people tell their keys apart."""

USE_NOTED_EVERY = timedelta(minutes=1)
"""A key that sends a thousand files need not write a thousand times that it was used."""


class ApiKeyQuerySet(TracedQuerySet["ApiKey"]):
    def issue(self, owner: User, *, name: str, scopes: Iterable[str], valid_for: timedelta) -> tuple[ApiKey, str]:
        """A new key and its secret, which is told this once: only its hash is kept."""
        secret = f"icosa_{secrets.token_urlsafe(32)}"
        with changes_by(owner):
            key = self.create(
                owner=owner,
                name=name,
                scopes=list(scopes),
                prefix=secret[:SHOWN_CHARACTERS],
                sha256=_hash(secret),
                expires_at=timezone.now() + valid_for,
            )
        return key, secret

    def of_secret(self, secret: str) -> ApiKey | None:
        return self.select_related("owner").filter(sha256=_hash(secret)).first()

    def unrevoked(self) -> ApiKeyQuerySet:
        return self.filter(revoked_at=None)


class ApiKey(TracedModel):
    """A named key of one person; it may do what its scopes say, and never more than its owner."""

    part_of, named_by = "owner", "name"
    untraced = frozenset({"name", "prefix", "sha256", "made_at", "last_used_at"})

    class Scope(models.TextChoices):
        READ = "read", _("read: look at everything that you see")
        UPLOAD = "upload", _("upload: send patterns in")
        WRITE = "write", _("write: log samples")

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="api_keys")
    name = models.CharField(_("name"), max_length=60)
    scopes = models.JSONField(_("may"), default=list)
    prefix = models.CharField(_("begins with"), max_length=SHOWN_CHARACTERS, editable=False)
    sha256 = models.CharField(max_length=64, unique=True, editable=False)
    made_at = models.DateTimeField(_("made at"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires at"))
    last_used_at = models.DateTimeField(_("last used at"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ["-made_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], condition=Q(revoked_at=None), name="one_key_a_name"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def is_expired(self) -> bool:
        return self.expires_at <= timezone.now()

    def why_refused(self) -> str:
        """Why nobody comes in by this key; "" where somebody does."""
        if self.revoked_at:
            return gettext("The key “%(name)s” was revoked. Make a new one on the page “API keys”.") % {
                "name": self.name
            }
        if self.is_expired:
            return gettext("The key “%(name)s” has expired. Make a new one on the page “API keys”.") % {
                "name": self.name
            }
        if not self.owner.is_active:
            return gettext("The owner of this key is no longer active in this lab. Ask for a key of somebody who is.")
        return ""

    def allows(self, scope: str) -> bool:
        return scope in self.scopes

    def note_use(self) -> None:
        now = timezone.now()
        if self.last_used_at is None or self.last_used_at < now - USE_NOTED_EVERY:
            ApiKey.objects.filter(pk=self.pk).update(last_used_at=now)

    def revoke(self) -> None:
        """Nobody comes in by this key from now on; it stays in the list."""
        with changes_by(self.owner):
            ApiKey.objects.unrevoked().filter(pk=self.pk).update(revoked_at=timezone.now())


def _hash(secret: str) -> str:
    """A key has 256 random bits: a fast hash is as good as a slow one."""
    return hashlib.sha256(secret.encode()).hexdigest()
