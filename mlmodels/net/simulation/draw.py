"""Random numbers on any device, all from one generator that the caller passes in."""

from __future__ import annotations

from collections.abc import Sequence
from math import log

import torch
from torch import Tensor


class Draw:
    """Draws float32 tensors from ``generator``, on the generator's own device."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator
        self.device = generator.device

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return torch.rand(*shape, generator=self.generator, device=self.device) * (high - low) + low

    def log_uniform(self, *shape: int, low: float, high: float) -> Tensor:
        return torch.exp(self.uniform(*shape, low=log(low), high=log(high)))

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.generator, device=self.device)

    def chance(self, n: int, probability: float | Tensor) -> Tensor:
        """Booleans, shape (n,), true with ``probability``."""
        return self.uniform(n) < probability

    def integers(self, *shape: int, below: int) -> Tensor:
        return torch.randint(below, shape, generator=self.generator, device=self.device)

    def choice(self, n: int, weights: Sequence[float]) -> Tensor:
        """Indices into ``weights``, shape (n,), int64, with probabilities proportional to them."""
        edges = torch.tensor(weights, device=self.device).cumsum(0)
        return torch.searchsorted(edges, self.uniform(n) * edges[-1]).clamp(max=len(weights) - 1)

    def poisson(self, mean: Tensor) -> Tensor:
        """Counts with the given ``mean`` (≥ 0), same shape.

        Above 30 counts a Cornish–Fisher expansion of the Poisson distribution, right in mean, variance and skewness, which
        costs a tenth of the exact draw.
        """
        z = torch.randn(mean.shape, generator=self.generator, device=self.device)
        many = torch.round(mean + z * mean.sqrt() + (z * z - 1) / 6)
        few = torch.poisson(torch.where(mean < 30, mean, torch.zeros_like(mean)), generator=self.generator)
        return torch.where(mean < 30, few, many)
