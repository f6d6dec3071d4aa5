"""The bell: a django-q2 task that says no more than "look what is waiting". What is to be done stands in ScreeningResult rows."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django_q.conf import Conf
from django_q.models import OrmQ, Schedule
from django_q.tasks import async_task

from screening.schedules import keep_scheduled

BELL = "screening.tasks.screen_waiting"
THUMBNAIL_BELL = "screening.thumbnails.make_waiting"
JOB_BELL = "screening.exports.jobs.do_waiting"
JOB_BELL_OF_EVERY_MINUTE = "screening.exports.jobs.ring_if_any_waits"
JOB_SECONDS = 24 * 3600
"""What a worker has for the jobs that wait, in the place of django-q2's few minutes."""
BELLS_OF_EVERY_MINUTE = {
    "screen what waits": BELL,
    "make the thumbnails that wait": THUMBNAIL_BELL,
    "export and import what waits": JOB_BELL_OF_EVERY_MINUTE,
}
PROOF_BELL = "screening.proving.prove_waiting"
PROOF_TIMEOUT = 3600
"""Seconds: an evaluation takes minutes, and holds the worker's heart beating itself."""


def ring_on_commit() -> None:
    """Ring once what was written is there to be seen; a bell that fails is made good by the one of every minute."""
    transaction.on_commit(ring, robust=True)


def ring() -> None:
    """Wake one worker, unless a bell hangs there that none has heard yet."""
    if not _rings_already():
        async_task(BELL)


def ring_thumbnails_on_commit() -> None:
    """The same for images that wait for their thumbnails."""
    transaction.on_commit(lambda: async_task(THUMBNAIL_BELL), robust=True)


def ring_jobs_on_commit() -> None:
    """The same for exports and imports of data sets."""
    transaction.on_commit(ring_jobs, robust=True)


def ring_jobs() -> None:
    async_task(JOB_BELL, timeout=JOB_SECONDS)


def ring_proofs_on_commit() -> None:
    """The same for a proof that waits."""
    transaction.on_commit(ring_proofs, robust=True)


def ring_proofs() -> None:
    if not _rings_already(PROOF_BELL):
        async_task(PROOF_BELL, timeout=PROOF_TIMEOUT)


def ring_every_minute() -> None:
    """Have the cluster ring by itself too, so that a bell that got lost delays and never loses."""
    for name, bell in BELLS_OF_EVERY_MINUTE.items():
        keep_scheduled(name, bell, schedule_type=Schedule.MINUTES, minutes=1)


def _rings_already(bell: str = BELL) -> bool:
    """Whether this bell is in the queue and no cluster has taken it out yet (then its lock lies in the future)."""
    unheard = OrmQ.objects.filter(key=Conf.CLUSTER_NAME, lock__lte=timezone.now())
    return any(task.task.get("func") == bell for task in unheard[:20])
