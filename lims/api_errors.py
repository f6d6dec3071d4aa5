"""Every error of the API in one shape, with the sentences of the pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import SuspiciousOperation
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404
from rest_framework.exceptions import APIException, NotFound, ParseError, PermissionDenied, ValidationError
from rest_framework.fields import get_error_detail
from rest_framework.response import Response
from rest_framework.views import exception_handler

NO_FIELD = {"non_field_errors", "__all__", "detail"}


def in_one_shape(error: Exception, context: dict[str, Any]) -> Response | None:
    """`{"error": {"code", "message", "fields"}}`; None for a fault of ours, which is a 500."""
    error = _as_api_exception(error)
    response = exception_handler(error, context)
    if response is None or not isinstance(error, APIException):
        return None
    fields: dict[str, list[str]] = {}
    for path, sentence in _sentences(error.detail):
        fields.setdefault(path, []).append(sentence)
    message = next((sentences[0] for sentences in (fields.get(""), *fields.values()) if sentences), "")
    fields.pop("", None)
    response.data = {"error": {"code": error.default_code, "message": message, "fields": fields}}
    return response


def described(result: dict[str, Any], **_context: object) -> dict[str, Any]:
    """The schema, with that shape as the answer of every operation to what it cannot do, a field of another name being one."""
    sentences = {"type": "array", "items": {"type": "string"}}
    inner = {
        "type": "object",
        "required": ["code", "message", "fields"],
        "properties": {
            "code": {"type": "string"},
            "message": {"type": "string"},
            "fields": {"type": "object", "additionalProperties": sentences},
        },
    }
    error = {"type": "object", "required": ["error"], "properties": {"error": inner}}
    result["components"]["schemas"]["Error"] = error
    answer = {
        "description": "Why not, in sentences",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
    for name, schema in result["components"]["schemas"].items():
        if name.endswith("Request") and "properties" in schema:
            schema["additionalProperties"] = False
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["responses"]["default"] = answer
    return result


def _as_api_exception(error: Exception) -> Exception:
    if isinstance(error, Http404):
        return NotFound()
    if isinstance(error, DjangoPermissionDenied):
        return PermissionDenied()
    if isinstance(error, SuspiciousOperation):  # such as a body of more megabytes than any sample has
        return ParseError()
    if isinstance(error, DjangoValidationError):
        return ValidationError(get_error_detail(error))
    return error


def _sentences(detail: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Each sentence with the dotted path of its field, as in `steps.1.temperature`; "" for the whole."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from _sentences(inner, path if name in NO_FIELD else (*path, str(name)))
    elif isinstance(detail, list):
        for number, inner in enumerate(detail):
            yield from _sentences(inner, (*path, str(number)) if isinstance(inner, dict) else path)
    else:
        yield ".".join(path), str(detail)
