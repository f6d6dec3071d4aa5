"""Where unhandled exceptions end: counted as rows for the admins, and as a page with a number for everybody else."""

from __future__ import annotations

import logging
import sys
import threading
from contextlib import suppress

from django.db import InterfaceError, OperationalError, ProgrammingError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from lims.request_ids import route_of
from lims.schema import fit, not_serving

OF_THE_DATABASE = (InterfaceError, OperationalError, ProgrammingError)


class FaultHandler(logging.Handler):
    """Counts each exception that is logged as an error: those of pages, of jobs and of the night's work."""

    _busy = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is None or getattr(self._busy, "now", False):
            return
        self._busy.now = True
        with suppress(Exception):  # where the database is away: it stands in the log in any case
            from lims.models.faults import Fault

            request = getattr(record, "request", None)
            during = f"{request.method} {route_of(request)}" if isinstance(request, HttpRequest) else record.name
            Fault.objects.note(error, during=during, request_id=record.__dict__.get("request_id", ""))
        self._busy.now = False


def server_error(request: HttpRequest) -> HttpResponse:
    """The answer to a fault of ours; where database and program do not belong together, that is said instead."""
    if isinstance(sys.exc_info()[1], OF_THE_DATABASE) and (misfit := fit.look()):
        return not_serving(request, misfit)
    number = getattr(request, "number", "")
    if request.path.startswith("/api/"):
        message = _("The fault is ours, not yours. Tell the administrator this number: %(number)s") % {"number": number}
        return JsonResponse({"error": {"code": "server_error", "message": message, "fields": {}}}, status=500)
    return HttpResponse(render_to_string("500.html", {"number": number}), status=500)
