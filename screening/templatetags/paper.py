"""What pages for paper need: text inside a style sheet, images inside the page."""

from __future__ import annotations

import base64

from django import template
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def css_text(text: object) -> SafeString:
    """A string of a style sheet, with its quotes; nothing in it can end the string or the element."""
    escaped = "".join(
        letter if letter.isalnum() or letter in " .,-+·" else f"\\{ord(letter):x} " for letter in str(text)
    )
    return SafeString(f'"{escaped}"')


@register.filter
def jpeg_address(content: bytes | memoryview) -> str:
    """A picture as an address that holds it."""
    return f"data:image/jpeg;base64,{base64.b64encode(bytes(content)).decode()}"
