"""The published classifier, layer by layer, to time ours against.

Shapes as in the released training script of Uryu et al., Adv. Sci. 2304546 (2023), SuperspaceLab/ml-qc-pxrd on GitHub: 80 networks
like this one, each for 0.025 Å of a_R.  The weights are random: they do not change the time.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

N_NETWORKS = 80
N_POINTS = 6000


class PublishedNetwork(nn.Module):
    """One of the 80: three convolutions (128 channels, kernel 20), each followed by pooling, and three dense layers."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv1d(1, 128, 20, padding="same"), nn.ReLU(), nn.MaxPool1d(3, 3),  # (n, 128, 2000)
            nn.Conv1d(128, 128, 20, padding="same"), nn.ReLU(), nn.MaxPool1d(2, 3),  # (n, 128, 667)
            nn.ConstantPad1d((9, 10), 0.0), nn.Conv1d(128, 128, 20, stride=2), nn.ReLU(),  # (n, 128, 334)
            nn.MaxPool1d(1, 2),  # (n, 128, 167)
        )  # fmt: skip
        self.dense = nn.Sequential(
            nn.Linear(167 * 128, 2500),
            nn.ReLU(),
            nn.Linear(2500, 1000),
            nn.ReLU(),
            nn.Linear(1000, 2),
            nn.Softmax(dim=1),
        )

    def forward(self, intensity: Tensor) -> Tensor:
        """intensity: (n, N_POINTS), scaled to 0–1.  Returns probabilities without and with a quasicrystal, (n, 2)."""
        return self.dense(self.convolutions(intensity[:, None]).flatten(1))  # type: ignore[no-any-return]

    @property
    def n_parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())


def patterns(n: int) -> Tensor:
    return torch.rand(n, N_POINTS, generator=torch.Generator().manual_seed(1))
