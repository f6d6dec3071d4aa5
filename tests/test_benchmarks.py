"""Benchmarks run, and the published network that they time has the published size; no times are asserted."""

from __future__ import annotations

import sys

import pytest
import torch

from benchmarks import screening
from benchmarks.published_network import N_POINTS, PublishedNetwork, patterns


def test_the_published_network_has_the_published_size() -> None:
    network = PublishedNetwork().eval()
    assert network.n_parameters == 56_603_806
    with torch.inference_mode():
        answer = network(patterns(1))
    assert patterns(1).shape == (1, N_POINTS)
    assert answer.shape == (1, 2)
    assert float(answer.sum()) == pytest.approx(1)


def test_screening_is_timed_against_the_published_shapes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["screening", "--n", "4", "--batch", "2", "--threads", "1"])
    monkeypatch.setattr(screening, "REPEATS", 1)
    monkeypatch.setattr(screening, "PUBLISHED_BATCH", 1)
    screening.main()
    printed = capsys.readouterr().out
    assert "56.6 million parameters, float32; times 80 by multiplication" in printed
    assert printed.count("times faster") == 2
