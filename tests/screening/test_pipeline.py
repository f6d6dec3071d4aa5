"""The path of a pattern through the network: the same call, whichever way it came."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User

from mlmodels.models import ModelVersion
from mlmodels.net.classify import level
from mlmodels.registry import network_for
from samples.xrd.sentences import PatternFileError
from screening import pipeline
from screening.files import prepare_file, screen_prepared
from screening.models import ScreeningResult, ScreeningRun
from screening.tasks import screen_waiting
from tests.factories import pattern_text


def test_worker_and_command_make_the_same_call(tiny_version: ModelVersion, person: User, tmp_path: Path) -> None:
    file = tmp_path / "pattern.xy"
    file.write_bytes(pattern_text(3))
    ScreeningRun.objects.start(ScreeningRun.Why.UPLOAD, by=person).receive(file.read_bytes(), name=file.name)
    screen_waiting()
    result = ScreeningResult.objects.get()
    (screened,) = screen_prepared(network_for(tiny_version.pk), [prepare_file(str(file))])
    assert screened.call is not None
    assert result.level == screened.call.level == level(screened.call.prediction.probability)
    assert result.probability == pytest.approx(screened.call.prediction.probability, rel=1e-4)
    assert result.quasilattice_constant == pytest.approx(screened.call.prediction.quasilattice_constant, rel=1e-4)


def test_batch_mates_do_not_matter(tiny_version: ModelVersion) -> None:
    network = network_for(tiny_version.pk)
    patterns = [scan for n in range(5) for scan in pipeline.read(pattern_text(n), f"{n}.xy")]
    inputs = [pipeline.prepare(pattern) for pattern in patterns]
    (alone,) = pipeline.screen(network, inputs[2:3])
    assert pipeline.screen(network, inputs)[2].prediction.probability == pytest.approx(
        alone.prediction.probability, rel=1e-4
    )


def test_the_best_scan_speaks_for_a_file_of_several(tiny_version: ModelVersion, tmp_path: Path) -> None:
    network = network_for(tiny_version.pk)
    singles = []
    for n in range(3):
        (tmp_path / f"{n}.xy").write_bytes(pattern_text(n))
        singles.append(prepare_file(str(tmp_path / f"{n}.xy")))
    several = type(singles[0])("all.xy", tuple(scan for single in singles for scan in single.scans))
    *alone, together, last = screen_prepared(network, [*singles, several, singles[0]])
    probabilities = [one.call.prediction.probability for one in alone if one.call]
    assert together.call is not None
    assert together.call.prediction.probability == pytest.approx(max(probabilities), rel=1e-4)
    assert last.call is not None
    assert last.call.prediction.probability == pytest.approx(probabilities[0], rel=1e-4)


def test_a_file_without_a_wavelength_is_read_as_the_labs_default() -> None:
    (scan,) = pipeline.read(pattern_text(1), "a.xy")
    assert scan.wavelength == settings.DEFAULT_WAVELENGTH
    assert "was assumed" in str(scan.warnings[-1])


def test_an_impossible_wavelength_is_refused() -> None:
    with pytest.raises(PatternFileError):
        pipeline.read(pattern_text(1), "a.xy", wavelength=50)
