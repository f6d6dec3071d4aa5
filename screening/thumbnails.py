"""What a worker does for images: their thumbnails, one after the other, while any waits."""

from __future__ import annotations

from contextlib import suppress

from samples.store import StoreAwayError, store
from screening.models import EvidenceFile

MOST_AT_ONCE = 50
"""A bell that found more is followed by that of the next minute."""


def make_waiting() -> None:
    """A second delivery of the same bell finds nothing to do; an image that kills its worker is tried three times.

    A host without the lab's files leaves it to those that have them.
    """
    not_here: list[int] = []
    with suppress(StoreAwayError):
        for _turn in range(MOST_AT_ONCE if store.is_there() else 0):
            image = EvidenceFile.objects.exclude(pk__in=not_here).claim()
            if image is None:
                return
            if not image.make_thumbnail():
                not_here.append(image.pk)
