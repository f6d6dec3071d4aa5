"""Form factors on tensors."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from samples.xrd.scattering import form_factor_table

_SYMBOLS = (
    "Mg Al Si Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te "
    "Hf Ta W Re Os Ir Pt Au Tl Pb Bi Po La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu"
)
ELEMENTS = tuple(_SYMBOLS.split())
"""The elements that Uryu et al. (2023) put on the sites of a quasicrystal."""


@lru_cache(maxsize=8)
def element_coefficients(device: torch.device, elements: tuple[str, ...] = ELEMENTS) -> Tensor:
    """Waasmaier–Kirfel coefficients a1…a5, c, b1…b5 of ``elements``, shape (n_elements, 11)."""
    table = form_factor_table()
    rows = [np.concatenate([table[e][0], [table[e][1]], table[e][2]]) for e in elements]
    return torch.tensor(np.array(rows), dtype=torch.float32, device=device)


def form_factors(coefficients: Tensor, inverse_d: Tensor) -> Tensor:
    """f0 (electrons), shape (n, n_lines), of one element a row: coefficients (n, 11), 1/d (Å⁻¹) of shape (n, n_lines)."""
    s_squared = (inverse_d / 2) ** 2
    f = coefficients[:, 5:6].expand_as(inverse_d).clone()
    for i in range(5):
        f += coefficients[:, i : i + 1] * torch.exp(-coefficients[:, 6 + i : 7 + i] * s_squared)
    return f
