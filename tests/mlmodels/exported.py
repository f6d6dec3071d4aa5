"""Patterns as an export has them."""

from __future__ import annotations

import hashlib

import numpy as np

from mlmodels.export.contents import ExportedPattern, SetFacts
from mlmodels.net.grid import PHASE_CLASSES

ORIGINAL = b"20.0 1\n20.1 2\n" * 20

FACTS = SetFacts(
    name="icosahedral",
    version=1,
    sha256="ab" * 32,
    frozen_at="2026-11-01T00:00:00Z",
    n_entries=0,
    n_simulated=0,
    seed=7,
    validation_percent=15,
    test_percent=15,
    licence="CC-BY-4.0",
    notes="Signed outcomes of the autumn.",
    question={"origins": ["outcome"]},
    left_out=[{"reason": "unreadable", "n": 3}],
)


def make_patterns(n: int) -> list[ExportedPattern]:
    """Every fourth is simulated, every fifth has no wavelength; one in three has an axis of its own."""
    rng = np.random.default_rng(3)
    shared = np.round(np.arange(20, 80, 0.05), 4)
    made = []
    for position in range(1, n + 1):
        two_theta = shared if position % 3 else np.round(np.arange(10, 90, 0.02 * position), 4)
        made.append(
            ExportedPattern(
                position=position,
                label=PHASE_CLASSES[position % 4],
                a_r=4.353 if position % 2 else None,
                a_r_sigma=0.004 if position % 2 else None,
                lattice_type="F" if position % 2 else "",
                label_origin="simulated" if position % 4 == 0 else "outcome",
                label_words="confirmed by TEM (正20面体準結晶)",
                weight=1.0,
                split=("train", "validation", "test")[position % 3],
                lineage=position,
                simulated=position % 4 == 0,
                sample="=cmd|1" if position == 2 else f"ASR-{position:03d}",
                composition="Al43Si32Ru25",
                system="Al-Si-Ru",
                file_name=f"scan {position}.xy",
                file_sha256=hashlib.sha256(str(position).encode()).hexdigest(),
                file_size=len(ORIGINAL),
                scan_number=1,
                arrays_sha256=hashlib.sha256(b"arrays").hexdigest(),
                wavelength=None if position % 5 == 0 else 1.540593,
                wavelength_assumed=False,
                radiation="Cu Kα1",
                measured_at="2026-10-01T09:00:00Z",
                instrument="",
                reader="text",
                reader_version="1",
                correction="",
                metadata='{"anode": "Cu"}',
                warnings="[]",
                two_theta=two_theta,
                intensity=rng.poisson(100, two_theta.size).astype(np.float32),
            )
        )
    return made
