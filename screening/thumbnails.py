"""What a worker does for images: their thumbnails, one after the other, while any waits."""

from __future__ import annotations

from screening.models import EvidenceFile

MOST_AT_ONCE = 50
"""A bell that found more is followed by that of the next minute."""


def make_waiting() -> None:
    """A second delivery of the same bell finds nothing to do; an image that kills its worker is tried three times."""
    for _turn in range(MOST_AT_ONCE):
        image = EvidenceFile.objects.claim()
        if image is None:
            return
        image.make_thumbnail()
