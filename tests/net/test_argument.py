"""The reflections for and against: measured facts by NumPy, and what the network weighs by covering lines."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mlmodels.net import checkpoint
from mlmodels.net.argument import N_EXPECTED, STRONG, expected_lines, line_groups, make_argument
from mlmodels.net.checkpoint import DEFAULT_CHECKPOINT, Checkpoint
from mlmodels.net.grid import CANDIDATES, N_CANDIDATES, PHASE_CLASSES
from mlmodels.net.lines import default_line_constants
from mlmodels.net.occlusion import Groups, predict_and_weigh
from mlmodels.net.predict import LoadedNetwork, Prediction, load_network, predict
from mlmodels.net.preprocess import NetworkInput, rebin
from mlmodels.net.simulate import simulate_pattern
from samples.xrd.bragg import CU_KALPHA1
from samples.xrd.icosahedral import TAU, LatticeType
from samples.xrd.pattern import PowderPattern

ELSEWHERE = np.eye(N_CANDIDATES)[-1]
"""Evidence at 6 Å, where no pattern of these tests has its own or an alternative."""


def argued(pattern: PowderPattern, a_r: float, lattice_type: LatticeType = "F") -> dict:  # type: ignore[type-arg]
    return make_argument(pattern, a_r, lattice_type, 0.5, ELSEWHERE)


def verdicts(argument: dict) -> list[str]:  # type: ignore[type-arg]
    return [line["verdict"] for line in argument["lines"] if line["strong"]]


@pytest.fixture(scope="module")
def icosahedral() -> PowderPattern:
    return simulate_pattern("icosahedral", 4.353, "F", n_hosts=0, seed=1)


@pytest.fixture(scope="module")
def shipped() -> LoadedNetwork:
    return load_network(checkpoint.load(DEFAULT_CHECKPOINT), "cpu")


@pytest.fixture(scope="module")
def crystalline() -> PowderPattern:
    return simulate_pattern("none", n_hosts=1, seed=3)


class TestMeasuredFacts:
    @pytest.mark.parametrize(("a_r", "lattice_type"), [(4.353, "F"), (5.19, "F"), (5.689, "P")])
    def test_a_quasicrystal_shows_its_strong_lines_where_they_belong(
        self, a_r: float, lattice_type: LatticeType
    ) -> None:
        pattern = simulate_pattern("icosahedral", a_r, lattice_type, n_hosts=0, seed=2)
        argument = argued(pattern, a_r, lattice_type)
        found = verdicts(argument)
        assert found.count("seen") >= 0.85 * len(found)
        assert max(abs(line["offset"]) for line in argument["lines"] if line["strong"] and "offset" in line) < 0.06
        assert argument["explained"] > 0.95
        assert argument["n_unexplained"] == 0
        assert argument["chance"]["mean"] < 0.2

    def test_positions_are_those_of_the_measurement(self) -> None:
        argument = argued(simulate_pattern("icosahedral", 4.353, "F", n_hosts=0), 4.353)
        by_name = {(line["n"], line["m"]): line for line in argument["lines"]}
        for name, two_theta in {(6, 9): 24.35, (18, 29): 44.02, (20, 32): 46.42, (52, 84): 79.23}.items():
            assert by_name[name]["two_theta"] == pytest.approx(two_theta, abs=0.01)
        molybdenum = simulate_pattern(
            "icosahedral", 4.353, "F", n_hosts=0, wavelength=0.709317, two_theta=(9.0, 35.0), fwhm=0.08
        )
        at_mo = argued(molybdenum, 4.353)
        assert {line["verdict"] for line in at_mo["lines"] if line["n"] in (18, 20, 52)} == {"seen"}
        assert at_mo["lines"][0]["d"] == argument["lines"][0]["d"]

    def test_in_a_crystal_most_are_missing_and_its_own_peaks_are_unexplained(self, crystalline: PowderPattern) -> None:
        argument = argued(crystalline, 4.353)
        assert verdicts(argument).count("missing") > verdicts(argument).count("seen")
        assert argument["explained"] < 0.6
        assert argument["unexplained"][0]["height"] > 0.1

    def test_peaks_of_another_phase_are_named(self) -> None:
        argument = argued(simulate_pattern("icosahedral", 4.353, "F", 0.4, seed=1), 4.353)
        assert argument["n_unexplained"] >= 1
        heights = [peak["height"] for peak in argument["unexplained"]]
        assert heights == sorted(heights, reverse=True)

    def test_lines_outside_the_measured_range_are_not_missing(self) -> None:
        pattern = simulate_pattern("icosahedral", 4.353, "F", n_hosts=0, two_theta=(30.0, 70.0))
        verdict = {(line["n"], line["m"]): line["verdict"] for line in argued(pattern, 4.353)["lines"]}
        assert verdict[6, 9] == verdict[52, 84] == "outside"
        assert verdict[18, 29] == "seen"

    def test_a_line_that_the_counts_cannot_show_is_not_missing(self) -> None:
        faint = simulate_pattern("icosahedral", 4.353, "F", n_hosts=0, peak_counts=150, background=0.3)
        clear = simulate_pattern("icosahedral", 4.353, "F", n_hosts=0, peak_counts=50_000)
        assert verdicts(argued(faint, 4.353)).count("seen") < verdicts(argued(clear, 4.353)).count("seen")
        assert "weak" in verdicts(argued(faint, 4.353))

    def test_a_pattern_without_any_peak_has_an_argument_too(self) -> None:
        noise = np.random.default_rng(1).poisson(100, 3000).astype(float)
        argument = argued(PowderPattern(np.linspace(20, 80, 3000), noise, CU_KALPHA1), 5.0)
        assert "seen" not in verdicts(argument)
        assert json.loads(json.dumps(argument, allow_nan=False)) == argument

    def test_the_same_pattern_gives_the_same_argument(self, icosahedral: PowderPattern) -> None:
        assert argued(icosahedral, 4.353) == argued(icosahedral, 4.353)

    def test_without_a_wavelength_there_is_none(self, icosahedral: PowderPattern) -> None:
        with pytest.raises(ValueError, match="wavelength"):
            argued(PowderPattern(icosahedral.two_theta, icosahedral.intensity), 4.353)


class TestAlternatives:
    def test_f_type_repeats_by_tau(self, icosahedral: PowderPattern) -> None:
        smaller, larger = argued(icosahedral, 4.353)["alternatives"]
        assert (smaller["quasilattice_constant"], larger["quasilattice_constant"]) == pytest.approx(
            (2.690, 7.043), abs=1e-3
        )
        assert smaller["n_covered"] >= smaller["n_seen"] > 0

    def test_p_type_repeats_by_tau_cubed_which_no_known_quasicrystal_reaches(self, icosahedral: PowderPattern) -> None:
        found = argued(icosahedral, 5.0, "P")["alternatives"]
        assert [one["quasilattice_constant"] for one in found] == pytest.approx([5 / TAU**3, 5 * TAU**3], abs=1e-3)
        assert not any(one["plausible"] for one in found)

    def test_18_29_taken_for_20_32_is_said_where_the_other_constant_has_some_probability(
        self, icosahedral: PowderPattern
    ) -> None:
        evidence = np.zeros(N_CANDIDATES)
        evidence[np.argmin(np.abs(CANDIDATES - 5.0))] = 0.9
        evidence[np.argmin(np.abs(CANDIDATES - 5.0 * 0.951))] = 0.1
        (confused,) = [
            one
            for one in make_argument(icosahedral, 5.0, "P", 0.9, evidence)["alternatives"]
            if one["relation"] == "18/29"
        ]
        assert confused["quasilattice_constant"] == pytest.approx(4.755, abs=2e-3)
        assert confused["probability"] == pytest.approx(0.09, abs=1e-6)


class TestExpectedLines:
    @pytest.mark.parametrize("a_r", [4.0, 4.353, 5.0, 6.0])
    def test_strongest_first_and_the_network_looks_at_them(self, a_r: float) -> None:
        expected = expected_lines("F", a_r)
        assert len(expected.q) == N_EXPECTED
        assert (np.diff(expected.weight) <= 0).all()
        assert expected.weight[0] == 1
        groups = line_groups("F", a_r, default_line_constants())
        strong = [group for group, weight in zip(groups, expected.weight, strict=False) if weight >= STRONG]
        assert all(strong), "each strong line is one of the network's"
        assert sorted(line for group in groups for line in group) == list(range(len(default_line_constants())))


class TestWhatTheNetworkWeighs:
    def weighed(self, loaded: LoadedNetwork, pattern: PowderPattern) -> tuple[float, np.ndarray]:
        def groups_of(said: Prediction) -> Groups:
            constants = loaded.network.config.line_constants
            return line_groups("F" if said.lattice_type == "F" else "P", said.quasilattice_constant, constants)

        ((said, log_odds),) = predict_and_weigh(loaded, [rebin(pattern)], groups_of)
        assert log_odds is not None
        return said.probability, log_odds

    def test_strong_lines_speak_for_a_quasicrystal(self, shipped: LoadedNetwork, icosahedral: PowderPattern) -> None:
        probability, log_odds = self.weighed(shipped, icosahedral)
        assert probability > 0.99
        assert log_odds.shape == (N_EXPECTED + 1,)
        assert log_odds[:6].sum() > 2
        assert log_odds[:6].min() > -0.5

    def test_they_speak_less_in_a_crystal(
        self, shipped: LoadedNetwork, icosahedral: PowderPattern, crystalline: PowderPattern
    ) -> None:
        assert self.weighed(shipped, crystalline)[1][:6].sum() < self.weighed(shipped, icosahedral)[1][:6].sum() / 2

    def test_only_what_was_measured_weighs(self, tiny_checkpoint: Checkpoint, inputs: list[NetworkInput]) -> None:
        loaded = load_network(tiny_checkpoint, "cpu")
        n_lines = len(loaded.network.config.line_constants)
        half = NetworkInput(inputs[0].intensity, inputs[0].measured & (np.arange(len(inputs[0].measured)) < 1000))
        groups: list[list[int]] = [[], *([line] for line in range(n_lines))]
        ((_said, changes),) = predict_and_weigh(loaded, [half], lambda _said: groups)
        assert changes is not None
        assert changes[0] == 0
        assert np.count_nonzero(changes) < n_lines
        assert changes[-1] == 0, "the highest line lies beyond the middle of the grid at every a_R"

    def test_covering_only_near_the_best_candidate_is_what_a_whole_pass_says(
        self, tiny_checkpoint: Checkpoint, inputs: list[NetworkInput]
    ) -> None:
        """The stretch that is computed again gives what all candidates would."""
        import torch

        loaded = load_network(tiny_checkpoint, "cpu")
        network, icosahedral = loaded.network, PHASE_CLASSES.index("icosahedral")
        channels = network.config.evidence_channels
        for one in inputs[:4]:
            ((_said, weighed),) = predict_and_weigh(loaded, [one], lambda _said: [[3]])
            assert weighed is not None
            (quick,) = weighed
            with torch.inference_mode():
                columns, pooled = network.look(
                    torch.from_numpy(one.intensity)[None], torch.from_numpy(one.measured)[None]
                )
                whole = network.judge(network.compare_candidates(network.read(columns)), pooled)
                best = N_CANDIDATES - 1 - int(whole.lattice[0, :, icosahedral].argmax())
                covered = columns.clone()
                covered[0, max(0, best - 1) : best + 2, 3 * channels : 4 * channels] = network.unmeasured
                without = network.judge(network.compare_candidates(network.read(covered)), pooled)
            odds = []
            for output in (whole, without):
                p = loaded.calibration(output.class_log_probabilities().numpy())[0]
                odds.append(np.log(p[icosahedral] / (p.sum() - p[icosahedral])))
            assert quick == pytest.approx(odds[0] - odds[1], abs=1e-4)

    def test_it_is_weighed_with_the_prediction_whatever_else_is_in_the_batch(
        self, tiny_checkpoint: Checkpoint, inputs: list[NetworkInput]
    ) -> None:
        loaded = load_network(tiny_checkpoint, "cpu")
        plain = predict(loaded, inputs)
        asked = {one.probability for one in plain[::2]}
        groups: list[list[int]] = [[3], [0, 7]]
        together = predict_and_weigh(loaded, inputs, lambda said: groups if said.probability in asked else None)
        assert [said.probability for said, _weighed in together] == [one.probability for one in plain]
        assert [weighed is not None for _said, weighed in together] == [True, False] * (len(inputs) // 2)
        for one, (_said, weighed) in list(zip(inputs, together, strict=True))[::2]:
            ((_alone, alone),) = predict_and_weigh(loaded, [one], lambda _said: groups)
            assert weighed == pytest.approx(alone, abs=1e-4)

    def test_a_prediction_does_not_wait_for_what_its_lines_weigh(
        self, tiny_checkpoint: Checkpoint, inputs: list[NetworkInput]
    ) -> None:
        loaded = load_network(tiny_checkpoint, "cpu")
        ((said, weighed),) = predict_and_weigh(loaded, inputs[:1], lambda _said: [[100_000]])
        assert (said.probability, weighed) == (predict(loaded, inputs[:1])[0].probability, None)
