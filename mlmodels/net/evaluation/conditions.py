"""The same mixtures measured in different ways: radiation, range, step, width of the lines and counts.

All ways see the same quasicrystals among the same other phases, with the same background, so that a difference of recall
is the instrument's alone and has a paired interval.  The weak ones make it hard: shares of the scattering from 0.03.  Counts
are those of a point: a coarser step sees fewer in all, as a faster scan does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlmodels.net.evaluation.inputs import inputs
from mlmodels.net.evaluation.statistics import Report, at_class_c, difference, probabilities, share_of
from mlmodels.net.grid import LN_Q_EDGES
from mlmodels.net.predict import LoadedNetwork, Prediction, predict
from mlmodels.net.preprocess import NetworkInput
from mlmodels.net.simulation.conditions import draw_instrument, expected_counts, is_seen
from mlmodels.net.simulation.config import SimulationConfig
from mlmodels.net.simulation.draw import Draw
from mlmodels.net.simulation.instrument import Instrument, axis_of, line_profiles, rebin
from mlmodels.net.simulation.line_lists import LineLists
from mlmodels.net.simulation.phases import Contents, draw_contents, other_lines, wanted_lines
from samples.xrd.bragg import RADIATIONS, q_from_two_theta

BLOCK = 250
"""Mixtures simulated at once."""
COPPER_EXTENT = 60.0
ONLY_ICOSAHEDRAL = (1.0, 0.0, 0.0, 0.0)
KINDS_WITH = (0.0, 0.60, 0.20, 0.14, 0.06, 0.0)
"""As in training, but never the pure phase: "how weak" is the question."""
COUNTS = (1_000.0, 50_000.0)
WIDTHS = (0.08, 0.30)
"""Counts at the highest point and FWHM (degree, at Cu), where a way does not fix them; drawn evenly on a logarithmic scale."""
KALPHA2_RATIO = 0.5
ZERO_SHIFT, DISPLACEMENT = 0.05, 0.03
"""Largest zero shift, and standard deviation of the sample's displacement (degree, at Cu)."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to measure.

    wavelength: Å, and kalpha2 where there is a doublet; full: 2θ (degree) of Q 1.416–5.243 Å⁻¹, which is simulated, and
        two_theta: to which it is cut (None: not at all)
    step, fwhm: degree at Cu; at another radiation times (range there / range at Cu) ** shrinking: 1 keeps the lines' width in Q,
        ½ is what laboratories come near to
    """

    group: str
    name: str
    wavelength: float = RADIATIONS["Cu"].kalpha1
    kalpha2: float | None = RADIATIONS["Cu"].kalpha2
    full: tuple[float, float] = (20.0, 80.0)
    two_theta: tuple[float, float] | None = None
    step: float = 0.02
    fwhm: float | None = None
    peak_counts: float | None = None
    shrinking: float = 1.0

    @property
    def scale(self) -> float:
        return float(((self.full[1] - self.full[0]) / COPPER_EXTENT) ** self.shrinking)


def _of_anode(anode: str, full: tuple[float, float]) -> Way:
    radiation = RADIATIONS[anode]
    return Way("radiation", f"{anode}, 2θ {full[0]:g}–{full[1]:g}°", radiation.kalpha1, radiation.kalpha2, full)


COPPER = _of_anode("Cu", (20.0, 80.0))
MOLYBDENUM, SILVER = _of_anode("Mo", (9.0, 34.0)), _of_anode("Ag", (7.0, 27.0))
WAYS = (
    COPPER,
    _of_anode("Co", (23.0, 97.0)),
    MOLYBDENUM,
    SILVER,
    _of_anode("Fe", (25.0, 108.0)),
    _of_anode("Cr", (29.5, 146.0)),
    Way("radiation", "synchrotron, 0.7 Å", 0.7, None, (9.0, 34.0)),
    *(replace(way, name=f"{way.name}, Kα1 alone", kalpha2=None) for way in (MOLYBDENUM, SILVER)),
    *(replace(way, name=f"{way.name}, broader lines in Q", shrinking=0.5) for way in (MOLYBDENUM, SILVER)),
    *(Way("range", f"2θ {low:g}–{high:g}°", two_theta=(low, high)) for low, high in ((20.0, 70.0), (30.0, 80.0))),
    *(Way("step", f"{step:g}°", step=step) for step in (0.01, 0.05, 0.08)),
    *(Way("line width (FWHM)", f"{fwhm:g}°", fwhm=fwhm) for fwhm in (0.08, 0.15, 0.3, 0.5)),
    *(
        Way("counts at the highest point", f"{counts:,.0f}", peak_counts=counts)
        for counts in (300, 1_000, 10_000, 100_000)
    ),
)


@dataclass(frozen=True, slots=True)
class Mixtures:
    """n mixtures with a quasicrystal: their phases, and what of the instrument stays the same however they are measured.

    drawn: an instrument whose lengths (widths, shifts) hold at Cu; seed: of background and noise
    """

    contents: Contents
    phases: Sequence[LineLists]
    drawn: Instrument
    seed: int

    @classmethod
    def draw(cls, n: int, simulation: SimulationConfig, seed: int) -> Mixtures:
        config = replace(simulation, class_shares=ONLY_ICOSAHEDRAL, kinds_with=KINDS_WITH)
        draw = Draw(torch.Generator().manual_seed(seed))
        contents = draw_contents(draw, n, config)
        phases = wanted_lines(draw, contents, config) + other_lines(draw, contents, config)
        drawn = replace(
            draw_instrument(draw, n),
            fwhm=draw.log_uniform(n, 1, low=WIDTHS[0], high=WIDTHS[1]).expand(n, 2),
            zero_shift=draw.uniform(n, low=-ZERO_SHIFT, high=ZERO_SHIFT),
            displacement=DISPLACEMENT * draw.normal(n),
            asymmetry=torch.zeros(n),
        )
        return cls(contents, phases, drawn, seed)

    def measured(self, way: Way, simulation: SimulationConfig) -> tuple[list[NetworkInput], NDArray[np.bool_]]:
        """What the network is given, and in which patterns the counts show the quasicrystal, shape (n,)."""
        instrument = _instrument(self.drawn, way)
        axis = axis_of(instrument)
        profiles, _ = line_profiles(self.phases, instrument, axis)
        counts = (way.peak_counts, way.peak_counts) if way.peak_counts else COUNTS
        config = replace(simulation, peak_counts=counts)
        draw = Draw(torch.Generator().manual_seed(self.seed))
        expected = expected_counts(draw, profiles, self.contents.kind, instrument, axis, config)
        read = draw.poisson(expected.wanted + expected.others + expected.background)
        start = axis.start + axis.first * axis.fine_step
        intensity, covered = rebin(read, start, axis.fine_step * axis.stride, axis.n_read, instrument.wavelength)
        if way.two_theta:
            covered &= _bins_between(*way.two_theta, way.wavelength)
            intensity = intensity * covered
        return inputs(intensity, covered), is_seen(expected, instrument, axis, config).numpy()


def by_way_of_measuring(
    loaded: LoadedNetwork, simulation: SimulationConfig, n: int, seed: int, ways: Sequence[Way] = WAYS
) -> Report:
    """Recall of ``n`` mixtures in each of ``ways``, and what it lacks to the first; those that the first does not show are
    left out of all."""
    predictions: list[list[Prediction]] = [[] for _ in ways]
    for start in range(0, n, BLOCK):
        mixtures = Mixtures.draw(min(BLOCK, n - start), simulation, seed + start)
        _, seen = mixtures.measured(ways[0], simulation)
        for way, found in zip(ways, predictions, strict=True):
            given, _ = mixtures.measured(way, simulation)
            found.extend(predict(loaded, [one for one, shown in zip(given, seen, strict=True) if shown]))
    at_half = [probabilities(found) > 0.5 for found in predictions]
    at_c = [at_class_c(found) for found in predictions]
    return {
        "n": len(predictions[0]),
        "compared_with": ways[0].name,
        "ways": [
            {
                "group": way.group,
                "name": way.name,
                "recall": share_of(half),
                "recall_difference": difference(half, at_half[0]),
                "C_or_better": share_of(c),
                "C_difference": difference(c, at_c[0]),
            }
            for way, half, c in zip(ways, at_half, at_c, strict=True)
        ],
    }


def _instrument(drawn: Instrument, way: Way) -> Instrument:
    n = drawn.step.numel()

    def all_of(*values: float) -> Tensor:
        return torch.tensor(values).expand(n, len(values)).contiguous()

    fwhm = all_of(way.fwhm, way.fwhm) if way.fwhm else drawn.fwhm
    made = replace(
        drawn,
        wavelengths=all_of(way.wavelength, way.kalpha2 or way.wavelength),
        ratios=all_of(1.0, KALPHA2_RATIO if way.kalpha2 else 0.0),
        two_theta_low=all_of(way.full[0])[:, 0],
        two_theta_high=all_of(way.full[1])[:, 0],
        step=all_of(way.step * way.scale)[:, 0],
        fwhm=fwhm * way.scale,
        zero_shift=drawn.zero_shift * way.scale,
        displacement=drawn.displacement * way.scale,
    )
    assert all(len(getattr(made, field.name)) == n for field in fields(made))
    return made


def _bins_between(low: float, high: float, wavelength: float) -> Tensor:
    """Which bins of the ln Q grid lie within 2θ ``low`` to ``high`` (degree), shape (N_BINS,)."""
    start, end = np.log(q_from_two_theta(np.array([low, high]), wavelength))
    return torch.tensor((LN_Q_EDGES[:-1] >= start) & (LN_Q_EDGES[1:] <= end))
