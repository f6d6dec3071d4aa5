"""Whatever bytes come, `read` gives patterns or a PatternFileError, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from samples.xrd.readers import read
from samples.xrd.sentences import PatternFileError
from tests.xrd.files import (
    brml,
    brml_scan,
    gsas,
    gsas_bank,
    nexus,
    pdcif,
    ras_block,
    rasx,
    rasx_scan,
    raw3,
    raw3_range,
    raw4,
    raw4_range,
    rigaku_text,
    rigaku_text_scan,
    table,
    uxd,
    uxd_range,
    xrdml,
    xrdml_scan,
)

GOOD_FILES = {
    "text": table(header="# wavelength 1.5406\n2theta,intensity\n").encode(),
    "german": table(";", decimal=",", header="Wellenlänge 1,5406 Å\r\n", end="\r\n").encode("latin-1"),
    "ras": (ras_block() * 2).encode("cp932"),
    "xrdml": xrdml(xrdml_scan(), xrdml_scan()),
    "rasx": rasx(),
    "brml": brml(),
    "uxd": uxd(uxd_range(), uxd_range("_CPS")),
    "pdcif": pdcif(),
    "rigaku-text": rigaku_text(rigaku_text_scan(), rigaku_text_scan()),
    "gsas": gsas(gsas_bank("ESD"), gsas_bank("STD"), gsas_bank("FXYE")),
    "nexus": nexus(),
    "raw3": raw3(raw3_range(), raw3_range(2, extra=40)),
    "raw4": raw4(raw4_range(), raw4_range("Detector Scan")),
}


def try_reading(content: bytes) -> None:
    try:
        patterns = read(content)
    except PatternFileError:
        return
    assert patterns


def damage(content: bytes, draw: st.DataObject) -> bytes:
    """``content`` with a few bytes changed, and perhaps a piece of it lost."""
    damaged = bytearray(content)
    for _ in range(draw.draw(st.integers(1, 6))):
        damaged[draw.draw(st.integers(0, len(damaged) - 1))] = draw.draw(st.integers(0, 255))
    if draw.draw(st.booleans()):
        start = draw.draw(st.integers(0, len(damaged)))
        del damaged[start : start + draw.draw(st.integers(1, len(damaged)))]
    return bytes(damaged)


@given(st.binary(max_size=400))
def test_any_bytes(content: bytes) -> None:
    try_reading(content)


@given(st.text(alphabet="0123456789.,;- \t\n\rexnaif#*<>\"'θ測", max_size=400))
def test_any_text_of_numbers(content: str) -> None:
    try_reading(content.encode())


@pytest.mark.parametrize("kind", sorted(GOOD_FILES.keys() - {"nexus"}))  # a process a file: benchmarks.fuzz_readers
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(draw=st.data())
def test_damaged_files(kind: str, draw: st.DataObject) -> None:
    try_reading(damage(GOOD_FILES[kind], draw))


MEMBERS: dict[str, Callable[[bytes], bytes]] = {
    "profile": lambda content: rasx(rasx_scan() | {"Data0/Profile0.txt": content}),
    "conditions": lambda content: rasx(rasx_scan() | {"Data0/MesurementConditions0.xml": content}),
    "raw data": brml,
}
GOOD_MEMBERS = {
    "profile": rasx_scan()["Data0/Profile0.txt"],
    "conditions": rasx_scan()["Data0/MesurementConditions0.xml"],
    "raw data": brml_scan(),
}


@pytest.mark.parametrize("kind", MEMBERS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(draw=st.data())
def test_damaged_members_of_sound_archives(kind: str, draw: st.DataObject) -> None:
    try_reading(MEMBERS[kind](damage(GOOD_MEMBERS[kind], draw)))
