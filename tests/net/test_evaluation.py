from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mlmodels.net.checkpoint import Checkpoint
from mlmodels.net.evaluation import Answers, Negatives, evaluate
from mlmodels.net.evaluation.conditions import COPPER, WAYS, Mixtures, Way, by_way_of_measuring
from mlmodels.net.evaluation.published import in_bin
from mlmodels.net.evaluation.recovery import BERGMAN, alone, approximants
from mlmodels.net.evaluation.statistics import difference, quasilattice_errors, ratio_reaching, share
from mlmodels.net.grid import CANDIDATES, LN_Q_EDGES
from mlmodels.net.injection import (
    APPROXIMANTS,
    LINE_LISTS,
    ApproximantList,
    LineList,
    approximant_lines_of,
    inject,
    lines_of,
    profile,
    strongest_line,
)
from mlmodels.net.predict import LoadedNetwork, Prediction, load_network
from mlmodels.net.preprocess import why_not_screenable
from mlmodels.net.simulate import SimulationConfig
from samples.xrd.bragg import CU_KALPHA1, q_from_two_theta
from samples.xrd.icosahedral import APPROXIMANT_CUBIC_1_1, APPROXIMANT_CUBIC_2_1
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
def test_the_strongest_injected_line_has_the_asked_height(lines: LineList) -> None:
    bare = host()
    for ratio in (0.5, 3.0):
        mixed = inject(bare, lines_of(lines, 4.469), ratio, np.random.default_rng(1))
        added = mixed.intensity - bare.intensity
        assert added.max() == pytest.approx(ratio * strongest_line(bare)[0], rel=0.35)


def test_a_line_has_half_its_height_at_half_its_width() -> None:
    line = np.array([40.0]), np.array([1.0])
    assert profile(np.array([20.0, 39.9, 40.0, 40.1]), line, 0.2)[1:] == pytest.approx([0.5, 1.0, 0.5], abs=1e-9)


def test_the_lines_of_icosahedrite_lie_where_they_were_measured() -> None:
    two_theta, heights = lines_of(LINE_LISTS[1], 4.469)
    strongest = two_theta[np.argsort(-heights)[:2]]
    d = CU_KALPHA1 / 2 / np.sin(np.radians(strongest / 2))
    assert sorted(d) == pytest.approx([2.006, 2.108], abs=0.004)


@pytest.mark.parametrize(
    ("approximant", "cubic"), list(zip(APPROXIMANTS, (APPROXIMANT_CUBIC_1_1, APPROXIMANT_CUBIC_2_1), strict=True))
)
def test_lines_of_an_approximant_are_those_of_its_cubic_cell(approximant: ApproximantList, cubic: float) -> None:
    two_theta, heights = approximant_lines_of(approximant, 5.689, np.random.default_rng(1))
    squares = (q_from_two_theta(two_theta, CU_KALPHA1) / (2 * np.pi) * cubic * 5.689) ** 2
    assert squares == pytest.approx(np.rint(squares), abs=0.01)
    assert heights.max() == 1


def test_a_pattern_of_an_approximant_alone_can_be_screened() -> None:
    rng = np.random.default_rng(3)
    assert why_not_screenable(alone(approximant_lines_of(APPROXIMANTS[0], 5.0, rng), rng)) is None


class TestStatistics:
    def test_an_interval_holds_its_share_and_stays_inside(self) -> None:
        none, all_of = share(0, 1077), share(50, 50)
        assert (none["low"], none["high"]) == (pytest.approx(0), pytest.approx(0.0036, abs=1e-4))
        assert (all_of["low"], all_of["high"]) == (pytest.approx(0.929, abs=1e-3), pytest.approx(1))

    def test_a_paired_interval_holds_the_true_difference_in_19_of_20_trials(self) -> None:
        rng = np.random.default_rng(1)
        held = 0
        for _ in range(300):
            easy = rng.random(200) < 0.8  # both find these, each a little of the others
            found = difference(easy | (rng.random(200) < 0.5), easy | (rng.random(200) < 0.3))
            held += found["low"] <= 0.2 * (0.5 - 0.3) <= found["high"]
        assert 0.92 <= held / 300 <= 0.99

    def test_the_same_patterns_do_not_differ(self) -> None:
        flags = np.repeat([True, False], [90, 10])
        found = difference(flags, flags)
        assert found["difference"] == 0
        assert found["low"] < 0 < found["high"]

    def test_a_ratio_is_reached_where_the_shares_stay_above(self) -> None:
        ratios = (0.1, 0.2, 0.4)
        assert ratio_reaching(0.5, ratios, [0.4, 0.6, 0.9]) == pytest.approx(0.1414, abs=1e-3)
        assert ratio_reaching(0.5, ratios, [0.6, 0.4, 0.9]) > 0.2  # type: ignore[operator]
        assert ratio_reaching(0.5, ratios, [0.6, 0.7, 0.9]) == 0.1
        assert ratio_reaching(0.5, ratios, [0.6, 0.7, 0.4]) is None

    def test_errors_beyond_the_histogram_are_counted_at_its_ends(self) -> None:
        found = quasilattice_errors([4.0, 5.05, 5.0005], [0.001, 0.001, 0.001], [4.0, 5.0, 5.0])
        assert found["histogram"]["counts"][-1] == 1
        assert sum(found["histogram"]["counts"]) == 3
        assert found["within_2_sigma"]["k"] == 2
        assert found["within_0.5_percent"]["k"] == 2


def predicted(p: float, none: float, constant: float) -> Prediction:
    evidence = np.zeros(len(CANDIDATES), dtype=np.float32)
    evidence[np.argmin(np.abs(CANDIDATES - constant))] = 1
    probabilities = {"icosahedral": p, "approximant_1_1": 1 - p - none, "approximant_2_1": 0.0, "none": none}
    return Prediction(probabilities, constant, 0.01, "P", 0.5, evidence)


def test_in_the_bin_only_its_own_candidates_and_none_count() -> None:
    one = predicted(0.6, 0.2, 5.01)
    assert in_bin([one], [5.01]) == pytest.approx([0.75])
    assert in_bin([one], [4.2]) == pytest.approx([0.0])
    assert in_bin([one], [5.01], odds=10) == pytest.approx([6 / 6.2])


class TestWaysOfMeasuring:
    @pytest.fixture
    def mixtures(self) -> Mixtures:
        return Mixtures.draw(12, SimulationConfig.tiny(), seed=4)

    def test_a_cut_range_shows_the_same_pattern(self, mixtures: Mixtures) -> None:
        whole, _ = mixtures.measured(COPPER, SimulationConfig.tiny())
        cut, _ = mixtures.measured(replace(COPPER, two_theta=(30.0, 70.0)), SimulationConfig.tiny())
        kept = cut[0].measured
        assert np.exp(LN_Q_EDGES[:-1][kept].min()) == pytest.approx(q_from_two_theta(30, CU_KALPHA1), abs=0.003)
        assert np.exp(LN_Q_EDGES[1:][kept].max()) == pytest.approx(q_from_two_theta(70, CU_KALPHA1), abs=0.003)
        assert np.array_equal(cut[0].intensity[kept], whole[0].intensity[kept])
        assert not cut[0].intensity[~kept].any()

    @pytest.mark.parametrize("way", [way for way in WAYS if way.group == "radiation"], ids=lambda way: way.name)
    def test_every_radiation_sees_the_whole_grid(self, mixtures: Mixtures, way: Way) -> None:
        given, _ = mixtures.measured(way, SimulationConfig.tiny())
        assert given[0].measured.mean() > 0.99

    def test_the_lines_stay_at_their_q(self, mixtures: Mixtures) -> None:
        """Co measures what Cu does: the highest bins of a clear pattern agree."""
        clear = [replace(way, peak_counts=1e6, fwhm=0.2, kalpha2=None) for way in WAYS[:2]]
        still = replace(
            mixtures,
            drawn=replace(
                mixtures.drawn, zero_shift=mixtures.drawn.zero_shift * 0, displacement=mixtures.drawn.displacement * 0
            ),
        )
        (copper, _), (cobalt, _) = (still.measured(way, SimulationConfig.tiny()) for way in clear)
        for one, other in zip(copper, cobalt, strict=True):
            assert np.corrcoef(np.sqrt(one.intensity), np.sqrt(other.intensity))[0, 1] > 0.9

    def test_seeds_give_the_same_figures(self, tiny_checkpoint: Checkpoint) -> None:
        loaded = load_network(tiny_checkpoint, "cpu")
        reports = [by_way_of_measuring(loaded, SimulationConfig.tiny(), 10, 7, WAYS[:2]) for _ in range(2)]
        assert reports[0] == reports[1]
        assert reports[0]["ways"][0]["recall_difference"]["difference"] == 0


@pytest.fixture
def loaded(tiny_checkpoint: Checkpoint) -> LoadedNetwork:
    return load_network(tiny_checkpoint, "cpu")


def test_approximants_are_counted_alone_and_in_hosts(loaded: LoadedNetwork) -> None:
    parts = approximants(loaded, [host(1), host(2)], 3, 1, Answers())
    assert [part["lines"] for part in parts] == [*(one.name for one in APPROXIMANTS), BERGMAN]
    for part in parts:
        assert part["by_ratio"]["alone"]["named"]["n"] == 3
        assert part["all"]["named"]["n"] == 3 + 4 * 2
        assert part["dominating"]["named"]["n"] == 3 + 2 * 2
    assert [part["all"]["named"]["n"] for part in approximants(loaded, [], 3, 1, Answers())] == [3, 3, 3]


def test_the_whole_report_of_a_tiny_network(loaded: LoadedNetwork, pack: Path) -> None:
    figures = evaluate(loaded, SimulationConfig.tiny(), n=20, negatives=Negatives.read(pack))
    assert sum(figures["published_recipe"]["levels_with"].values()) == 20
    assert figures["negatives"]["all"]["n"] == 5
    assert figures["negatives"]["crystalline"]["n"] + figures["negatives"]["amorphous"]["n"] == 5
    for found in (figures["published_recipe"]["recall"], figures["own_mix"]["recall"]):
        assert found["low"] <= found["share"] <= found["high"]
    assert [part["hosts"] for part in figures["injection"]] == [3, 3, 3]
    assert json.loads(json.dumps(figures)) == figures
