"""A real worker puts an archive before a new network: paused, resumed, and overtaken by what people wait for."""

from __future__ import annotations

import time

import pytest

from screening.models import ArchiveScreening, ScreeningResult
from screening.models.results import ARCHIVE_BATCHES, ScreeningResultQuerySet
from tests.labs import ALIAS, Lab
from tests.labs import lab as lab

pytestmark = [pytest.mark.workers, pytest.mark.slow]

N_ARCHIVED = 400
AT_ONCE = 32 * ARCHIVE_BATCHES
"""Rows of the archive that a worker claims."""


def of(lab: Lab, why: str, version: str) -> ScreeningResultQuerySet:
    return lab.results.filter(run__why=why, model_version__name=version)


def test_a_rescreen_is_paused_and_resumed_and_a_fresh_upload_overtakes_it(lab: Lab) -> None:
    lab.start_worker()
    lab.wait_until(lambda: len(lab.screeners()) == 2, "two warm workers")
    lab.fill(N_ARCHIVED)
    lab.wait_until(lambda: lab.results.count() == N_ARCHIVED and lab.all_done(), "an archive")

    lab.run("tests/screening/rescreen_lab.py", "pause")
    rescreened, running = of(lab, "rescreen", "newer"), ScreeningResult.State.RUNNING
    lab.wait_until(lambda: not rescreened.filter(state=running).exists(), "what was in hands to be finished")
    n_done = rescreened.done().count()
    assert n_done <= 2 * AT_ONCE
    lab.fill(2)
    lab.wait_until(lambda: of(lab, "upload", "newer").done().count() == 2, "an upload during the pause")
    time.sleep(1)
    assert rescreened.done().count() == n_done
    assert rescreened.queued().count() == N_ARCHIVED - n_done

    lab.run("tests/screening/rescreen_lab.py", "resume")
    lab.wait_until(lab.all_done, "everything")
    fresh = of(lab, "upload", "newer").filter(reading__pattern__name__startswith="fresh").latest("finished_at")
    assert rescreened.done().filter(finished_at__lt=fresh.finished_at).count() <= n_done + AT_ONCE
    assert rescreened.done().filter(finished_at__gt=fresh.finished_at).exists()
    lab.wait_until(lambda: ArchiveScreening.objects.using(ALIAS).get().finished_at is not None, "its end")
    assert rescreened.values("reading").distinct().count() == N_ARCHIVED
    assert set(rescreened.values_list("attempts", flat=True)) == {1}
    assert of(lab, "upload", "tiny").done().count() == N_ARCHIVED, "what was called before stays"
