"""One cell of a spreadsheet: its text as people see it, and how a text is kept from being taken for a formula."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from decimal import Decimal

LONGEST_TEXT = 32_767
"""Characters; what one cell of a spreadsheet holds."""

_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_MEANS_A_FORMULA = tuple("=+-@＝＋－＠\t\r'")


def cleaned(text: str) -> str:
    """As a cell can hold it: line ends as one character, no control characters, no spaces around, not too long."""
    plain = _NOT_IN_XML.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return plain.strip()[:LONGEST_TEXT].rstrip()


def text_of(value: object) -> str:
    """What a cell says: a number with the 15 digits that spreadsheets keep, a day as 2026-11-24, a span of time in hours."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return plain_number(Decimal(f"{value:.15g}"))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == datetime.min.time() else value.isoformat(" ", "minutes")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return plain_number(Decimal(f"{value.total_seconds() / 3600:.10g}"))
    return cleaned(str(value))


def plain_number(number: Decimal) -> str:
    """Without exponent and without trailing zeros: 900 for 900.0."""
    return f"{number.normalize():f}" if number.is_finite() else str(number)


def unescaped(text: str) -> str:
    """Spreadsheets write characters that XML has not as _x000D_."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text) if "_x" in text else text


def escaped(text: str) -> str:
    """Text that looks like such a character, and is none."""
    return _ESCAPED.sub(lambda match: f"_x005F{match[0]}", text) if "_x" in text else text


def shielded(text: str) -> str:
    """For CSV: an apostrophe before what a spreadsheet would run as a formula."""
    return f"'{text}" if text.startswith(_MEANS_A_FORMULA) else text


def unshielded(text: str) -> str:
    return text[1:] if text.startswith("'") and text[1:].startswith(_MEANS_A_FORMULA) else text
