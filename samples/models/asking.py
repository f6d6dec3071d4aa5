"""How a sample is asked for by the rows that hang on it."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

MANY_ROWS = 20_000
"""From here on it is quicker to walk the samples and look at the rows of each than to collect the samples of all rows."""


def one_of(rows: QuerySet[Any], sample: str = "sample") -> Q:
    """Samples that one of ``rows`` hangs on, by the path ``sample``.

    PostgreSQL counts its rows and finds its own way; SQLite does what it is told, so it is told by the number of rows.
    """
    rows = rows.order_by()
    if rows.values(sample)[MANY_ROWS : MANY_ROWS + 1].exists():
        return Q(Exists(rows.filter(**{sample: OuterRef("pk")})))
    return Q(pk__in=rows.filter(**{f"{sample}__isnull": False}).values(sample))
