"""Whatever bytes come, `read` gives patterns or a PatternFileError, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from samples.xrd.readers import read
from samples.xrd.sentences import PatternFileError
from tests.xrd.files import ras_block, rasx, raw3, raw3_range, raw4, raw4_range, table, xrdml, xrdml_scan

GOOD_FILES = {
    "text": table(header="# wavelength 1.5406\n2theta,intensity\n").encode(),
    "german": table(";", decimal=",", header="Wellenlänge 1,5406 Å\r\n", end="\r\n").encode("latin-1"),
    "ras": (ras_block() * 2).encode("cp932"),
    "xrdml": xrdml(xrdml_scan(), xrdml_scan()),
    "rasx": rasx(),
    "raw3": raw3(raw3_range(), raw3_range(2, extra=40)),
    "raw4": raw4(raw4_range(), raw4_range("Detector Scan")),
}


def try_reading(content: bytes) -> None:
    try:
        patterns = read(content)
    except PatternFileError:
        return
    assert patterns


@given(st.binary(max_size=400))
def test_any_bytes(content: bytes) -> None:
    try_reading(content)


@given(st.text(alphabet="0123456789.,;- \t\n\rexnaif#*<>\"'θ測", max_size=400))
def test_any_text_of_numbers(content: str) -> None:
    try_reading(content.encode())


@pytest.mark.parametrize("kind", GOOD_FILES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(draw=st.data())
def test_damaged_files(kind: str, draw: st.DataObject) -> None:
    content = bytearray(GOOD_FILES[kind])
    for _ in range(draw.draw(st.integers(1, 6))):
        place = draw.draw(st.integers(0, len(content) - 1))
        content[place] = draw.draw(st.integers(0, 255))
    if draw.draw(st.booleans()):
        start = draw.draw(st.integers(0, len(content)))
        del content[start : start + draw.draw(st.integers(1, len(content)))]
    try_reading(bytes(content))
