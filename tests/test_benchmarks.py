"""Benchmarks run, and the published network that they time has the published size; no times are asserted."""

from __future__ import annotations

import sys
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from benchmarks import growth, large_lab, memory, screening
from benchmarks.load import Look
from benchmarks.published_network import N_POINTS, PublishedNetwork, patterns
from samples.models import Sample
from samples.models.words import words_of_sample
from tests.factories import SampleFactory


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


@pytest.mark.django_db
def test_copies_of_a_lab_are_samples_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_lab, "BLOCK", 4)
    large_lab.fill(8, patterns_a_sample=3, with_arrays=True)
    samples = Sample.objects.order_by("pk")
    assert len({sample.code for sample in samples}) == 8
    assert [sample.made_at for sample in samples] == sorted(sample.made_at for sample in samples)
    for sample in samples:
        assert set(sample.words.values_list("word", flat=True)) == set(words_of_sample(sample))
        assert {element.element for element in sample.elements.all()} == set(sample.nominal.amounts)
        patterns = sample.patterns.all()
        assert len({pattern.file.sha256 for pattern in patterns}) == 3
        for pattern in patterns:
            reading = pattern.readings.get()
            assert reading.as_pattern().n_points == reading.n_points
            assert reading.results.get().candidate
    assert SampleFactory.create().pk > samples[7].pk, "the next key is free"


def test_growth_of_memory_is_the_slope_after_the_warm_up() -> None:
    rng = np.random.default_rng(1)
    looks = [
        Look(at=float(second), memory=(100 if second < memory.WARM_UP else 200) + 0.05 * second + noise, cpu=0.0)
        for second, noise in enumerate(rng.normal(0, 1, 300))
    ]
    grown = memory.growth(looks, seconds_a_day=40.0)
    assert grown["mb_a_day"] == pytest.approx(2.0, abs=3 * grown["error"])
    assert 0 < grown["error"] < 0.3


def test_the_drawing_of_growth_has_a_line_for_each_page() -> None:
    names = growth.COLOURS
    sizes = [{"results": n, "median_ms": dict.fromkeys(names, 10 * n**0.1)} for n in (1000, 10_000, 100_000)]
    drawing = ElementTree.fromstring(growth.drawn(sizes))
    assert len(drawing.findall("{http://www.w3.org/2000/svg}polyline")) == len(names)
