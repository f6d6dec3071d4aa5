"""Styles and scripts under names that hold their hash, so that browsers keep them for ever: after `manage.py collectstatic`.

Without it, or where another version's files were collected, they have their plain names and browsers ask for each anew: a
checkout runs as it is, and nobody gets the script of yesterday with the page of today.
"""

from __future__ import annotations

import filecmp
from functools import cached_property
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import StaticFilesStorage
from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedWhereCollected(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """The storage of static files; `is_current` says which names pages get."""

    # Names of source maps, which the packages that we got the scripts from leave out, stay as they are.
    patterns = tuple(
        (kind, tuple(rule for rule in rules if "sourceMappingURL" not in str(rule)))
        for kind, rules in CompressedManifestStaticFilesStorage.patterns
    )

    def create_compressor(self, **options: Any) -> Any:
        """As gzip alone: brotli is no requirement, and takes half a minute where it happens to be installed."""
        return super().create_compressor(**options, use_brotli=False)

    def url(self, name: str | None, force: bool = False) -> str:
        if name and self.is_current:
            return str(super().url(name, force))
        return StaticFilesStorage.url(self, name)

    def post_process(self, *args: Any, **options: Any) -> Any:
        yield from super().post_process(*args, **options)
        self.__dict__.pop("is_current", None)

    @cached_property
    def is_current(self) -> bool:
        """Whether what was collected is what the program has; looked at once in the life of a process."""
        return bool(self.hashed_files) and all(self._is_as_collected(*found) for found in _static_files())

    def _is_as_collected(self, name: str, source: str) -> bool:
        collected = Path(self.path(name))
        return collected.is_file() and filecmp.cmp(source, collected, shallow=False)


def _static_files() -> list[tuple[str, str]]:
    """Name and path of each, where two apps have the same name that of the first."""
    found: dict[str, str] = {}
    for finder in get_finders():
        for name, storage in finder.list([]):
            found.setdefault(name, storage.path(name))
    return list(found.items())
