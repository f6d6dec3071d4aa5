"""The strings of the project and their translations, found and compiled in Python alone (Babel, a development package).

`manage.py translations` writes the catalogue; the compiled file is kept in the repository, so that a running lab needs
neither Babel nor gettext's tools.
"""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize

ROOMS = ("lims", "screening", "mlmodels", "samples", "templates")
KEYWORDS: dict[str, tuple[int | tuple[int, str], ...]] = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop"), (1,)),
    **dict.fromkeys(("ngettext", "ngettext_lazy", "counted"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
    # Sentences of the floors that know nothing of Django (samples/xrd/sentences.py), and the errors that carry one.
    **dict.fromkeys(
        ("sentence", "PatternFileError", "CheckpointError", "CompositionError", "SumError", "RefinementError"), (1,)
    ),
    **dict.fromkeys(
        ("ExportRefused", "BackupError", "DamagedPieceError", "TrainingError", "MissingOriginalError"), (1,)
    ),
}
_TEMPLATE_CALL = re.compile(r"\b(_|n?p?gettext)\(((?:[^()'\"]|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")*)\)", re.DOTALL)

Message = str | tuple[str, str]
"""A msgid, or a singular and a plural."""


def catalogue_path(language: str) -> Path:
    return settings.BASE_DIR / "locale" / language / "LC_MESSAGES" / "django.po"


def found_messages() -> Iterator[tuple[str, int, Message, str | None]]:
    """Every message in the sources: file, line, message, context."""
    for room in ROOMS:
        for path in sorted((settings.BASE_DIR / room).rglob("*")):
            if path.suffix == ".py" and "migrations" not in path.parts:
                yield from _in_python(path)
            elif path.suffix in {".html", ".txt", ".svg"} and "templates" in path.parts:
                yield from _in_template(path)


def _in_python(path: Path) -> Iterator[tuple[str, int, Message, str | None]]:
    name = str(path.relative_to(settings.BASE_DIR))
    with path.open("rb") as file:
        for line, function, arguments, _comments in extract_python(file, dict.fromkeys(KEYWORDS), [], {}):
            texts = list(arguments) if isinstance(arguments, (tuple, list)) else [arguments]
            yield from _message(name, line, str(function), texts)


def _in_template(path: Path) -> Iterator[tuple[str, int, Message, str | None]]:
    name = str(path.relative_to(settings.BASE_DIR))
    source = templatize(path.read_text(encoding="utf-8"), origin=name)
    for call in _TEMPLATE_CALL.finditer(source):
        arguments = ast.parse(f"f({call[2]})", mode="eval").body
        assert isinstance(arguments, ast.Call)
        texts = [a.value if isinstance(a, ast.Constant) else None for a in arguments.args]
        yield from _message(name, source.count("\n", 0, call.start()) + 1, call[1], texts)


def _message(
    name: str, line: int, function: str, texts: Sequence[object]
) -> Iterator[tuple[str, int, Message, str | None]]:
    context = None
    wanted = []
    for place in KEYWORDS[function]:
        number = place if isinstance(place, int) else place[0]
        text = texts[number - 1] if number <= len(texts) else None
        if not isinstance(text, str) or not text:
            return  # a variable: its text is found where it is written
        if isinstance(place, tuple):
            context = text
        else:
            wanted.append(text)
    yield name, line, (wanted[0] if len(wanted) == 1 else (wanted[0], wanted[1])), context


def read_catalogue(language: str) -> Catalog:
    path = catalogue_path(language)
    if not path.exists():
        return Catalog(locale=language, charset="utf-8", fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def updated_catalogue(language: str) -> Catalog:
    """The catalogue of ``language`` with the messages of the sources: known translations kept, unused ones dropped."""
    known = read_catalogue(language)
    fresh = Catalog(
        locale=language, project="Icosa", charset="utf-8", fuzzy=False, creation_date=known.creation_date,
        revision_date=known.revision_date, header_comment="# The words of Icosa's pages.",
    )  # fmt: skip
    for name, _line, message, context in found_messages():
        previous = known.get(message if isinstance(message, str) else message[0], context)
        string = previous.string if previous else ""
        flags = ["python-format"] if "%(" in str(message) else []
        fresh.add(message, string, locations=[(name, 0)], context=context, flags=flags)
    return fresh


def untranslated(catalogue: Catalog) -> list[str]:
    """The messages of ``catalogue`` that have no translation yet, or a doubtful one."""
    missing = []
    for message in catalogue:
        if not message.id:
            continue
        texts = message.string if isinstance(message.string, (tuple, list)) else (message.string,)
        if message.fuzzy or not all(texts):
            missing.append(message.id if isinstance(message.id, str) else message.id[0])
    return missing


def compiled(catalogue: Catalog) -> bytes:
    """The .mo file of ``catalogue``; the same catalogue gives the same bytes."""
    file = io.BytesIO()
    write_mo(file, catalogue)
    return file.getvalue()


def write_catalogue(language: str, catalogue: Catalog) -> None:
    path = catalogue_path(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalogue, width=110, sort_output=True, include_lineno=False)
    path.with_suffix(".mo").write_bytes(compiled(catalogue))
