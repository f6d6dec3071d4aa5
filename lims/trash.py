"""The trash: what people threw away before it was part of the record. Each draft can be taken back until it leaves.

Evidence is never in it: samples, patterns and files are archived, what is signed stays. What leaves the trash for good is a
search, a spreadsheet that was not imported, or a follow-up that nobody asked for in a verdict and that found nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django_q.models import Schedule

from samples.models import SheetImport
from samples.requests import SignedInRequest
from screening.models import FollowUp, SavedView
from screening.models.follow_ups import FollowUpQuerySet
from screening.schedules import keep_scheduled

SCHEDULE = "empty the trash"


@dataclass(frozen=True, slots=True)
class Draft:
    """kind: in words · take_back: the address that gives it back · leaves_at: None for what stays until it is taken back"""

    kind: str
    name: str
    trashed_at: datetime
    take_back: str
    leaves_at: datetime | None


def trash(request: SignedInRequest) -> HttpResponse:
    """My own drafts, the newest first; those of this browser are listed by a script."""
    drafts = sorted(_drafts_of(request.user), key=lambda draft: draft.trashed_at, reverse=True)
    return render(request, "trash.html", {"drafts": drafts, "days": settings.TRASH_DAYS})


def empty() -> int:
    """Let go of what has been in the trash for long enough; how many there were."""
    before = timezone.now() - timedelta(days=settings.TRASH_DAYS)
    views = SavedView.objects.filter(trashed_at__lt=before)
    n_gone, _of_each = views.delete()
    for sheet in SheetImport.objects.trashed().filter(trashed_at__lt=before):
        sheet.purge()
        n_gone += 1
    for pk in _purgeable().filter(closed_at__lt=before).values_list("pk", flat=True):
        with transaction.atomic():
            for follow_up in _purgeable().filter(pk=pk):
                follow_up.delete()
                n_gone += 1
    return n_gone


def empty_every_day() -> None:
    """Have the cluster do it."""
    keep_scheduled(SCHEDULE, "lims.trash.empty", schedule_type=Schedule.DAILY)


def _purgeable() -> FollowUpQuerySet:
    """What a signed verdict asked for stays, as the verdict does."""
    return FollowUp.objects.bare_and_called_off().filter(review=None)


def _drafts_of(person: User) -> list[Draft]:
    lasts = timedelta(days=settings.TRASH_DAYS)
    drafts = []
    for view in SavedView.objects.filter(owner=person, trashed_at__isnull=False):
        assert view.trashed_at
        address = reverse("screening:restore-view", args=[view.pk])
        drafts.append(Draft(_("saved view"), str(view), view.trashed_at, address, view.trashed_at + lasts))
    for sheet in SheetImport.objects.trashed().filter(received_by=person):
        address = reverse("samples:sheet-restore", args=[sheet.pk])
        assert sheet.trashed_at
        drafts.append(
            Draft(_("spreadsheet, not imported"), str(sheet), sheet.trashed_at, address, sheet.trashed_at + lasts)
        )
    mine = FollowUp.objects.bare_and_called_off().visible_to(person).filter(changed_by=person)
    for follow_up in mine.select_related("sample"):
        address = reverse("screening:follow-up-take-up", args=[follow_up.pk])
        assert follow_up.closed_at
        leaves_at = None if follow_up.review_id else follow_up.closed_at + lasts
        drafts.append(Draft(_("follow-up without evidence"), str(follow_up), follow_up.closed_at, address, leaves_at))
    return drafts
