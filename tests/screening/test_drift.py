"""Drift: months against the training, warnings in words, and what is measured of each reading."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from mlmodels.models import ModelVersion
from mlmodels.net import measures
from mlmodels.net.checkpoint import shipped_checkpoints
from mlmodels.net.grid import N_BINS
from mlmodels.net.preprocess import NetworkInput
from samples.models import THE_LAB, Pattern, Reading
from screening import tasks
from screening.drift import FEWEST, Drift, newest_warnings
from screening.models import InputMeasures, ScreeningRun
from tests.factories import UserFactory, make_pattern, pattern_text
from tests.screening.calls import A_CALL, a_version, make_result

SEEN = {
    "n": 4000,
    "seed": 1,
    "radiation": {"Cu Kα1": 0.73, "Mo Kα1": 0.06, "other": 0.05},
    "step": {"0.01": 0.004, "0.5": 0.02, "0.99": 0.09},
    "coverage": {"0.01": 0.56, "0.5": 1.0, "0.99": 1.0},
    "noise": {"0.01": 0.0004, "0.5": 0.003, "0.99": 0.05},
    "level": {"A": 0.04, "B": 0.01, "C": 0.01, "D": 0.94},
}


@pytest.fixture
def version(db: None) -> ModelVersion:
    version = a_version()
    ModelVersion.objects.filter(pk=version.pk).update(config={"seen": SEEN})
    return version


def arrive(
    version: ModelVersion, n: int, when: datetime | None = None, *, simulated: bool = False, **reading: Any
) -> None:
    """``n`` patterns that came in at ``when``: with Cu, class D, and noise and range that training had, unless ``reading`` says."""
    said = {"noise": 0.003, "coverage": 1.0, "level": "D", "probability": 0.01} | reading
    measured = {key: said.pop(key) for key in ("noise", "coverage")}
    call = A_CALL | {key: said.pop(key) for key in ("level", "probability")}
    for pattern in patterns(n, simulated):
        result = make_result(pattern, version, **call)
        Pattern._base_manager.filter(pk=pattern.pk).update(uploaded_at=when or timezone.now())
        Reading.objects.filter(pk=result.reading_id).update(**said)
        InputMeasures.objects.create(reading_id=result.reading_id, **measured)


def patterns(n: int, simulated: bool) -> Iterable[Pattern]:
    by = UserFactory.create()
    return [make_pattern(by=by, simulated=simulated) for _ in range(n)]


def warnings() -> list[str]:
    return Drift(THE_LAB).warnings


class TestWarnings:
    def test_none_where_all_is_as_in_training(self, version: ModelVersion) -> None:
        arrive(version, FEWEST)
        (month,) = Drift(THE_LAB).months
        assert month.speaks
        assert warnings() == []

    def test_a_radiation_that_training_hardly_had(self, version: ModelVersion) -> None:
        arrive(version, 12)
        arrive(version, 8, radiation="Mo Kα1", wavelength=0.709317)
        (said,) = warnings()
        assert said.startswith("40 % of the patterns of")
        assert "were measured with Mo Kα1; the network saw 6 % in training" in said
        assert newest_warnings(THE_LAB) == [said]

    def test_a_wavelength_of_no_anode(self, version: ModelVersion) -> None:
        arrive(version, FEWEST, radiation="", wavelength=0.8)
        assert "measured with another wavelength; the network saw 5 %" in warnings()[0]

    def test_too_few_say_nothing(self, version: ModelVersion) -> None:
        arrive(version, FEWEST - 1, radiation="Mo Kα1", noise=0.3, step=0.099)
        assert warnings() == []

    @pytest.mark.parametrize(
        ("reading", "words"),
        [
            ({"noise": 0.3}, "are noisier than 99 % of what"),
            ({"noise": 0.0001}, "have less noise than 99 % of what"),
            ({"step": 0.099}, "have wider steps than 99 % of what"),
            ({"coverage": 0.4}, "cover less of the network's range than 99 % of what"),
        ],
    )
    def test_beyond_the_range_of_training(self, version: ModelVersion, reading: dict[str, Any], words: str) -> None:
        arrive(version, 15)
        arrive(version, 5, **reading)
        (said,) = warnings()
        assert "25 % of the patterns" in said
        assert words in said

    def test_more_calls_than_p_is_calibrated_for(self, version: ModelVersion) -> None:
        arrive(version, 12)
        arrive(version, 8, level="A", probability=0.9999)
        assert "40 % of the patterns" in warnings()[0]
        assert "called class A to C, against 6 % of the mix" in warnings()[0]

    def test_nothing_is_compared_where_the_training_is_not_known(self, version: ModelVersion) -> None:
        ModelVersion.objects.filter(pk=version.pk).update(config={})
        arrive(version, FEWEST, radiation="Mo Kα1")
        assert warnings() == []


class TestMonths:
    def test_begin_in_the_time_zone_of_the_lab(self, version: ModelVersion, settings: Any) -> None:
        settings.TIME_ZONE = "Asia/Tokyo"
        month = timezone.localdate().replace(day=1)
        last = datetime(month.year, month.month, 1, tzinfo=UTC)
        with timezone.override("Asia/Tokyo"):
            arrive(version, 1, last.replace(hour=0) - timedelta(hours=8))  # the first, at one in the morning
            arrive(version, 1, last - timedelta(hours=10))
            months = Drift(THE_LAB).months
        assert [one.n for one in months] == [1, 1]

    def test_simulated_ones_count_where_asked_or_where_they_are_all_there_is(self, version: ModelVersion) -> None:
        arrive(version, 2, simulated=True)
        assert Drift(THE_LAB).shows_simulated
        arrive(version, 1)
        drift = Drift(THE_LAB)
        assert ([month.n for month in drift.months], drift.n_simulated) == ([1], 2)
        assert [month.n for month in Drift(THE_LAB, simulated=True).months] == [3]

    def test_of_very_many_a_part_is_looked_at(self, version: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("screening.drift.MOST_A_MONTH", 4)
        arrive(version, 12)
        (month,) = Drift(THE_LAB).months
        assert (month.n, month.n_looked_at) == (12, 4)


class TestMeasures:
    def test_noise_is_that_of_the_counts_whatever_their_scale(self) -> None:
        rng = np.random.default_rng(0)
        flat = rng.normal(1000, 10, N_BINS).astype(np.float32)
        flat[1000:1003] = 2000
        whole = np.ones(N_BINS, dtype=np.bool_)
        assert measures.noise(NetworkInput(flat, whole)) == pytest.approx(10 / 2000, rel=0.08)
        assert measures.noise(NetworkInput(7 * flat, whole)) == pytest.approx(measures.noise(NetworkInput(flat, whole)))

    def test_gaps_are_not_noise(self) -> None:
        y, measured = np.full(N_BINS, 100, dtype=np.float32), np.ones(N_BINS, dtype=np.bool_)
        y[::4], measured[::4] = 0, False
        assert measures.noise(NetworkInput(y, measured)) == 0
        assert measures.coverage(NetworkInput(y, measured)) == 0.75
        assert measures.noise(NetworkInput(0 * y, measured)) == 0

    @pytest.mark.django_db
    def test_are_kept_as_a_pattern_is_screened(self, tiny_version: ModelVersion) -> None:
        run = ScreeningRun.objects.start(ScreeningRun.Why.UPLOAD, by=UserFactory.create())
        run.receive(pattern_text(seed=3), name="a.xy")
        tasks.screen_waiting()
        kept = InputMeasures.objects.get()
        assert kept.coverage == pytest.approx(1.0, abs=0.01)
        assert 0.001 < kept.noise < 0.1

    @pytest.mark.django_db
    def test_a_command_measures_what_was_screened_before(self, version: ModelVersion) -> None:
        make_result(make_pattern(), version)
        call_command("measure_inputs")
        kept = InputMeasures.objects.get()
        call_command("measure_inputs")
        assert InputMeasures.objects.get().noise == kept.noise > 0


class TestWhatTrainingSaw:
    @pytest.mark.parametrize("name", sorted(shipped_checkpoints()))
    def test_stands_in_each_shipped_checkpoint(self, name: str) -> None:
        config = json.loads(shipped_checkpoints()[name].with_suffix(".json").read_bytes())
        seen = config["seen"]
        assert seen["command"] == f"manage.py describe_training {name} --n {seen['n']}"
        assert seen["seed"]
        assert sum(seen["radiation"].values()) == pytest.approx(1, abs=1e-3)
        assert 0.5 < seen["radiation"]["Cu Kα1"] < 0.9
        for key in ("step", "coverage", "noise"):
            assert list(seen[key].values()) == sorted(seen[key].values())

    @pytest.mark.django_db
    def test_versions_registered_before_have_it_by_their_weights(self) -> None:
        version = ModelVersion.objects.production()
        assert version
        seen = version.config.pop("seen")
        assert version.seen_in_training == seen
        version.config["calibration"] = {}
        assert "level" not in version.seen_in_training
        version.sha256 = "0" * 64
        assert version.seen_in_training == {}


class TestThePages:
    def test_says_the_warnings_and_draws_the_figures(self, client: Client, version: ModelVersion) -> None:
        client.force_login(UserFactory.create(roles=["member"]))
        arrive(version, FEWEST, radiation="Mo Kα1")
        page = client.get("/drift/").content.decode()
        assert "were measured with Mo Kα1" in page
        for what in ("level", "radiation", "coverage", "step", "noise"):
            assert f'data-figure-url="/drift/{what}.json' in page
            assert json.loads(client.get(f"/drift/{what}.json").content)["data"]
        assert client.get("/drift/weather.json").status_code == 404

    def test_an_empty_lab(self, client: Client, version: ModelVersion) -> None:
        client.force_login(UserFactory.create(roles=["member"]))
        assert "No pattern came in" in client.get("/drift/").content.decode()
        ModelVersion.objects.update(state="retired")
        assert "No version is in production." in client.get("/drift/").content.decode()

    def test_home_tells_those_who_run_the_lab(self, client: Client, version: ModelVersion) -> None:
        arrive(version, FEWEST, radiation="Mo Kα1")
        for role, told in (("curator", True), ("admin", True), ("member", False)):
            client.force_login(UserFactory.create(roles=[role]))
            assert ("were measured with Mo" in client.get("/").content.decode()) is told, role
        client.force_login(UserFactory.create(roles=["admin"]))
        assert "were measured with Mo" in client.get("/well-being/").content.decode()

    def test_the_api_tells_the_same(self, client: Client, version: ModelVersion) -> None:
        client.force_login(UserFactory.create(roles=["member"]))
        arrive(version, FEWEST, radiation="Mo Kα1", noise=0.2)
        arrive(version, 3, simulated=True)
        told = client.get("/api/v1/drift/").json()
        (month,) = told["months"]
        assert told["model_version"] == version.name
        assert told["training"] == SEEN
        assert (month["n"], month["radiations"], month["speaks"]) == (FEWEST, {"Mo Kα1": FEWEST}, True)
        assert month["measures"]["noise"] == {"0.01": 0.2, "0.5": 0.2, "0.99": 0.2}
        assert month["outside"]["noise high"] == FEWEST
        assert told["warnings"] == month["warnings"] == warnings()
        assert client.get("/api/v1/drift/?simulated=true").json()["months"][0]["n"] == FEWEST + 3

    def test_the_api_of_an_empty_lab(self, client: Client, db: None) -> None:
        client.force_login(UserFactory.create(roles=["member"]))
        ModelVersion.objects.update(state="retired")
        told = client.get("/api/v1/drift/").json()
        assert (told["model_version"], told["months"], told["warnings"]) == (None, [], [])

    def test_the_metrics_count_the_warnings_of_the_whole_lab(
        self, client: Client, version: ModelVersion, settings: Settings
    ) -> None:
        settings.METRICS_TOKEN = "a token of more than twenty characters"
        arrive(version, FEWEST, radiation="Mo Kα1", noise=0.2)
        told = client.get("/metrics", headers={"Authorization": f"Bearer {settings.METRICS_TOKEN}"}).content
        assert b"icosa_drift_warnings 2.0" in told

    def test_asks_a_fixed_number_of_questions(
        self, client: Client, version: ModelVersion, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        client.force_login(UserFactory.create(roles=["member"]))
        arrive(version, 2)
        client.get("/drift/")
        for n_more in (0, 5):
            arrive(version, n_more, timezone.now() - timedelta(days=40))
            with django_assert_num_queries(8):
                client.get("/drift/")
