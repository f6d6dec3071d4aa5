"""The daily mail: what a person was told since the last one and has not read."""

from __future__ import annotations

import logging
from collections import defaultdict
from datetime import datetime, time, timedelta
from smtplib import SMTPException

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django_q.models import Schedule

from samples.models import Notice
from screening.schedules import keep_scheduled

logger = logging.getLogger(__name__)

SENT_AT = time(7, 0)
"""In the lab's time zone."""

MOST_LINES = 50
"""In one mail; the app has the rest."""

SCHEDULE = "send the daily digests"


def send_every_day() -> None:
    """Have the cluster send them, where this lab sends mail."""
    if not settings.SENDS_MAIL:
        Schedule.objects.filter(name=SCHEDULE).delete()
        return
    now = timezone.localtime()
    first = timezone.make_aware(datetime.combine(now.date(), SENT_AT))
    keep_scheduled(
        SCHEDULE,
        "lims.digests.send_digests",
        schedule_type=Schedule.DAILY,
        first_run=first if first > now else first + timedelta(days=1),
    )


def send_digests() -> int:
    """One mail to each person with unread notices that were not mailed yet; how many went out.

    A mail that cannot be sent is logged, and tried again the next day; the others go out.
    """
    if not settings.SENDS_MAIL:
        return 0
    due = Notice.objects.unread().filter(mail_due=True, person__is_active=True).exclude(person__email="")
    waiting: dict[User, list[Notice]] = defaultdict(list)
    for notice in due.select_related("person", "by").order_by("person", "-told_at"):
        waiting[notice.person].append(notice)
    for person, notices in waiting.items():
        seen = set(
            Notice.objects.visible_to(person).filter(pk__in=[n.pk for n in notices]).values_list("pk", flat=True)
        )
        waiting[person] = [notice for notice in notices if notice.pk in seen]
    with translation.override(settings.LANGUAGE_CODE):
        return sum(_send(person, notices) for person, notices in waiting.items() if notices)


def _send(person: User, notices: list[Notice]) -> bool:
    n = len(notices)
    subject = ngettext("Icosa: %(n)s notice", "Icosa: %(n)s notices", n) % {"n": n}
    lines = [f"{notice.sentence}\n{settings.PUBLIC_ADDRESS}{notice.address}" for notice in notices[:MOST_LINES]]
    if n > MOST_LINES:
        lines.append(_("… and %(n)s more in the app.") % {"n": n - MOST_LINES})
    lines.append(_("What is mailed is chosen under “My settings” in the app."))
    message = EmailMessage(subject, "\n\n".join(lines), to=[person.email])
    try:
        message.send()
    except (OSError, SMTPException):
        logger.exception("The digest of %s could not be sent", person)
        return False
    Notice.objects.filter(pk__in=[notice.pk for notice in notices]).update(mail_due=False)
    return True
