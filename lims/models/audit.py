"""Who came in, who was refused, and what was done to accounts, keys and rights: a record that is only added to."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from lims.addresses import address_of
from samples.append_only import Guard
from samples.models.changes import label_of
from samples.models.unchanging import Unchanging


class AuditKind(models.TextChoices):
    """What can have happened."""

    SIGNED_IN = "signed-in", _("signed in")
    SIGN_IN_FAILED = "sign-in-failed", _("failed to sign in")
    LOCKED_OUT = "locked-out", _("was locked out")
    RELEASED = "released", _("released a lock-out")
    SIGNED_OUT_EVERYWHERE = "signed-out-everywhere", _("ended the sessions")
    PASSWORD_SET = "password-set", _("set a password")
    FACTOR_ENROLLED = "factor-enrolled", _("set up a second factor")
    FACTOR_RESET = "factor-reset", _("took off a second factor")
    RECOVERY_CODES_MADE = "recovery-codes-made", _("made recovery codes")
    RECOVERY_CODE_USED = "recovery-code-used", _("used a recovery code")
    SSO_LINKED = "sso-linked", _("linked an account of the lab’s sign-in service")
    SSO_UNLINKED = "sso-unlinked", _("took off the link to the lab’s sign-in service")
    KEY_REFUSED = "key-refused", _("sent an API key that is not known")
    DOWNLOADED = "downloaded", _("took data out")
    PERMISSIONS_SET = "permissions-set", _("changed what a group may do")


class AuditEntry(Unchanging):
    """One thing that happened; who may read it is said by the page that shows it.

    by: who did it; None where nobody was signed in, or a command did it
    about_kind, about_id, about_name: what it was done to, as "auth.user", its id, and its name of that day
    details: further facts, never a secret: {"why": "password"}
    """

    database_guard = Guard()

    at = models.DateTimeField(_("when"), default=timezone.now, editable=False)
    kind = models.CharField(_("what"), max_length=40)  # one of AuditKind; a new kind needs no migration
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("who")
    )
    address = models.GenericIPAddressField(_("from"), null=True)
    about_kind = models.CharField(max_length=60, blank=True)
    about_id = models.PositiveBigIntegerField(null=True)
    about_name = models.CharField(_("about"), max_length=200, blank=True)
    details = models.JSONField(_("details"), default=dict)

    class Meta:
        verbose_name = _("entry of the audit")
        verbose_name_plural = _("entries of the audit")
        ordering = ["-pk"]
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["kind", "address", "at"], name="audit_of_an_address"),
            models.Index(fields=["about_kind", "about_id"], name="audit_of_a_thing"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.kind} {self.about_name}".rstrip()

    @classmethod
    def note(
        cls,
        who: HttpRequest | AbstractBaseUser | AnonymousUser | None,
        kind: str,
        about: models.Model | None = None,
        **details: Any,
    ) -> AuditEntry:
        """Write that ``who`` did this: a request tells the address too, None stands for the lab itself.

        AuditEntry.note(request, AuditKind.FACTOR_RESET, person, why="lost phone")
        """
        request = who if isinstance(who, HttpRequest) else None
        person = getattr(request, "user", None) if request else who
        return cls.objects.create(
            kind=kind,
            by_id=getattr(person, "pk", None),
            address=address_of(request) if request else None,
            about_kind=label_of(about._meta.model) if about else "",
            about_id=about.pk if about else None,
            about_name=str(about)[:200] if about else "",
            details=details,
        )

    @property
    def what(self) -> str:
        """The kind in words."""
        return str(AuditKind(self.kind).label) if self.kind in AuditKind.values else self.kind
