"""Measured patterns among simulated ones: the labels hold, the classes keep their balance, the variations keep to physics."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mlmodels.net.curated import CuratedPattern, CuratedPatterns
from mlmodels.net.finishing import calibrate
from mlmodels.net.grid import CANDIDATES, LN_Q_STEP, N_BINS, PHASE_CLASSES
from mlmodels.net.mixing import SHORTEST_COUNT, STRETCH, CuratedSource
from mlmodels.net.network import Network, NetworkOutput
from mlmodels.net.simulate import SimulatedBatch
from mlmodels.net.simulation.config import ICOSAHEDRAL, NONE
from mlmodels.net.simulation.draw import Draw
from mlmodels.net.training import Material, TrainingConfig, loss_of, train
from samples.xrd.bragg import CU_KALPHA1
from samples.xrd.pattern import PowderPattern

CPU = torch.device("cpu")


def scan(
    *lines: float, level: float = 400.0, height: float = 4000.0, seed: int = 1, scale: float = 1.0
) -> PowderPattern:
    """Lines at these angles over a flat background, with the noise of counting."""
    two_theta = np.arange(20.0, 80.0, 0.02)
    counts = np.full(len(two_theta), level)
    for line in lines:
        counts += height / (1 + ((two_theta - line) / 0.08) ** 2)
    counts = np.random.default_rng(seed).poisson(counts).astype(np.float64)
    return PowderPattern(two_theta, counts * scale, CU_KALPHA1)


@pytest.fixture
def curated() -> CuratedPatterns:
    return CuratedPatterns.of(
        [
            CuratedPattern(scan(30.0, 44.0), "icosahedral", 4.5, "F"),
            CuratedPattern(scan(35.0, 60.0, seed=2), "icosahedral"),
            CuratedPattern(scan(41.0, seed=3), "none", weight=3.0),
            CuratedPattern(scan(52.0, seed=4), "none", weight=1.0),
        ]
    )


@pytest.fixture
def source(curated: CuratedPatterns) -> CuratedSource:
    return CuratedSource(curated, 0.5, CPU)


def test_labels_come_onto_the_grid(curated: CuratedPatterns) -> None:
    assert curated.n_by_class() == {"icosahedral": 2, "approximant_1_1": 0, "approximant_2_1": 0, "none": 2}
    assert curated.quasilattice_constant[0] == np.float32(4.5)
    assert np.isnan(curated.quasilattice_constant[1:]).all()
    assert curated.lattice_type.tolist() == [1, -1, -1, -1]
    assert curated.intensity.max(axis=1) == pytest.approx(1.0)
    assert curated.intensity.dtype == np.float32


@pytest.mark.parametrize("scale", [1.0, 0.01], ids=["counts", "counts per second"])
def test_noise_is_that_of_counting_whatever_the_unit(scale: float) -> None:
    flat = scan(level=400.0, scale=scale)
    one = CuratedPatterns.of([CuratedPattern(flat, "none")])
    highest = flat.intensity.max() / 1.0
    low_angles = one.noise[0, 100:400] * highest  # a bin is narrower than a step there
    assert float(np.median(low_angles)) == pytest.approx(20 * scale, rel=0.25)
    assert float(np.median(one.noise[0, -300:])) < 0.7 * float(np.median(one.noise[0, 100:400]))


def test_they_come_back_from_a_file_with_their_hash(curated: CuratedPatterns, tmp_path: Path) -> None:
    path = tmp_path / "curated.npz"
    sha256 = curated.save(path)
    again = CuratedPatterns.load(path)
    assert again.sha256() == sha256
    assert replace(again, weight=again.weight * 2).sha256() != sha256


def test_a_pattern_without_wavelength_or_no_pattern_is_refused() -> None:
    unknown = replace(scan(30.0), wavelength=None)
    with pytest.raises(ValueError, match="wavelength"):
        CuratedPatterns.of([CuratedPattern(unknown, "none")])
    with pytest.raises(ValueError, match="no patterns"):
        CuratedPatterns.of([])


class TestMixing:
    def test_classes_keep_the_balance_of_the_simulated_mix(
        self, source: CuratedSource, simulated: SimulatedBatch
    ) -> None:
        mixed = source.mixed_into(simulated, torch.Generator().manual_seed(1))
        measured = mixed.kind < 0
        assert torch.equal(mixed.phase_class, simulated.phase_class)
        assert 0 < int(measured.sum()) < len(measured)
        assert set(mixed.phase_class[measured].tolist()) <= {ICOSAHEDRAL, NONE}, "the lab has no approximant yet"
        assert torch.equal(mixed.intensity[~measured], simulated.intensity[~measured])

    def test_the_share_and_the_weights_are_those_that_were_asked_for(
        self, source: CuratedSource, simulated: SimulatedBatch
    ) -> None:
        rows = torch.arange(32).repeat(60)
        many = SimulatedBatch(**{name: getattr(simulated, name)[rows] for name in SimulatedBatch.__slots__})
        mixed = source.mixed_into(many, torch.Generator().manual_seed(2))
        could = (many.phase_class == ICOSAHEDRAL) | (many.phase_class == NONE)
        assert float((mixed.kind[could] < 0).float().mean()) == pytest.approx(0.5, abs=0.05)
        none = mixed.intensity[(mixed.kind < 0) & (mixed.phase_class == NONE)]
        heavy = torch.from_numpy(np.argmax(source.intensity[2].numpy(), keepdims=True))
        near_heavy = (none.argmax(dim=1) - heavy).abs() < 40
        assert float(near_heavy.float().mean()) == pytest.approx(0.75, abs=0.06)

    def test_the_same_generator_gives_the_same_batch(self, source: CuratedSource, simulated: SimulatedBatch) -> None:
        first, again = (source.mixed_into(simulated, torch.Generator().manual_seed(3)) for _ in range(2))
        assert torch.equal(first.intensity, again.intensity)


class TestVariations:
    def test_a_stretch_moves_lines_and_lattice_constant_together(self) -> None:
        patterns = CuratedPatterns.of([CuratedPattern(scan(44.0), "icosahedral", 4.5, "F")])
        source, rows = CuratedSource(patterns, 0.5, CPU), torch.zeros(400, dtype=torch.int64)
        varied = source.varied(rows, Draw(torch.Generator().manual_seed(4)))
        moved = -(varied.quasilattice_constant / 4.5).log() / LN_Q_STEP
        assert float(moved.abs().max()) <= STRETCH / LN_Q_STEP + 1e-3
        before = int(source.intensity[0].argmax())
        offsets = varied.intensity.argmax(dim=1) - before - moved
        assert float(offsets.mean()) == pytest.approx(0, abs=0.3)
        # What is left is the zero shift, of ½ cot 22° · 0.015° = 0.5 bins, and the noise of the maximum.
        assert float(offsets.std()) < 1.5

    def test_a_shorter_count_is_noisier_and_as_high(self, source: CuratedSource) -> None:
        rows = torch.full((300,), 2)
        flat = slice(1500, 2000)
        varied = source.varied(rows, Draw(torch.Generator().manual_seed(5))).intensity[:, flat]
        assert float(varied.mean()) == pytest.approx(float(source.intensity[2, flat].mean()), rel=0.02)
        added = varied - varied.mean(dim=0)
        most = float(source.noise[2, flat].mean()) * ((1 - SHORTEST_COUNT) / SHORTEST_COUNT) ** 0.5
        assert 0.2 * most < float(added.std()) < most

    def test_what_is_moved_in_from_outside_counts_as_unmeasured(self, source: CuratedSource) -> None:
        varied = source.varied(torch.zeros(50, dtype=torch.int64), Draw(torch.Generator().manual_seed(6)))
        assert (varied.intensity[~varied.measured] == 0).all()
        assert float(varied.measured.float().mean()) > 0.98

    def test_a_constant_at_the_end_of_the_range_stays_inside(self) -> None:
        patterns = CuratedPatterns.of([CuratedPattern(scan(30.0), "icosahedral", float(CANDIDATES[0]), "P")])
        source = CuratedSource(patterns, 1.0, CPU)
        varied = source.varied(torch.zeros(100, dtype=torch.int64), Draw(torch.Generator().manual_seed(7)))
        assert float(varied.quasilattice_constant.min()) >= float(np.float32(CANDIDATES[0]))


class TestLoss:
    @pytest.fixture
    def output(self) -> NetworkOutput:
        generator = torch.Generator().manual_seed(8)
        lattice = torch.randn(2, len(CANDIDATES), len(PHASE_CLASSES) - 1, generator=generator)
        flat = torch.zeros(2, len(CANDIDATES))
        return NetworkOutput(lattice, torch.randn(2, generator=generator), flat, flat)

    @staticmethod
    def batch(constant: float) -> SimulatedBatch:
        return SimulatedBatch(
            intensity=torch.zeros(2, N_BINS),
            measured=torch.ones(2, N_BINS, dtype=torch.bool),
            phase_class=torch.tensor([ICOSAHEDRAL, ICOSAHEDRAL]),
            quasilattice_constant=torch.full((2,), constant),
            lattice_type=torch.full((2,), -1),
            share=torch.full((2,), torch.nan),
            kind=torch.full((2,), -1),
        )

    def test_a_quasicrystal_of_unknown_constant_may_lie_anywhere(self, output: NetworkOutput) -> None:
        log_p = output.class_log_probabilities()[:, ICOSAHEDRAL]
        assert float(loss_of(output, self.batch(torch.nan))) == pytest.approx(-float(log_p.mean()), rel=1e-5)

    def test_one_of_a_known_constant_must_lie_there(self, output: NetworkOutput) -> None:
        assert float(loss_of(output, self.batch(4.5))) > float(loss_of(output, self.batch(torch.nan)))


def test_training_on_measured_patterns_repeats_itself_and_learns_them(
    tiny_training: TrainingConfig, curated: CuratedPatterns, tmp_path: Path
) -> None:
    path = tmp_path / "curated.npz"
    config = replace(tiny_training, curated=curated.save(path), curated_share=0.5)
    material = Material(curated=path)
    first, again, without = (
        torch.cat([p.detach().flatten() for p in network.parameters()])
        for network in (
            train(config, tmp_path / "a.state", material=material),
            train(config, tmp_path / "b.state", material=material),
            train(tiny_training, tmp_path / "c.state"),
        )
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, without)


def test_calibration_takes_the_validation_split_in_and_keeps_its_prior(
    tiny_network: Network, tiny_training: TrainingConfig, curated: CuratedPatterns
) -> None:
    config = replace(tiny_training, curated_share=0.5)
    without = calibrate(tiny_network, config, 200)
    with_measured = calibrate(tiny_network, config, 200, curated)
    assert with_measured.prior == without.prior
    assert with_measured.slope != without.slope
