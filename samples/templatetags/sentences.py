"""``{{ pattern.failure|translated }}``: a stored sentence in the reader's language."""

from __future__ import annotations

from django import template

from samples.sentences import translated

register = template.Library()
register.filter("translated", translated)
