"""A connection that gives up on a server that says nothing.

Neither of PostgreSQL's and TCP's own limits helps there: a frozen server cancels no statement, and its kernel still
acknowledges what it is sent.
"""

from __future__ import annotations

from math import ceil
from typing import Any, TypeVar

import psycopg
from django.db.backends.postgresql import base
from psycopg.abc import PQGen
from psycopg.errors import ConnectionTimeout, _WaitTimeout

from lims import patience

RV = TypeVar("RV")

INTERVAL = 0.1
"""Seconds after which a wait looks whether it was interrupted, as psycopg's own do."""
LEAST = 2
"""Seconds: libpq waits that long for a connection at least."""


class SilentServerError(psycopg.OperationalError):
    """Nothing came within the patience of who asked; the connection is closed, since its answer may still come."""

    sqlstate = patience.SILENCE


class PatientConnection(psycopg.Connection[Any]):
    """All that psycopg asks a server goes through `wait`: statements, fetches, commits."""

    def wait(self, gen: PQGen[RV], interval: float = INTERVAL, timeout: float | None = None) -> RV:
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, patience.left())
        except _WaitTimeout:
            self.pgconn.finish()
            raise SilentServerError("the server does not answer") from None


class DatabaseWrapper(base.DatabaseWrapper):
    def get_connection_params(self) -> dict[str, Any]:
        params = super().get_connection_params()
        return params | {"options": f"{patience.told_to_the_server()} {params.get('options', '')}".strip()}

    def get_new_connection(self, conn_params: dict[str, Any]) -> PatientConnection:
        self.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        if (left := patience.left()) is not None:
            usual = int(conn_params.get("connect_timeout") or ceil(left))
            conn_params = conn_params | {"connect_timeout": max(LEAST, min(usual, ceil(left)))}
        try:
            return PatientConnection.connect(**conn_params)
        except ConnectionTimeout as error:
            raise SilentServerError(str(error)) from None

    def is_usable(self) -> bool:
        """Asked of a connection that was kept, before a request uses it again."""
        with patience.brief():
            return bool(super().is_usable())
