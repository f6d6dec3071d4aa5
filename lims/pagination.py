"""Pages of the API: by cursor, so that rows which come in meanwhile shift nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import DataError
from django.db.models import QuerySet
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request

if TYPE_CHECKING:  # it imports this module, by the settings
    from rest_framework.views import APIView


class ByCursor(CursorPagination):
    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 1000

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: APIView) -> tuple[str, ...]:
        """Rows of the same moment stand in the order of their number."""
        first = super().get_ordering(request, queryset, view)[0]
        if first.lstrip("-") in {"pk", "id"}:
            return (first,)
        return (first, "-pk" if first.startswith("-") else "pk")

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any] | None:
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValueError, OverflowError, ValidationError, DataError) as error:  # the cursor was not one of ours
            raise NotFound(self.invalid_cursor_message) from error
