from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mlmodels.net import report
from mlmodels.net.checkpoint import Checkpoint
from mlmodels.net.evaluation import Negatives, evaluate
from mlmodels.net.injection import LINE_LISTS, inject, lines_of, strongest_line
from mlmodels.net.predict import load_network
from mlmodels.net.simulate import SimulationConfig
from samples.xrd.bragg import CU_KALPHA1
from samples.xrd.pattern import PowderPattern

TWO_THETA = np.arange(20.0, 80.0, 0.02)


def host(seed: int = 1) -> PowderPattern:
    rng = np.random.default_rng(seed)
    counts = np.full(TWO_THETA.size, 40.0)
    for position in rng.uniform(22, 78, 12):
        counts += rng.uniform(100, 1000) * np.exp(-0.5 * ((TWO_THETA - position) / 0.08) ** 2)
    return PowderPattern(TWO_THETA, rng.poisson(counts).astype(float), CU_KALPHA1)


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    rows = np.stack([host(seed).intensity for seed in range(6)])
    rows[1, :200] = np.nan
    rows[5] = 7.0
    np.savez(
        tmp_path / "pack.npz", two_theta=TWO_THETA, intensity=rows, source=["a", "a", "b", "mg_film", "mg_film", "b"]
    )
    return tmp_path / "pack.npz"


def test_a_pack_is_read_and_what_cannot_be_screened_is_counted(pack: Path) -> None:
    negatives = Negatives.read(pack)
    assert negatives.sources == ("a", "a", "b", "mg_film", "mg_film")
    assert negatives.n_refused == 1
    assert len(negatives.crystalline()) == 3
    assert negatives.patterns[1].two_theta[0] == pytest.approx(24)


def test_sources_stay_together_in_the_halves(pack: Path) -> None:
    negatives = Negatives.read(pack)
    halves = negatives.halves()
    assert {halves[i] for i, source in enumerate(negatives.sources) if source == "a"} != {
        halves[i] for i, source in enumerate(negatives.sources) if source == "mg_film"
    }
    assert all(
        len({bool(halves[i]) for i, s in enumerate(negatives.sources) if s == name}) == 1
        for name in ("a", "b", "mg_film")
    )


@pytest.mark.parametrize("lines", LINE_LISTS, ids=lambda lines: lines.name)
def test_the_strongest_injected_line_has_the_asked_height(lines: object) -> None:
    bare = host()
    for ratio in (0.5, 3.0):
        mixed = inject(bare, lines, 4.469, ratio, np.random.default_rng(1))  # type: ignore[arg-type]
        added = mixed.intensity - bare.intensity
        assert added.max() == pytest.approx(ratio * strongest_line(bare)[0], rel=0.35)


def test_the_lines_of_icosahedrite_lie_where_they_were_measured() -> None:
    two_theta, heights = lines_of(LINE_LISTS[1], 4.469)
    strongest = two_theta[np.argsort(-heights)[:2]]
    d = CU_KALPHA1 / 2 / np.sin(np.radians(strongest / 2))
    assert sorted(d) == pytest.approx([2.006, 2.108], abs=0.004)


def test_the_whole_report_of_a_tiny_network(tiny_checkpoint: Checkpoint, pack: Path) -> None:
    figures = evaluate(
        load_network(tiny_checkpoint, "cpu"), SimulationConfig.tiny(), n=20, negatives=Negatives.read(pack)
    )
    assert sum(figures["published_recipe"]["levels_with"].values()) == 20
    assert figures["negatives"]["all"]["n"] == 5
    assert figures["negatives"]["crystalline"]["n"] + figures["negatives"]["amorphous"]["n"] == 5
    for share in (figures["published_recipe"]["recall"], figures["own_mix"]["recall"]):
        assert share["low"] <= share["share"] <= share["high"]
    assert json.loads(json.dumps(figures)) == figures
    assert "Published recipe" in report.as_text(figures)
    assert "<table>" in report.as_html(tiny_checkpoint, figures)
