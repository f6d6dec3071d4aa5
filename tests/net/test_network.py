from __future__ import annotations

import numpy as np
import torch

from mlmodels.net.front import front, snip_background
from mlmodels.net.grid import CANDIDATES, N_BINS, N_CANDIDATES, Q_MIN
from mlmodels.net.lines import default_line_constants
from mlmodels.net.network import LineGather, Network, NetworkConfig
from mlmodels.net.simulate import SimulatedBatch
from mlmodels.net.training import loss_of
from samples.xrd.icosahedral import reflections


def test_shapes(tiny_network: Network, simulated: SimulatedBatch) -> None:
    output = tiny_network(simulated.intensity, simulated.measured)
    n = len(simulated.intensity)
    assert output.lattice.shape == (n, N_CANDIDATES, 3)
    assert output.none.shape == (n,)
    assert output.f_type.shape == output.share.shape == (n, N_CANDIDATES)
    assert output.flat().shape == (n, 3 * N_CANDIDATES + 1)


def test_class_probabilities_sum_the_candidates(tiny_network: Network, simulated: SimulatedBatch) -> None:
    output = tiny_network(simulated.intensity, simulated.measured)
    every = torch.softmax(output.flat().double(), dim=1)
    by_class = output.class_log_probabilities().exp()
    assert torch.allclose(by_class[:, 3], every[:, -1])
    assert torch.allclose(by_class[:, 0], every[:, 0:-1:3].sum(dim=1))
    assert torch.allclose(by_class.sum(dim=1), torch.ones(len(every), dtype=torch.float64))


def test_batch_mates_do_not_matter(tiny_network: Network, simulated: SimulatedBatch) -> None:
    together = tiny_network(simulated.intensity, simulated.measured).flat()
    alone = torch.cat(
        [tiny_network(y[None], m[None]).flat() for y, m in zip(simulated.intensity, simulated.measured, strict=True)]
    )
    assert torch.allclose(together, alone, atol=1e-4)


def test_the_scale_of_the_counts_does_not_matter(tiny_network: Network, simulated: SimulatedBatch) -> None:
    counted = tiny_network(simulated.intensity, simulated.measured).flat()
    scaled = tiny_network(simulated.intensity * 0.01, simulated.measured).flat()
    assert torch.allclose(counted, scaled, atol=1e-3)


def test_what_stands_in_unmeasured_bins_does_not_matter(tiny_network: Network, simulated: SimulatedBatch) -> None:
    measured = simulated.measured.clone()
    measured[:, 500:700] = False
    garbage = torch.where(measured, simulated.intensity, 1e6)
    clean = tiny_network(simulated.intensity * measured, measured).flat()
    assert torch.equal(tiny_network(garbage, measured).flat(), clean)


def test_an_empty_pattern_gives_finite_numbers(tiny_network: Network) -> None:
    output = tiny_network(torch.zeros(1, N_BINS), torch.ones(1, N_BINS, dtype=torch.bool))
    assert torch.isfinite(output.flat()).all()


def test_the_gather_reads_each_line_of_each_candidate_where_it_lies() -> None:
    constants = (9.1, 16.7, 29.3)
    bins = torch.arange(N_BINS, dtype=torch.float32)[None, :, None] + 1  # evidence names its own bin; 0 is unmeasured
    gathered = LineGather(constants)(bins, torch.zeros(1))[0].flip(0).numpy()  # candidates ascending
    step = np.log(CANDIDATES[1] / CANDIDATES[0]) / 4
    for line, constant in enumerate(constants):
        expected = np.log(constant / CANDIDATES / Q_MIN) / step
        inside = (expected > 1) & (expected < N_BINS - 1)
        assert np.abs(gathered[inside, line] - (expected[inside] + 0.5)).max() <= 0.51
        assert (gathered[(expected < -1) | (expected > N_BINS + 1), line] == 0).all()


def test_the_gradient_of_the_gather_is_right() -> None:
    gather = LineGather((9.1, 16.7))
    evidence = torch.randn(2, N_BINS, 3, requires_grad=True)
    unmeasured = torch.randn(3, requires_grad=True)
    weights = torch.randn(2, N_CANDIDATES, 6)
    (gather(evidence, unmeasured) * weights).sum().backward()
    assert evidence.grad is not None
    assert unmeasured.grad is not None
    nudge = torch.randn_like(evidence)
    moved = ((gather(evidence + nudge, unmeasured) - gather(evidence, unmeasured)) * weights).sum()
    assert torch.allclose((evidence.grad * nudge).sum(), moved, rtol=1e-3, atol=1e-2)


def test_the_line_table_holds_the_strong_lines_of_both_lattice_types() -> None:
    table = np.array(default_line_constants())
    shells = reflections("F", 0.5)
    for n, m in ((6, 9), (7, 11), (14, 21), (18, 29), (20, 32), (38, 61), (52, 84)):
        q = 2 * np.pi * shells.q_par[(shells.n == n) & (shells.m == m)]
        assert np.abs(table / q - 1).min() < 1e-4, f"{n}/{m} is missing"


def test_the_background_lies_under_lines_and_follows_a_slope() -> None:
    slope = torch.linspace(40, 10, N_BINS)
    lines = torch.zeros(N_BINS)
    lines[[300, 900, 1500]] = 100.0
    background = snip_background((slope + lines)[None])[0]
    inner = slice(130, -130)
    assert torch.allclose(background[inner], slope[inner], rtol=0.03)


def test_every_channel_lies_between_0_and_1(simulated: SimulatedBatch) -> None:
    channels = front(simulated.intensity, simulated.measured)
    assert channels.shape == (len(simulated.intensity), 4, N_BINS)
    assert float(channels.min()) >= 0
    assert float(channels.max()) <= 1


def test_it_learns_eight_patterns_by_heart(simulated: SimulatedBatch) -> None:
    torch.manual_seed(1)
    network = Network(NetworkConfig.tiny())
    eight = SimulatedBatch(**{name: getattr(simulated, name)[:8] for name in SimulatedBatch.__slots__})
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-2)
    for _ in range(150):
        loss = loss_of(network(eight.intensity, eight.measured), eight)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    called = network(eight.intensity, eight.measured).class_log_probabilities().argmax(dim=1)
    assert torch.equal(called, eight.phase_class)
