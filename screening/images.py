"""Images of a microscope: what they are, and a small picture of each; large ones must not take the memory."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

import numpy as np
from PIL import Image, ImageOps

from samples.xrd.sentences import Sentence, sentence

FORMATS = ("TIFF", "PNG", "JPEG")
MOST_PIXELS = 100_000_000
"""Of an image that gets a thumbnail: a stitched map of ten by ten thousand; about 0.4 GB of memory while it is read."""

THUMBNAIL = 480
"""Pixels of the longer side."""

TOO_MANY_PIXELS = sentence(
    "The image has more than %(limit)s million pixels, too many to be shown here. Send it under “Any other file”, and a"
    " smaller one as the image.",
    limit=MOST_PIXELS // 1_000_000,
)
DAMAGED = sentence("The image is damaged and cannot be shown. It is kept as it came; send it once more if you can.")


class ImageError(ValueError):
    """An image of which no thumbnail can be made; ``.sentence`` says why."""

    def __init__(self, said: Sentence) -> None:
        self.sentence = said
        super().__init__(str(said))


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """format: TIFF, PNG or JPEG; width, height: in pixels, as the head of the file says"""

    format: str
    width: int
    height: int


def inspect_image(content: IO[bytes]) -> ImageFacts | None:
    """What the head of the file says, or None where it is no image of these formats; the pixels are not read.

    ImageError where it has more than MOST_PIXELS.
    """
    content.seek(0)
    try:
        with _opened(content) as image:
            facts = ImageFacts(str(image.format), *image.size)
    except Image.DecompressionBombError as error:
        raise ImageError(TOO_MANY_PIXELS) from error
    except Exception:  # whatever a broken head makes of the reader
        return None
    if facts.width * facts.height > MOST_PIXELS:
        raise ImageError(TOO_MANY_PIXELS)
    return facts


def thumbnail_of(content: bytes) -> bytes:
    """A JPEG of THUMBNAIL pixels at most; ImageError where the image cannot be read or is too large."""
    if inspect_image(io.BytesIO(content)) is None:
        raise ImageError(DAMAGED)
    try:
        with _opened(io.BytesIO(content)) as image:
            return _small(image)
    except Exception as error:
        raise ImageError(DAMAGED) from error


@contextmanager
def _opened(content: IO[bytes]) -> Iterator[Image.Image]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(content, formats=FORMATS) as image:
            yield image


def _small(image: Image.Image) -> bytes:
    image.draft("RGB", (2 * THUMBNAIL, 2 * THUMBNAIL))
    image.load()
    if image.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        upright = _eight_bits(image)
    else:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    upright.thumbnail((THUMBNAIL, THUMBNAIL))
    written = io.BytesIO()
    upright.save(written, "JPEG", quality=80)
    return written.getvalue()


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey values of detectors, 16 bits or more, spread from their lowest to their highest."""
    small = image.convert("F")
    small.thumbnail((2 * THUMBNAIL, 2 * THUMBNAIL))
    grey = np.asarray(small)
    low, high = float(grey.min()), float(grey.max())
    spread = (grey - low) * (255 / (high - low) if high > low else 0)
    return Image.fromarray(spread.astype(np.uint8)).convert("RGB")
