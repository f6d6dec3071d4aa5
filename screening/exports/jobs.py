"""What a worker does for exports, imports and large freezes: one after the other, while any waits. A second bell finds nothing to do."""

from __future__ import annotations

import errno
import logging

from mlmodels.export.contents import ExportRefused
from mlmodels.models import DatasetConflict, DatasetError
from samples.xrd.sentences import sentence
from screening import tasks
from screening.bell import ring_jobs
from screening.models import DatasetExport, DatasetImport, FreezingJob, ScreeningResult
from screening.models.jobs import Job, LeaseLost

logger = logging.getLogger(__name__)

DISK_FULL = sentence(
    "The disk ran full meanwhile. What was written so far is removed, nothing else is lost. Free some room and try again."
)
CHANGED = sentence("Somebody changed the draft meanwhile. Look again, then freeze. Nothing was frozen.")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Stopped(Exception):  # noqa: N818 - it goes on later
    """The worker is told to stop."""


def do_waiting() -> None:
    DatasetExport.objects.remove_old()
    while not tasks.stopping.is_set():
        job = FreezingJob.objects.claim() or DatasetExport.objects.claim() or DatasetImport.objects.claim()
        if job is None:
            return
        do(job)


def ring_if_any_waits() -> None:
    """The bell of every minute, for jobs whose own bell was lost."""
    DatasetExport.objects.remove_old()
    kinds = (FreezingJob, DatasetExport, DatasetImport)
    if any(kind.objects.waiting().exists() for kind in kinds):
        ring_jobs()


def do(job: Job) -> None:
    """Do one job that is leased to us, and write how it ended."""
    try:
        said = job.work(let_uploads_pass)
    except (Stopped, LeaseLost):
        job.stop()
    except (ExportRefused, DatasetError) as refused:
        job.fail(refused.sentence)
    except DatasetConflict:
        job.fail(CHANGED)
    except Exception as error:
        logger.exception("%s %s failed", type(job).__name__, job.pk)
        if is_no_room(error):
            job.fail(DISK_FULL)
        else:
            job.give_back(sentence("%(error)s: %(text)s", error=type(error).__name__, text=str(error)[:300]))
    else:
        job.finish(**said)


def let_uploads_pass() -> None:
    """Between two batches: a host with a single worker still classes an upload within seconds."""
    if tasks.stopping.is_set():
        raise Stopped
    if ScreeningResult.objects.queued().exists():
        tasks.screen_waiting()


def is_no_room(error: BaseException) -> bool:
    """Whether the disk, or what we may have of it, is full; HDF5 says so in words only."""
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return True
    return any(f"errno = {number}," in str(error) for number in _NO_ROOM)
