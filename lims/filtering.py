"""Filters of the API: what is mistyped is said, for a list that leaves it out answers another question."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.exceptions import ValidationError
from rest_framework.filters import OrderingFilter
from rest_framework.request import Request

from samples.filters import Filters

OF_EVERY_LIST = ("ordering", "page_size", "cursor", "format")


class KnownFilters(DjangoFilterBackend):  # type: ignore[misc]
    filterset_base = Filters

    def get_filterset(self, request: Request, queryset: QuerySet[Any], view: Any) -> Any:
        asked = super().get_filterset(request, queryset, view)
        known = list(asked.filters) if asked is not None else []
        unknown = set(request.query_params) - {*known, *OF_EVERY_LIST}
        if view.action == "list" and unknown:
            sentence = _("There is no filter of this name here. There are: %(names)s.") % {
                "names": ", ".join([*known, *OF_EVERY_LIST[:2]])
            }
            raise ValidationError({name: [sentence] for name in sorted(unknown)})
        return asked


class KnownOrdering(OrderingFilter):
    def remove_invalid_fields(self, queryset: Any, fields: Any, view: Any, request: Request) -> list[str]:
        names = [name for name, _label in self.get_valid_fields(queryset, view, {"request": request})]
        if unknown := [field for field in fields if field.lstrip("-") not in names]:
            sentence = _(
                "By “%(field)s” nothing is ordered here. Write one of these, with a minus before it for descending: %(names)s."
            )
            raise ValidationError({"ordering": [sentence % {"field": unknown[0], "names": ", ".join(names)}]})
        return list(fields)
