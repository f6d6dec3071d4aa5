"""Pages of the API: by cursor, so that rows which come in meanwhile shift nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError as BadValue
from django.db import DataError
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

if TYPE_CHECKING:  # it imports this module, by the settings
    from rest_framework.views import APIView


class ByCursor(CursorPagination):
    """A cursor holds the last row that was given, by what the rows are ordered by and by its number.

    The number tells rows of the same moment or name apart, however many there are; the cursors of Django REST framework count such
    rows, and begin again at the thousandth.
    """

    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 1000
    invalid_cursor_message = gettext_lazy("This cursor is none of this list. Ask without it, and follow “next”.")  # type: ignore[assignment]

    def get_page_size(self, request: Request) -> int:
        asked = request.query_params.get("page_size")
        if asked is not None and not re.fullmatch("[1-9][0-9]{0,8}", asked):
            raise ValidationError({"page_size": [_("Write how many rows a page shall have, from 1 to 1000.")]})
        size: int = super().get_page_size(request)  # type: ignore[assignment]
        return size

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any] | None:
        self.base_url = request.build_absolute_uri()
        self.cursor = self.decode_cursor(request)
        position: Any = self.cursor.position if self.cursor else None
        backwards = bool(self.cursor and self.cursor.reverse)
        size = self.page_size = self.get_page_size(request)
        assert view
        self.by = self.get_ordering(request, queryset, view)[0].replace("pk", "id")
        try:
            rows = list(self._rows(queryset, position, backwards)[: size + 1])
        except (ValueError, OverflowError, BadValue, DataError) as error:  # the cursor was not one of ours
            raise NotFound(self.invalid_cursor_message) from error
        goes_on, self.page = len(rows) > size, rows[:size]
        if backwards:
            self.page.reverse()
        self.has_next, self.has_previous = (True, goes_on) if backwards else (goes_on, position is not None)
        return self.page

    def get_next_link(self) -> str | None:
        return self._link(-1, backwards=False) if self.has_next else None

    def get_previous_link(self) -> str | None:
        return self._link(0, backwards=True) if self.has_previous else None

    def _rows(self, queryset: QuerySet[Any], position: str | None, backwards: bool) -> QuerySet[Any]:
        """Those beyond ``position``, in order or, backwards, against it."""
        field = self.by.lstrip("-")
        descends = self.by.startswith("-") != backwards
        sign, beyond, within = ("-", "lt", "gte") if descends else ("", "gt", "lte")
        if position is not None:
            pk, _blank, value = position.partition(" ")
            if field == "id":
                queryset = queryset.filter(**{f"id__{beyond}": int(pk)})
            else:
                upto = f"{field}__{beyond}e"
                queryset = queryset.filter(**{upto: value}).exclude(**{field: value, f"id__{within}": int(pk)})
        return queryset.order_by(f"{sign}{field}", *([] if field == "id" else [f"{sign}id"]))

    def _link(self, place: int, *, backwards: bool) -> str:
        if self.page:
            row = self.page[place]
            position = f"{row.pk} {getattr(row, self.by.lstrip('-'))}"
        else:
            assert self.cursor
            position = str(self.cursor.position)
        return self.encode_cursor(Cursor(offset=0, reverse=backwards, position=position))  # type: ignore[arg-type]
