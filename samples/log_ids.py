"""Which request and which screening run a line of the log belongs to."""

from __future__ import annotations

import logging
from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")
run_id: ContextVar[str] = ContextVar("run_id", default="")


class AddIds(logging.Filter):
    """Gives each record `request_id` and `run_id`, and both in words as `ids`."""

    def filter(self, record: logging.LogRecord) -> bool:
        of_request = getattr(getattr(record, "request", None), "number", "")  # once it is over
        ids = {"request": request_id.get() or of_request, "run": run_id.get()}
        words = "".join(f" [{name} {value}]" for name, value in ids.items() if value)
        record.__dict__ |= {"request_id": ids["request"], "run_id": ids["run"], "ids": words}
        return True
