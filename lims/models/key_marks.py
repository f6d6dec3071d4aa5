"""Which SECRET_KEY the lab's hosts share, without saying it."""

from __future__ import annotations

from django.conf import settings
from django.db import connection, models
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _


class KeyMarkQuerySet(models.QuerySet["KeyMark"]):
    def is_ours(self) -> bool:
        """Whether this host has the key that the first one had which asked; a database that is a file has one host alone."""
        if connection.vendor != "postgresql":
            return True
        mark = mark_of_key()
        return self.get_or_create(pk=KeyMark.ONLY, defaults={"mark": mark, "host": settings.HOST_NAME})[0].mark == mark

    def forget(self) -> None:
        """The key of whoever asks next counts."""
        self.all().delete()


class KeyMark(models.Model):
    """The one row: sessions and jobs are signed with SECRET_KEY, so a host that has another one throws away what the others wrote.

    mark: a hash of the key, by which nobody can sign · host: that noted it
    """

    ONLY = 1

    mark = models.CharField(_("mark"), max_length=64, editable=False)
    host = models.CharField(_("host"), max_length=200, editable=False)
    noted_at = models.DateTimeField(_("noted at"), auto_now_add=True)

    objects = KeyMarkQuerySet.as_manager()

    class Meta:
        verbose_name = _("mark of the secret key")
        verbose_name_plural = _("marks of the secret key")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.host} {self.noted_at:%Y-%m-%d %H:%M}"


def mark_of_key() -> str:
    return salted_hmac("lims.models.key_marks", "the lab's hosts", algorithm="sha256").hexdigest()
