"""Line lists of icosahedral quasicrystals and of their 1/1 and 2/1 approximants.

Two kinds of structure are drawn.  *Models*: occupation domains in perpendicular space at the vertices, body centres and
mid-edges of the 6-D lattice, as in Tsai-type Cd-Yb (Takakura et al., Nature Mater. 6, 58 (2007)), with varied radii and
scatterers.  *Free* ones: an envelope in q_perp with random chemical contrast and line-by-line scatter, because a network
that has seen variations of one structure type only does not know the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from mlmodels.net.simulation.atoms import ELEMENTS, element_coefficients, form_factors
from mlmodels.net.simulation.draw import Draw
from samples.xrd.icosahedral import (
    APPROXIMANT_CUBIC_1_1,
    APPROXIMANT_CUBIC_2_1,
    G_UNIT,
    PHASON_STRAIN_1_1,
    PHASON_STRAIN_2_1,
    cahn_indices,
    g_par,
    g_perp,
    icosahedral_vectors,
    q_par,
    q_perp,
)


@dataclass(frozen=True, slots=True)
class Orbits:
    """Reflections of an F-type quasicrystal, grouped so that every structure drawn here gives a group one intensity.

    A row gathers the vectors of one N/M that have the same number of odd indices.  All in units of 1/a_R, float32:
    q_par, q_perp, multiplicity: shape (n_rows,)
    superlattice: bool, shape (n_rows,)
    parity: number of odd indices (of doubled indices ≡ 1 mod 4 where they are half-odd), int64, shape (n_rows,)
    edge_perp: squared component of q_perp along the perpendicular direction of each 6-D axis, shape (n_rows, 6)
    edge_sign: phase (−1)^h_i of the mid-edge site on each axis, 0 for superlattice rows, shape (n_rows, 6)
    """

    q_par: Tensor
    q_perp: Tensor
    multiplicity: Tensor
    superlattice: Tensor
    parity: Tensor
    edge_perp: Tensor
    edge_sign: Tensor


@dataclass(frozen=True, slots=True)
class ApproximantLines:
    """Lines of a cubic approximant: 1/d in units of 1/a_R, shape (n_lines,); how many vectors of each row of Orbits
    the phason strain moves onto each line, shape (n_rows, n_lines)."""

    inverse_d: Tensor
    members: Tensor


def _vectors(q_par_max: float, q_perp_max: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Six indices of every vector, the row that each belongs to, and the keys (N, M, parity) of the rows."""
    h = icosahedral_vectors("F", q_par_max, q_perp_max)
    n, m = cahn_indices(h)
    half = n % 2 == 1
    odd = np.where(half[:, None], np.rint(2 * h) % 4 == 1, h % 2 == 1).sum(axis=1)
    # Inversion turns 1 mod 4 into 3 mod 4, so a half-odd parity is only known up to 6 − parity.
    parity = np.where(half, np.minimum(odd, 6 - odd), odd)
    keys, row = np.unique(np.stack([n, m, parity], axis=1), axis=0, return_inverse=True)
    return h, row.reshape(-1), keys


@lru_cache(maxsize=8)
def orbits(device: torch.device, q_par_max: float, q_perp_max: float) -> Orbits:
    """The rows with q_par and q_perp (units of 1/a_R) up to the given limits."""
    h, row, keys = _vectors(q_par_max, q_perp_max)
    _, first, counts = np.unique(row, return_index=True, return_counts=True)
    representative = h[first]
    axes = g_perp(np.eye(6))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    superlattice = keys[:, 0] % 2 == 1

    def tensor(values: np.ndarray) -> Tensor:
        return torch.tensor(values, dtype=torch.float32, device=device)

    return Orbits(
        q_par=tensor(q_par(representative)),
        q_perp=tensor(q_perp(representative)),
        multiplicity=tensor(counts),
        superlattice=torch.tensor(superlattice, device=device),
        parity=torch.tensor(keys[:, 2], device=device),
        edge_perp=tensor((g_perp(representative) / G_UNIT @ axes.T) ** 2),
        edge_sign=tensor(np.where(superlattice[:, None], 0, np.where(representative % 2 == 1, -1, 1))),
    )


@lru_cache(maxsize=8)
def approximant_lines(device: torch.device, order: int, q_par_max: float, q_perp_max: float) -> ApproximantLines:
    """Lines of the 1/1 (``order`` 1) or 2/1 (``order`` 2) approximant; every member of an orbit is strained by itself."""
    strain, cubic = {
        1: (PHASON_STRAIN_1_1, APPROXIMANT_CUBIC_1_1),
        2: (PHASON_STRAIN_2_1, APPROXIMANT_CUBIC_2_1),
    }[order]
    h, row, keys = _vectors(q_par_max, q_perp_max)
    hkl = (g_par(h) + strain * g_perp(h)) * (cubic / G_UNIT)
    squares = np.rint(np.sum(hkl**2, axis=1)).astype(np.int64)
    keep = squares > 0
    lines, line = np.unique(squares[keep], return_inverse=True)
    members = np.zeros((len(keys), len(lines)))
    np.add.at(members, (row[keep], line.reshape(-1)), 1)
    return ApproximantLines(
        inverse_d=torch.tensor(np.sqrt(lines) / cubic, dtype=torch.float32, device=device),
        members=torch.tensor(members, dtype=torch.float32, device=device),
    )


def ball_transform(x: Tensor) -> Tensor:
    """Fourier transform of a ball of unit volume, 3 (sin x − x cos x) / x³ with x = 2π q R; 1 at x = 0, even in x."""
    x = x.clamp(min=1e-2)
    return 3 * (torch.sin(x) - x * torch.cos(x)) / x**3


def free_intensities(draw: Draw, rows: Orbits, quasilattice_constant: Tensor) -> Tensor:
    """|F|² of each row of ``rows`` for structures drawn freely, shape (n, n_rows); a_R (Å) of shape (n, 1)."""
    n = quasilattice_constant.shape[0]
    width = draw.uniform(n, 1, low=0.12, high=0.38)
    envelope = torch.exp(-2 * (rows.q_perp / width) ** 2)
    inverse_d = rows.q_par / quasilattice_constant
    element = element_coefficients(draw.device)[draw.integers(n, below=len(ELEMENTS))]
    decay = form_factors(element, inverse_d) ** 2 * torch.exp(-draw.uniform(n, 1, high=3.0) * inverse_d**2 / 2)
    # Sites at the vertices, body centres and mid-edges scatter in or out of phase by the parities of the indices.
    centre = draw.uniform(n, 1, low=-1.0, high=1.0)
    edge = draw.uniform(n, 1, low=-1.0, high=1.0)
    parities = torch.arange(7, device=draw.device)
    contrast = (1 + centre * (1 - 2 * (parities % 2)) + edge * (1 - parities / 3)) ** 2
    contrast = contrast / contrast.mean(dim=1, keepdim=True) + draw.uniform(n, 1, high=0.3)
    ordering = draw.log_uniform(n, 1, low=0.01, high=0.8) * draw.uniform(n, 7, low=0.3, high=1.7)
    chemistry = torch.where(rows.superlattice, ordering[:, rows.parity], contrast[:, rows.parity])
    scatter = torch.exp(draw.uniform(n, 1, low=0.1, high=1.1) * draw.normal(n, rows.q_par.shape[0]))
    return envelope * decay * chemistry * scatter


def model_intensities(draw: Draw, rows: Orbits, quasilattice_constant: Tensor) -> Tensor:
    """|F|² of each row of ``rows`` for occupation-domain models like Cd-Yb with varied radii and scatterers, (n, n_rows).

    Radii of Cd5.7Yb in units of a_R (5.689 Å): vertices 1.42, body-centre ball 1.02 in a shell up to 1.62, mid-edge
    ellipsoid with half axes 1.09, 1.44, 1.44.  a_R (Å) of shape (n, 1).
    """
    n = quasilattice_constant.shape[0]
    inverse_d = rows.q_par / quasilattice_constant
    elements = element_coefficients(draw.device)[draw.integers(4, n, below=len(ELEMENTS))]
    vertex_f, inner_f, outer_f, edge_f = (form_factors(c, inverse_d) for c in elements)

    radii = torch.tensor([1.42, 1.02, 1.62, 1.09, 1.44], device=draw.device) * draw.uniform(n, 5, low=0.8, high=1.2)
    vertex, inner, outer, along, across = radii.T[:, :, None]
    x = 2 * torch.pi * rows.q_perp
    volumes = radii.T[:, :, None] ** 3
    vertex_t = volumes[0] * ball_transform(x * vertex)
    inner_t = volumes[1] * ball_transform(x * inner)
    outer_t = (volumes[2] * ball_transform(x * outer) - inner_t) * (outer > inner)
    edge_q = across[:, :, None] ** 2 * rows.q_perp[:, None] ** 2 + (along**2 - across**2)[:, :, None] * rows.edge_perp
    edge_t = (ball_transform(2 * torch.pi * edge_q.clamp(min=0).sqrt()) * rows.edge_sign).sum(dim=2)
    edge_t = edge_t * along * across**2

    present = (draw.uniform(n, 3) < 0.85).float()[:, :, None]
    centre_sign = 1 - 2 * (rows.parity % 2)
    fundamental = vertex_f * vertex_t + present[:, 0] * centre_sign * inner_f * inner_t
    fundamental = fundamental + present[:, 1] * centre_sign * outer_f * outer_t + present[:, 2] * edge_f * edge_t
    ordering = draw.uniform(n, 2, low=-0.6, high=0.6)[:, :, None]
    superlattice = ordering[:, 0] * vertex_f * vertex_t + ordering[:, 1] * (1 - 2 * (rows.parity % 2)) * (
        inner_f * inner_t + outer_f * outer_t
    )
    amplitude = torch.where(rows.superlattice, superlattice, fundamental)
    thermal = draw.uniform(n, 1, low=0.3, high=3.5) * inverse_d**2
    phason = draw.log_uniform(n, 1, low=0.3, high=6.0) * rows.q_perp**2
    scatter = torch.exp(draw.uniform(n, 1, high=0.4) * draw.normal(n, rows.q_par.shape[0]))
    return amplitude**2 * torch.exp(-(thermal + phason) / 2) * scatter


def approximant_intensities(draw: Draw, lines: ApproximantLines, orbit_intensities: Tensor) -> Tensor:
    """Intensities (with multiplicity) of an approximant's lines, shape (n, n_lines), from |F|² of the orbits (n, n_rows).

    Each vector keeps its |F|² where the strain moves it; the atoms relax, which scatters the lines.
    """
    n = orbit_intensities.shape[0]
    scatter = torch.exp(draw.uniform(n, 1, low=0.1, high=0.9) * draw.normal(n, lines.inverse_d.shape[0]))
    return orbit_intensities @ lines.members * scatter
