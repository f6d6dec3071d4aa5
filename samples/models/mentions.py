"""Codes of samples and @names in what people write: found once when it is written, shown as links ever after."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from django.contrib.auth.models import User
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from samples.models.samples import Sample

Link = tuple[int, int, str, str]
"""Where it begins and ends in the text, "sample" or "person", and the sample's id or the person's name."""

MOST_LINKS = 50
"""In one text; what comes later stays plain."""

MARKS_OF_A_CODE = "0123456789-_"
"""A word with none of these is looked for under no code: "ASR-IV" may be a sample, "grain" is a word."""

_CODE = re.compile(r"(?<![A-Za-z0-9_@＠])[A-Za-z0-9][A-Za-z0-9_.()+-]*")
_NAME = re.compile(r"(?<![A-Za-z0-9_])[@＠]([\w.@+-]{1,150})")
_NARROW = re.compile(r"[A-Za-z0-9]")


def links_in(text: str, by: User) -> list[Link]:
    """The active people that ``text`` names, and the samples that ``by`` may see, in its order; two queries at most."""
    return sorted([*_samples_in(text, by), *_people_in(text)])[:MOST_LINKS]


def _samples_in(text: str, by: User) -> Iterable[Link]:
    spans = {}
    for match in _CODE.finditer(text):
        for code in {match[0], match[0].rstrip(".)+-")}:
            if any(sign in MARKS_OF_A_CODE for sign in code) and any(sign.isalpha() for sign in code):
                spans[match.start(), match.start() + len(code)] = code.lower()
    if not spans:
        return []
    rows = Sample.objects.visible_to(by).annotate(lower=Lower("code")).filter(lower__in=set(spans.values()))
    known = {code.lower(): pk for code, pk in rows.values_list("code", "pk")}
    return _longest([(first, end, "sample", str(known[code])) for (first, end), code in spans.items() if code in known])


def _people_in(text: str) -> Iterable[Link]:
    """A name ends where it ends: @anna is not in "@annabel", and is in "@annaさん", "@anna." and "@anna"."""
    spans = {}
    for match in _NAME.finditer(text):
        said = match[1]
        for length in range(1, len(said) + 1):
            goes_on = length < len(said) and _NARROW.match(said[length - 1]) and _NARROW.match(said[length])
            if not goes_on:
                spans[match.start(), match.start(1) + length] = said[:length]
    if not spans:
        return []
    people = User.objects.filter(is_active=True, username__in=set(spans.values()))
    known = set(people.values_list("username", flat=True))
    return _longest([(first, end, "person", name) for (first, end), name in spans.items() if name in known])


def _longest(links: Sequence[Link]) -> list[Link]:
    """Of those that begin at the same place."""
    by_start = {link[0]: link for link in sorted(links)}
    return list(by_start.values())


def as_html(text: str, links: Iterable[Sequence[object]]) -> SafeString:
    """``text`` with its links, everything else escaped."""
    parts: list[SafeString] = []
    place = 0
    for first, end, kind, name in links:
        assert isinstance(first, int)
        assert isinstance(end, int)
        address = reverse("screening:by-label", args=[name]) if kind == "sample" else f"{reverse('people')}#{name}"
        parts.append(format_html('{}<a href="{}">{}</a>', text[place:first], address, text[first:end]))
        place = end
    parts.append(format_html("{}", text[place:]))
    return format_html_join("", "{}", ((part,) for part in parts))
