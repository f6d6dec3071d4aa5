"""Signs of life of the programs that watch a folder, most of them on the computers of diffractometers."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

SILENCE = timedelta(minutes=20)
"""Without a word for so long, the program or the network of an instrument has stopped: it says something every minute."""

FORGOTTEN = timedelta(days=30)
"""Silent for so long, an instrument is no longer shown: it was taken away, or got another name."""


class InstrumentHeartbeatQuerySet(models.QuerySet["InstrumentHeartbeat"]):
    def note(self, by: User, instrument: str, **told: str | int) -> InstrumentHeartbeat:
        """Somebody's ``instrument`` gives a sign of life, and tells how it stands; the time is the server's."""
        values = {"heard_at": timezone.now(), **told}
        return self.update_or_create(by=by, instrument=instrument, defaults=values)[0]

    def shown(self) -> InstrumentHeartbeatQuerySet:
        return self.filter(heard_at__gte=timezone.now() - FORGOTTEN)


class InstrumentHeartbeat(models.Model):
    """The last word of one program that watches a folder; the home page shows it.

    n_waiting: files that it has seen and not sent yet; n_refused: files that were not taken, and lie where they lay
    last_file: that arrived here; trouble: what keeps it from sending, in its words
    """

    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("for whom it sends")
    )
    instrument = models.CharField(_("instrument"), max_length=60)
    heard_at = models.DateTimeField(_("last heard"))
    n_waiting = models.PositiveIntegerField(_("files waiting"), default=0)
    n_refused = models.PositiveIntegerField(_("files refused"), default=0)
    last_file = models.CharField(_("last file"), max_length=255, blank=True)
    trouble = models.CharField(_("trouble"), max_length=300, blank=True)

    objects = InstrumentHeartbeatQuerySet.as_manager()

    class Meta:
        verbose_name = _("instrument's sign of life")
        verbose_name_plural = _("instruments' signs of life")
        ordering = ["instrument", "pk"]
        constraints = [models.UniqueConstraint(fields=["by", "instrument"], name="one_heartbeat_an_instrument")]

    def __str__(self) -> str:
        return self.instrument

    @property
    def is_silent(self) -> bool:
        return self.heard_at < timezone.now() - SILENCE
