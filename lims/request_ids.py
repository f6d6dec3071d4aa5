"""Each request has a number: in every line of the log that it causes, in the answer, and on the page of an error."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from uuid import uuid4

from django.http import HttpRequest, HttpResponse

from samples.log_ids import request_id

logger = logging.getLogger("icosa.request")

HEADER = "X-Request-ID"
GIVEN = re.compile(r"[A-Za-z0-9-]{8,64}")
"""A number that the web server before us gave may look so."""


class NumberRequests:
    """Middleware, the outermost; it also logs each answer, where the log is JSON (ICOSA_LOG)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get(HEADER, "")
        number = given if GIVEN.fullmatch(given) else uuid4().hex[:12]
        request.number = number  # type: ignore[attr-defined]
        token = request_id.set(number)
        began = time.perf_counter()
        try:
            response = self.get_response(request)
            response[HEADER] = number
            facts = {"method": request.method, "route": route_of(request), "status": response.status_code}
            logger.info("answered", extra={**facts, "milliseconds": round(1000 * (time.perf_counter() - began), 1)})
        finally:
            request_id.reset(token)
        return response


def route_of(request: HttpRequest) -> str:
    """The pattern of the address, as in `samples/<str:code>/`: addresses themselves may hold names and secrets."""
    return request.resolver_match.route if request.resolver_match else ""
