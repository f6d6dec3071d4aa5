"""Each page exists in Japanese too: a new string without a translation fails here."""

from __future__ import annotations

import gettext
import io
import re
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from lims import messages

_FIELD = re.compile(r"%\((\w+)\)[sd]|%%")


def test_every_message_has_a_japanese_translation() -> None:
    missing = messages.untranslated(messages.updated_catalogue("ja"))
    assert missing == [], "run `python manage.py translations`, then fill in locale/ja/LC_MESSAGES/django.po"


def test_catalogue_holds_no_message_that_is_gone() -> None:
    kept = {(m.context, m.id) for m in messages.read_catalogue("ja") if m.id}
    found = {(m.context, m.id) for m in messages.updated_catalogue("ja") if m.id}
    assert kept == found


def test_compiled_catalogue_is_the_written_one() -> None:
    compiled = messages.catalogue_path("ja").with_suffix(".mo").read_bytes()
    known = gettext.GNUTranslations(io.BytesIO(compiled))
    for message in messages.read_catalogue("ja"):
        if isinstance(message.id, str) and message.id:
            text = known.pgettext(message.context, message.id) if message.context else known.gettext(message.id)
            assert text == message.string


def test_translations_fill_the_same_fields() -> None:
    for message in messages.read_catalogue("ja"):
        if not message.id:
            continue
        ids = [message.id] if isinstance(message.id, str) else list(message.id)
        strings = message.string if isinstance(message.string, (tuple, list)) else [message.string]
        allowed = set().union(*(_FIELD.findall(text) for text in ids))
        for text in map(str, strings):
            assert set(_FIELD.findall(text)) <= allowed, text


@pytest.mark.parametrize(
    "template",
    [
        "{% translate 'Sign in' %}",
        "{% blocktranslate trimmed %}\n Sign in\n{% endblocktranslate %}",
        '{{ name|default:_("Sign in") }}',
    ],
)
def test_messages_of_templates_are_found(template: str, tmp_path: Path, settings: Settings) -> None:
    settings.BASE_DIR = tmp_path
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text(template)
    assert [message for _name, _line, message, _context in messages.found_messages()] == ["Sign in"]
