"""Bytes to text: packed files, byte order marks and the encodings that instruments write."""

from __future__ import annotations

import codecs
import re
import zlib

from samples.xrd.sentences import PatternFileError

UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
GZIP_MARK = b"\x1f\x8b"

NEIGHBOURING_HIGH_BYTES = re.compile(rb"[\x80-\xff]{2}")


def unpack_gzip(content: bytes, limit: int) -> bytes:
    """The bytes inside a gzip file, or ``content`` itself where it is none; at most ``limit`` bytes."""
    if not content.startswith(GZIP_MARK):
        return content
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        unpacked = unpacker.decompress(content, limit + 1)
    except zlib.error:
        raise PatternFileError("The gzip file is damaged. Unpack it yourself, or copy it again.") from None
    if len(unpacked) > limit:
        raise PatternFileError(
            "Unpacked, the gzip file is over %(limit)s MB. Export one powder scan.", limit=limit // 10**6
        )
    if not unpacker.eof:
        raise PatternFileError("The gzip file is cut off. Copy it again.")
    return unpacked


def plain_bytes(content: bytes) -> bytes:
    r"""``content`` as bytes in which ASCII stands for itself: UTF-16 becomes UTF-8, marks go, every line ends in ``\n``."""
    if content.startswith(UTF16_MARKS):
        content = content.decode("utf-16", errors="replace").encode("utf-8", errors="replace")
    content = content.removeprefix(codecs.BOM_UTF8)
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return content


def decode_header(header: bytes) -> str:
    """``header`` as text, by the first of UTF-8, Shift-JIS and Latin-1 that fits.

    Shift-JIS reads almost any Latin-1 text without complaint ("Å" becomes a katakana), so it is asked only where
    non-ASCII bytes stand side by side, as they do in Japanese and hardly ever in a European header.
    """
    try:
        return header.decode("utf-8")
    except UnicodeDecodeError:
        pass
    if NEIGHBOURING_HIGH_BYTES.search(header):
        try:
            return header.decode("cp932")
        except UnicodeDecodeError:
            pass
    return header.decode("latin-1")
