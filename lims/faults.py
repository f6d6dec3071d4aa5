"""Where unhandled exceptions end: counted as rows for the admins, and as a page with a number for everybody else."""

from __future__ import annotations

import errno
import logging
import sys
import threading
from contextlib import suppress

from django.db import DatabaseError, InterfaceError, OperationalError, ProgrammingError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from lims import patience
from lims.request_ids import route_of
from lims.schema import fit, not_serving
from samples.store import StoreAwayError
from samples.xrd.sentences import sentence

OF_THE_DATABASE = (InterfaceError, OperationalError, ProgrammingError)
DISK_FULL = "53100"
"""PostgreSQL's code for it."""
WITHDRAWN = {"57014", "55P03", "25P03"}
"""Its codes for what reached a limit of `lims/patience.py`: a statement, a wait for a lock, a transaction that stood still."""

WAS_AWAY = sentence(
    "The database was away for a moment and is back. Look whether what you did last was saved; if not, do it again."
)
TOOK_TOO_LONG = sentence(
    "The database took too long to answer, so what was asked of it was withdrawn. What you did last was not saved, and everything"
    " from before is still there. Try again in a minute, or ask for less at once; if it stays so, tell an administrator."
)
FELL_SILENT = sentence(
    "The database took too long to answer: it says nothing at all. Whether what you did last was saved is not known: look for it"
    " before you do it again. The lab goes on by itself as soon as the database answers."
)
FILES_ARE_AWAY = sentence(
    "The lab's store of files does not answer. What you did last was not saved, and everything from before is still there."
    " Try again in a few minutes; if it stays so, tell an administrator."
)
DISK_IS_FULL = sentence(
    "The disk is full. What you did last was not saved, and everything from before is still there. Make room in the lab's"
    " data folder or on the disk of its database; then it goes on by itself."
)


class FaultHandler(logging.Handler):
    """Counts each exception that is logged as an error: those of pages, of jobs and of the night's work."""

    _busy = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is None or fit.misfit or getattr(self._busy, "now", False):
            return
        self._busy.now = True
        with suppress(Exception):  # where the database is away: it stands in the log in any case
            from lims.models.faults import Fault

            request = getattr(record, "request", None)
            during = f"{request.method} {route_of(request)}" if isinstance(request, HttpRequest) else record.name
            Fault.objects.note(error, during=during, request_id=record.__dict__.get("request_id", ""))
        self._busy.now = False


def server_error(request: HttpRequest) -> HttpResponse:
    """The answer to a fault of ours; where it is the disk's or the database's, that is said instead."""
    error = sys.exc_info()[1]
    if is_full_disk(error):
        return not_serving(request, DISK_IS_FULL, status=507, this_alone=True)
    if isinstance(error, StoreAwayError):
        return not_serving(request, FILES_ARE_AWAY, this_alone=True)
    if isinstance(error, DatabaseError) and sqlstate_of(error) in WITHDRAWN:
        return not_serving(request, TOOK_TOO_LONG, this_alone=True)
    if isinstance(error, OperationalError) and sqlstate_of(error) == patience.SILENCE:
        fit.lose()
        return not_serving(request, FELL_SILENT, this_alone=True)
    if isinstance(error, OF_THE_DATABASE) and (misfit := fit.look()):
        return not_serving(request, misfit)
    if is_lost_connection(error):
        return not_serving(request, WAS_AWAY, this_alone=True)
    number = getattr(request, "number", "")
    if request.path.startswith("/api/"):
        message = _("The fault is ours, not yours. Tell the administrator this number: %(number)s") % {"number": number}
        return JsonResponse({"error": {"code": "server_error", "message": message, "fields": {}}}, status=500)
    return HttpResponse(render_to_string("500.html", {"number": number}), status=500)


def is_full_disk(error: BaseException | None) -> bool:
    """Whether this is, or comes from, a write that found no room: of a file, of SQLite, or of PostgreSQL."""
    while error:
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
            return True
        if isinstance(error, OperationalError) and (sqlstate_of(error) == DISK_FULL or "disk is full" in str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def is_lost_connection(error: BaseException | None) -> bool:
    """Whether PostgreSQL went away in the midst of it: it says so (class 57P), or it had no time to say anything."""
    if not isinstance(error, InterfaceError | OperationalError) or not hasattr(error.__cause__, "sqlstate"):
        return False
    sqlstate = sqlstate_of(error)
    return sqlstate is None or sqlstate.startswith("57P")


def sqlstate_of(error: Exception) -> str | None:
    return getattr(error.__cause__, "sqlstate", None)
