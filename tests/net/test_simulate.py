"""Simulated patterns: lines where Bragg's law and the indices put them, counts that scatter as counts do, true labels."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from torch import Tensor

from mlmodels.net.grid import LN_Q_EDGES, N_BINS, PHASE_CLASSES
from mlmodels.net.preprocess import rebin
from mlmodels.net.simulate import KINDS, SimulatedBatch, SimulationConfig, published_recipe, simulate, simulate_pattern
from mlmodels.net.simulation import published
from mlmodels.net.simulation.conditions import draw_instrument
from mlmodels.net.simulation.config import AMORPHOUS, APPROXIMANT_1_1, BLANK, ICOSAHEDRAL, NONE, PUBLISHED, PURE
from mlmodels.net.simulation.crystals import lattice_library, random_cell, random_lattice_lines
from mlmodels.net.simulation.draw import Draw
from mlmodels.net.simulation.instrument import Instrument, axis_of, line_profiles, read_points
from mlmodels.net.simulation.instrument import rebin as rebin_counts
from mlmodels.net.simulation.lattice import cell_vectors
from mlmodels.net.simulation.line_lists import LineLists
from mlmodels.net.simulation.prototypes import PROTOTYPES, cell_atoms, structure_lines
from mlmodels.net.simulation.quasicrystals import approximant_lines, orbits
from mlmodels.net.simulation.single import pattern_text
from samples.xrd.bragg import RADIATIONS, two_theta_from_q
from samples.xrd.icosahedral import APPROXIMANT_CUBIC_1_1, APPROXIMANT_CUBIC_2_1, d_over_a_r, reflections
from samples.xrd.pattern import PowderPattern

TINY = SimulationConfig.tiny()
CPU = torch.device("cpu")


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def batch() -> SimulatedBatch:
    return simulate(400, TINY, generator(4))


def values(batch: SimulatedBatch) -> dict[str, Tensor]:
    return {field.name: getattr(batch, field.name) for field in fields(batch)}


def line_lists(inverse_d: list[float], intensity: list[float], share: float = 1.0) -> LineLists:
    return LineLists(
        pattern=torch.zeros(1, dtype=torch.int64),
        inverse_d=torch.tensor([inverse_d]),
        intensity=torch.tensor([intensity]),
        broadening=torch.zeros(1, len(inverse_d)),
        share=torch.tensor([share]),
        wanted=torch.tensor([True]),
    )


def one_instrument(low: float = 20.0, high: float = 80.0, step: float = 0.02, **changes: Tensor) -> Instrument:
    copper = RADIATIONS["Cu"]
    instrument = Instrument(
        wavelengths=torch.tensor([[copper.kalpha1, copper.kalpha2]]),
        ratios=torch.tensor([[1.0, 0.0]]),
        two_theta_low=torch.tensor([low]),
        two_theta_high=torch.tensor([high]),
        step=torch.tensor([step]),
        zero_shift=torch.zeros(1),
        displacement=torch.zeros(1),
        polarisation=torch.ones(1),
        fwhm=torch.full((1, 2), 0.1),
        mixing=torch.full((1, 2), 0.5),
        strain=torch.zeros(1),
        asymmetry=torch.zeros(1),
    )
    return replace(instrument, **changes)


def profile_of(lines: LineLists, instrument: Instrument) -> tuple[np.ndarray, np.ndarray]:
    """Fine 2θ axis (degree) and the profile of the wanted phase."""
    axis = axis_of(instrument)
    profiles, _ = line_profiles([lines], instrument, axis)
    angles = axis.start.double() + axis.fine_step.double() * torch.arange(profiles.shape[2])
    return angles.numpy(), profiles[0, 0].numpy()


def maxima(x: np.ndarray, y: np.ndarray, least: float) -> np.ndarray:
    """Positions of local maxima higher than ``least``, by a parabola through three points."""
    i = np.flatnonzero((y[1:-1] > y[:-2]) & (y[1:-1] >= y[2:]) & (y[1:-1] > least)) + 1
    shift = (y[i - 1] - y[i + 1]) / (2 * (y[i - 1] - 2 * y[i] + y[i + 1]))
    return np.asarray(x[i] + shift * (x[1] - x[0]))


def full_width(x: np.ndarray, y: np.ndarray) -> float:
    """Full width at half maximum of a single line, between linearly interpolated points."""
    peak, half = int(np.argmax(y)), y.max() / 2
    left = np.interp(half, y[: peak + 1], x[: peak + 1])
    right = np.interp(half, y[peak:][::-1], x[peak:][::-1])
    return float(right - left)


class TestBatch:
    def test_shapes_and_types(self, batch: SimulatedBatch) -> None:
        assert batch.intensity.shape == batch.measured.shape == (400, N_BINS)
        assert batch.intensity.dtype == torch.float32
        assert batch.measured.dtype == torch.bool
        for name in ("phase_class", "lattice_type", "kind"):
            assert getattr(batch, name).dtype == torch.int64
        assert batch.share.dtype == batch.quasilattice_constant.dtype == torch.float32

    def test_the_same_seed_gives_the_same_batch_and_another_another(self) -> None:
        first, second, other = (values(simulate(24, TINY, generator(seed))) for seed in (5, 5, 6))
        for name, tensor in first.items():
            assert torch.equal(tensor.nan_to_num(-1), second[name].nan_to_num(-1)), name
        assert not torch.equal(first["intensity"], other["intensity"])

    def test_nothing_is_ever_not_a_number(self, batch: SimulatedBatch) -> None:
        assert torch.isfinite(batch.intensity).all()
        assert torch.isfinite(batch.share).all()
        assert torch.equal(torch.isnan(batch.quasilattice_constant), batch.phase_class == NONE)

    def test_unmeasured_bins_are_zero_and_every_pattern_covers_what_screening_asks(self, batch: SimulatedBatch) -> None:
        assert (batch.intensity[~batch.measured] == 0).all()
        assert batch.measured.float().mean(dim=1).min() > 0.35
        assert (~batch.measured).any()

    def test_labels_are_consistent(self, batch: SimulatedBatch) -> None:
        icosahedral, none = batch.phase_class == ICOSAHEDRAL, batch.phase_class == NONE
        assert torch.equal(batch.lattice_type >= 0, icosahedral)
        assert ((batch.share > 0) == ~none).all()
        assert (batch.share <= 1 + 1e-5).all()
        a_r = batch.quasilattice_constant[~none]
        assert 3.99 <= a_r.min() < 4.2
        assert 5.8 < a_r.max() <= 6.01
        assert (batch.share[~none & (batch.kind == PURE)] > 0.999).all()

    def test_all_classes_and_kinds_occur(self, batch: SimulatedBatch) -> None:
        assert torch.bincount(batch.phase_class, minlength=len(PHASE_CLASSES)).min() > 5
        assert (torch.bincount(batch.kind, minlength=len(KINDS)) > 0).all()
        assert torch.bincount(batch.lattice_type[batch.phase_class == ICOSAHEDRAL]).min() > 25

    @pytest.mark.parametrize("n", [1, 2])
    def test_small_batches(self, n: int) -> None:
        for published_share in (0.0, 1.0):
            batch = simulate(n, replace(TINY, published_share=published_share), generator())
            assert batch.intensity.shape == (n, N_BINS)

    def test_a_generator_of_another_device_is_refused(self) -> None:
        with pytest.raises(ValueError, match="generator"):
            simulate(1, TINY, generator(), "meta")

    def test_what_the_counts_cannot_show_is_not_called(self) -> None:
        faint = replace(TINY, class_shares=(1, 0, 0, 0), published_share=0.0, significance=1e9)
        batch = simulate(16, faint, generator())
        assert (batch.phase_class == NONE).all()
        assert (batch.share == 0).all()
        sure = simulate(64, replace(faint, significance=0.0), generator())
        assert (sure.phase_class == ICOSAHEDRAL).all()

    def test_amorphous_and_blank_patterns_have_no_quasicrystal_lines(self) -> None:
        config = replace(TINY, class_shares=(0, 0, 0, 1), published_share=0.0, kinds_without=(0, 0, 0, 0, 1, 1))
        batch = simulate(32, config, generator())
        assert set(batch.kind.tolist()) == {AMORPHOUS, BLANK}
        assert (batch.phase_class == NONE).all()
        assert (batch.intensity.amax(dim=1) > 0).all()


class TestPositions:
    def test_lines_lie_where_bragg_puts_them(self) -> None:
        d = np.array([3.5, 2.6, 2.1, 1.5])
        angles, profile = profile_of(line_lists((1 / d).tolist(), [1, 2, 3, 4]), one_instrument())
        expected = two_theta_from_q(2 * np.pi / d, RADIATIONS["Cu"].kalpha1)
        assert np.allclose(maxima(angles, profile, 0.05 * profile.max()), expected, atol=0.004)

    def test_zero_shift_and_displacement_move_them(self) -> None:
        instrument = one_instrument(zero_shift=torch.tensor([0.08]), displacement=torch.tensor([-0.05]))
        angles, profile = profile_of(line_lists([0.5], [1.0]), instrument)
        expected = two_theta_from_q(np.pi, RADIATIONS["Cu"].kalpha1)
        shift = 0.08 - 0.05 * np.cos(np.radians(expected / 2))
        assert maxima(angles, profile, 0.5 * profile.max())[0] == pytest.approx(expected + shift, abs=0.004)

    def test_the_doublet(self) -> None:
        instrument = one_instrument(ratios=torch.tensor([[1.0, 0.5]]), fwhm=torch.full((1, 2), 0.06))
        angles, profile = profile_of(line_lists([0.8], [1.0]), instrument)
        copper = RADIATIONS["Cu"]
        expected = [float(two_theta_from_q(1.6 * np.pi, w)) for w in (copper.kalpha1, copper.kalpha2)]
        first, second = maxima(angles, profile, 0.2 * profile.max())
        assert (first, second) == pytest.approx(expected, abs=0.01)
        heights = np.interp([first, second], angles, profile)
        assert heights[1] / heights[0] == pytest.approx(0.5, abs=0.05)

    def test_a_pseudo_voigt_has_its_width_and_area(self) -> None:
        for mixing in (0.0, 0.5, 1.0):
            instrument = one_instrument(mixing=torch.full((1, 2), mixing), fwhm=torch.full((1, 2), 0.2))
            angles, profile = profile_of(line_lists([0.5], [1.0]), instrument)
            assert full_width(angles, profile) == pytest.approx(0.2, rel=0.02)
            assert np.sum(profile) * (angles[1] - angles[0]) == pytest.approx(1, rel=1e-3)

    @pytest.mark.parametrize("polarisation", [1.0, 0.8, 0.0])
    def test_areas_follow_lorentz_and_polarisation(self, polarisation: float) -> None:
        """(1 + K cos² 2θ) / (sin² θ cos θ) of a powder line."""
        two_theta = np.array([30.0, 65.0])
        theta = np.radians(two_theta / 2)
        lines = line_lists((2 * np.sin(theta) / RADIATIONS["Cu"].kalpha1).tolist(), [1.0, 1.0])
        x, y = profile_of(lines, one_instrument(polarisation=torch.tensor([polarisation])))
        low, high = (y[abs(x - angle) < 5].sum() for angle in two_theta)
        factor = (1 + polarisation * np.cos(2 * theta) ** 2) / (np.sin(theta) ** 2 * np.cos(theta))
        assert low / high == pytest.approx(factor[0] / factor[1], rel=0.01)

    def test_the_broadened_line_is_twice_as_wide(self) -> None:
        lines = replace(line_lists([0.5], [1.0]), broadening=torch.ones(1, 1))
        angles, profile = profile_of(lines, one_instrument(fwhm=torch.full((1, 2), 0.2)))
        assert full_width(angles, profile) == pytest.approx(0.4, rel=0.02)

    @pytest.mark.parametrize("superlattice", [False, True])
    def test_orbits_are_the_shells_of_the_table(self, superlattice: bool) -> None:
        rows, table = orbits(CPU, 4.0, 0.7), reflections("F", 0.7, 4.0)
        of_rows = sorted(set(rows.q_par[rows.superlattice == superlattice].numpy().round(5)))
        of_table = sorted(set(table.q_par[table.superlattice == superlattice].astype(np.float32).round(5)))
        assert np.allclose(of_rows, of_table)
        assert int(rows.multiplicity.sum()) == table.multiplicity.sum()

    @pytest.mark.parametrize(("order", "cubic"), [(1, APPROXIMANT_CUBIC_1_1), (2, APPROXIMANT_CUBIC_2_1)])
    def test_approximant_lines_index_on_their_cubic_lattice(self, order: int, cubic: float) -> None:
        lines = approximant_lines(CPU, order, 4.0, 0.7)
        squares = (lines.inverse_d.double() * cubic) ** 2
        assert torch.allclose(squares, squares.round(), atol=1e-3)
        assert torch.equal(lines.members.sum(dim=1), orbits(CPU, 4.0, 0.7).multiplicity)

    def test_the_11_approximant_of_a_primitive_quasicrystal_is_body_centred(self) -> None:
        rows, lines = orbits(CPU, 4.0, 0.7), approximant_lines(CPU, 1, 4.0, 0.7)
        squares = (lines.inverse_d * APPROXIMANT_CUBIC_1_1).square().round().int()
        reached = lines.members[~rows.superlattice].sum(dim=0) > 0
        assert (squares[reached] % 2 == 0).all(), "h + k + l even, so h² + k² + l² even"

    def test_each_orbit_splits(self) -> None:
        rows, lines = orbits(CPU, 4.0, 0.7), approximant_lines(CPU, 1, 4.0, 0.7)
        n_lines = (lines.members > 0).sum(dim=1)
        assert (n_lines[rows.q_perp > 0.15] > 1).float().mean() > 0.9


class TestCounts:
    @pytest.mark.parametrize("mean", [0.0, 0.7, 5.0, 14.0, 40.0, 3000.0])
    def test_counts_scatter_as_poisson_counts(self, mean: float) -> None:
        counts = Draw(generator()).poisson(torch.full((200_000,), mean)).double()
        assert (counts >= 0).all()
        assert (counts == counts.round()).all()
        assert counts.mean().item() == pytest.approx(mean, rel=0.01, abs=1e-9)
        assert counts.var().item() == pytest.approx(mean, rel=0.02, abs=1e-9)
        if mean:
            skewness = ((counts - mean) ** 3).mean() / mean**1.5
            assert skewness.item() == pytest.approx(mean**-0.5, abs=0.03)

    def test_an_empty_phase_gives_no_nan(self) -> None:
        axis = axis_of(instrument := one_instrument())
        profiles, share = line_profiles([line_lists([2.0], [1.0], share=0.4)], instrument, axis)
        assert torch.equal(profiles, torch.zeros_like(profiles))
        assert share.tolist() == [0.0]

    def test_areas_follow_the_shares(self) -> None:
        axis = axis_of(instrument := one_instrument())
        wanted = line_lists([0.4, 0.5, 0.6], [1.0, 5.0, 2.0], share=0.2)
        other = replace(line_lists([0.45, 0.55], [300.0, 10.0], share=0.8), wanted=torch.tensor([False]))
        profiles, share = line_profiles([wanted, other], instrument, axis)
        areas = profiles.sum(dim=2)[:, 0] * axis.fine_step
        assert share.item() == pytest.approx(0.2, abs=1e-6)
        assert areas.tolist() == pytest.approx([0.2, 0.8], rel=0.01)

    @pytest.mark.parametrize(
        ("step", "wavelength"), [(0.02, 1.540593), (0.05, 1.540593), (0.013, 1.788996), (0.01, 0.709317)]
    )
    def test_rebinning_is_that_of_a_file(self, step: float, wavelength: float) -> None:
        start, n = 12.0 if wavelength < 1 else 25.003, 2300
        rng = np.random.default_rng(0)
        angles = np.asarray(start + step * np.arange(n), dtype=np.float64)
        counts = rng.poisson(50 + 1000 * np.exp(-(((angles - angles[800]) / 0.3) ** 2))).astype(np.float64)
        expected = rebin(PowderPattern(angles, counts, wavelength))
        padded = torch.nn.functional.pad(torch.tensor(counts, dtype=torch.float32)[None], (0, 50))
        one = torch.ones(1, dtype=torch.float64)
        intensity, measured = rebin_counts(padded, start * one, step * one, torch.tensor([n]), wavelength * one)
        assert np.array_equal(measured[0].numpy(), expected.measured)
        assert np.allclose(intensity[0].numpy(), expected.intensity, rtol=2e-3, atol=0.5)

    def test_reading_at_the_instruments_own_steps(self) -> None:
        instrument = one_instrument(20.0, 80.0, 0.05)
        axis = axis_of(instrument)
        assert int(axis.n_read) == 1201
        assert (axis.start + axis.first * axis.fine_step).item() == pytest.approx(20.0, abs=1e-4)
        assert (axis.fine_step * axis.stride).item() == pytest.approx(0.05, abs=1e-6)
        ramp = torch.arange(4096.0)[None]
        assert torch.equal(torch.diff(read_points([ramp], axis)[0]), axis.stride.float().expand(1, 1200))

    def test_instruments_reach_beyond_nothing_that_the_grid_needs(self) -> None:
        instrument = draw_instrument(Draw(generator()), 2000)
        axis = axis_of(instrument)
        assert (axis.first >= 0).all()
        assert (axis.first + (axis.n_read - 1) * axis.stride < 4096).all()
        covered = instrument.two_theta_high - instrument.two_theta_low
        assert ((axis.n_read - 1) * axis.stride * axis.fine_step <= covered + 1e-3).all()
        assert (instrument.zero_shift.abs() <= 0.2).all()


class TestPublishedRecipe:
    def test_a_batch(self) -> None:
        batch = published_recipe(200, generator(), icosahedral=0.5)
        holds = batch.phase_class == ICOSAHEDRAL
        assert 70 < int(holds.sum()) < 130
        assert (batch.kind == PUBLISHED).all()
        assert (batch.lattice_type[holds] == 0).all()
        a_r = batch.quasilattice_constant[holds]
        assert 4.0 <= a_r.min() < 4.2
        assert 5.8 < a_r.max() <= 6.0
        assert (batch.share[holds] > 0).all()
        assert (batch.share[~holds] == 0).all()
        assert batch.measured.float().mean() > 0.998
        assert batch.intensity.max() <= 1
        assert batch.intensity.min() >= 0

    def test_patterns_are_scaled_and_noise_is_within_a_percent(self) -> None:
        patterns = published.published_patterns(Draw(generator()), torch.zeros(20, dtype=torch.bool))
        assert patterns.intensity.shape == (20, 6000)
        assert torch.allclose(patterns.intensity.amax(dim=1), torch.ones(20))
        assert torch.allclose(patterns.intensity.amin(dim=1), torch.zeros(20))
        roughness = torch.diff(patterns.intensity, 2).abs().median(dim=1).values
        assert (roughness < 0.02).all()
        assert (roughness > 0.0005).all()

    def test_lines_of_a_quasicrystal_lie_on_its_reflections(self) -> None:
        a_r = torch.linspace(4.1, 5.9, 12)
        profiles = published._quasicrystal_lines(Draw(generator()), a_r, torch.full((12,), 0.03))
        angles = np.arange(6000) * 0.01 + 20
        table = reflections("P", q_perp_max=1.5)
        for a, profile in zip(a_r.tolist(), profiles.numpy(), strict=True):
            found = maxima(angles, profile, 0.1 * profile.max())
            expected = two_theta_from_q(2 * np.pi * table.q_par / a, published.WAVELENGTH)
            expected = expected[np.isfinite(expected)]
            assert len(found) >= 2
            assert np.abs(found[:, None] - expected).min(axis=1).max() < 0.02


class TestCrystals:
    def test_the_library_is_the_same_for_the_same_seed(self) -> None:
        first, second = lattice_library(CPU, 12, 7), lattice_library.__wrapped__(CPU, 12, 7)
        assert torch.equal(first.inverse_d, second.inverse_d)
        assert ((first.multiplicity > 0).sum(dim=1) > 0).all()

    def test_random_cubic_lattices_are_cubic(self) -> None:
        rng = np.random.default_rng(0)
        for _ in range(60):
            _, cell = random_cell(rng)
            assert np.linalg.det(cell) > 10
        lines = random_lattice_lines(rng)
        assert (np.diff(lines[:, 0]) > 0).all()
        assert ((lines[:, 2] >= 0) & (lines[:, 2] <= 1 + 1e-9)).all()

    @pytest.mark.parametrize(
        ("name", "elements", "lengths", "angles", "expected"),
        [
            # Strongest lines (2θ at Cu Kα1) of the compounds themselves, as powder databases list them.
            ("SiO2, quartz (C8)", {"Si": "Si", "O": "O"}, (4.913, 4.913, 5.405), (90, 90, 120), {26.64: 100, 20.86: 22, 50.14: 14}),
            ("Al2O3 (D5_1)", {"M1": "Al", "O": "O"}, (4.759, 4.759, 12.99), (90, 90, 120), {43.36: 100, 35.15: 95, 57.50: 95}),
            ("Si (A4)", {"M1": "Si"}, (5.431, 5.431, 5.431), (90, 90, 90), {28.44: 100, 47.30: 60, 56.12: 35}),
            ("CsCl (B2)", {"M1": "Al", "M2": "Fe"}, (2.909, 2.909, 2.909), (90, 90, 90), {43.98: 100, 30.70: 23}),
            ("TiO2, rutile (C4)", {"M1": "Ti", "O": "O"}, (4.594, 4.594, 2.959), (90, 90, 90), {27.43: 100, 54.32: 55, 36.08: 45}),
        ],
    )  # fmt: skip
    def test_known_structures_give_their_known_lines(
        self,
        name: str,
        elements: dict[str, str],
        lengths: tuple[float, ...],
        angles: tuple[float, ...],
        expected: dict[float, float],
    ) -> None:
        prototype = next(p for p in PROTOTYPES if p.name == name)
        cell = cell_vectors(np.array(lengths), np.array(angles, dtype=np.float64))
        lines = structure_lines(cell, cell_atoms(prototype), elements, 0.5, 0.9)
        two_theta = two_theta_from_q(2 * np.pi * lines[:, 0], RADIATIONS["Cu"].kalpha1)
        theta = np.radians(two_theta / 2)
        heights = lines[:, 1] * (1 + np.cos(2 * theta) ** 2) / (np.sin(theta) ** 2 * np.cos(theta))
        heights *= 100 / heights.max()
        for angle, height in expected.items():
            nearest = np.argmin(np.abs(two_theta - angle))
            assert two_theta[nearest] == pytest.approx(angle, abs=0.03)
            assert heights[nearest] == pytest.approx(height, abs=8)

    def test_every_prototype_has_atoms_that_do_not_overlap(self) -> None:
        for prototype in PROTOTYPES:
            positions = np.concatenate([p for _, p in cell_atoms(prototype)])
            difference = positions[:, None] - positions
            angles = np.array([90.0, prototype.beta, prototype.gamma])
            cell = cell_vectors(np.array([1.0, prototype.b, prototype.c]), angles)
            distance = np.linalg.norm((difference - np.rint(difference)) @ cell, axis=2)
            np.fill_diagonal(distance, np.inf)
            volume = abs(np.linalg.det(cell)) / len(positions)
            assert distance.min() > 0.55 * volume ** (1 / 3), prototype.name


class TestOnePattern:
    def test_its_lines_are_those_of_the_quasicrystal(self) -> None:
        pattern = simulate_pattern(
            "icosahedral", 4.353, "F", n_hosts=0, peak_counts=1e6, two_theta=(20, 80), wavelength=1.5406 + 1e-4 - 1e-4
        )
        assert pattern.two_theta[0] == 20
        assert pattern.two_theta[-1] == pytest.approx(80)
        found = maxima(pattern.two_theta, pattern.intensity, 0.2 * pattern.intensity.max())
        for n, m in ((18, 29), (20, 32)):
            expected = two_theta_from_q(2 * np.pi / (4.353 * d_over_a_r(n, m)), RADIATIONS["Cu"].kalpha1)
            assert np.abs(found - expected).min() < 0.03

    def test_counts_are_whole_and_the_pattern_says_that_it_is_simulated(self) -> None:
        pattern = simulate_pattern("approximant_1_1", 5.2, "P", 0.5, seed=3)
        assert (pattern.intensity == pattern.intensity.round()).all()
        assert "simulated" in str(pattern.warnings[0])
        assert np.array_equal(pattern.intensity, simulate_pattern("approximant_1_1", 5.2, "P", 0.5, seed=3).intensity)
        assert not np.array_equal(
            pattern.intensity, simulate_pattern("approximant_1_1", 5.2, "P", 0.5, seed=4).intensity
        )

    def test_its_text_has_one_row_a_point(self) -> None:
        pattern = simulate_pattern("none", n_hosts=2, step=0.05)
        rows = [row for row in pattern_text(pattern).splitlines() if not row.startswith("#")]
        assert len(rows) == pattern.n_points == 1201
        assert rows[0].split() == ["20.0000", f"{pattern.intensity[0]:.0f}"]

    def test_another_class_or_share_is_refused(self) -> None:
        with pytest.raises(ValueError, match="phase class"):
            simulate_pattern("decagonal")
        with pytest.raises(ValueError, match="share"):
            simulate_pattern(share=0.0)


def test_the_grid_sees_a_simulated_pattern_at_its_reflections() -> None:
    """From a_R to the network's input: the strongest bins of a pure quasicrystal are those of its reflections."""
    config = replace(TINY, class_shares=(1, 0, 0, 0), published_share=0.0, kinds_with=(1, 0, 0, 0, 0, 0))
    batch = simulate(40, replace(config, peak_counts=(5e4, 1e5)), generator(2))
    table = reflections("F", q_perp_max=0.75)
    ln_q = (LN_Q_EDGES[1:] + LN_Q_EDGES[:-1]) / 2
    for intensity, a_r in zip(batch.intensity.numpy(), batch.quasilattice_constant.tolist(), strict=True):
        if np.isnan(a_r):
            continue
        highest = ln_q[np.argmax(intensity)]
        offset = np.abs(np.log(2 * np.pi * table.q_par / a_r) - highest).min()
        # A zero shift and a displacement of 0.1° each, at low angles, are 0.8 % of Q.
        assert offset < 0.01


def test_approximants_keep_the_constant_of_their_quasicrystal() -> None:
    config = replace(TINY, class_shares=(0, 1, 0, 0), published_share=0.0, kinds_with=(1, 0, 0, 0, 0, 0))
    batch = simulate(30, replace(config, peak_counts=(5e4, 1e5)), generator(3))
    ln_q = (LN_Q_EDGES[1:] + LN_Q_EDGES[:-1]) / 2
    called = batch.phase_class == APPROXIMANT_1_1
    assert called.float().mean() > 0.8
    for i in torch.nonzero(called).squeeze(1).tolist():
        cubic = batch.quasilattice_constant[i].item() * APPROXIMANT_CUBIC_1_1
        q = np.exp(ln_q[int(batch.intensity[i].argmax())])
        squares = np.arange(2, 200, 1)
        offset = np.abs(np.log(2 * np.pi * np.sqrt(squares) / cubic) - np.log(q)).min()
        assert offset < 0.01
