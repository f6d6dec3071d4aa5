"""The pages and the API of training runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from mlmodels.models import Dataset, ModelVersion, TrainerHeartbeat, TrainingRun
from mlmodels.net.checkpoint import DEFAULT_CHECKPOINT
from tests.data_sets import entry_of, freeze
from tests.factories import UserFactory, make_reading
from tests.networks import tiny_checkpoint

pytestmark = pytest.mark.django_db
CURVE = [
    {
        "step": step,
        "loss": 2.0 / step,
        "recall": 0.5,
        "precision": 0.6,
        "patterns_per_second": 100,
        "minutes": step / 60,
    }
    for step in (10, 20, 30)
]


@pytest.fixture
def curator(client: Client, settings: Settings, tmp_path: Path) -> User:
    settings.MEDIA_ROOT = tmp_path
    person = UserFactory.create(username="curator", roles=["curator"])
    client.force_login(person)
    return person


@pytest.fixture
def dataset(curator: User) -> Dataset:
    labels = [("train", "none"), ("train", "icosahedral"), ("validation", "none"), ("test", "icosahedral")]
    return freeze((entry_of(make_reading(), *one) for one in labels), by=curator)


@pytest.fixture
def run(curator: User, dataset: Dataset) -> TrainingRun:
    return TrainingRun.objects.start(curator, dataset=dataset)


def wanted(**other: object) -> dict[str, object]:
    return {"kind": "fine_tune", "measured": "25", "wants": "any", "preset": "laptop", "seed": "1"} | other


def test_a_curator_asks_for_a_training_and_is_led_to_its_page(client: Client, dataset: Dataset) -> None:
    form = client.get(reverse("mlmodels:training-new")).content.decode()
    assert f'value="{dataset.pk}" selected' in form
    assert "No trainer is running" in form
    sent = client.post(reverse("mlmodels:training-new"), wanted(dataset=dataset.pk, measured="４０", steps="500"))
    run = TrainingRun.objects.get()
    assert sent["Location"] == run.get_absolute_url()
    assert (run.curated_share, run.steps, run.dataset, run.name) == (0.4, 500, dataset, f"{DEFAULT_CHECKPOINT}-r1")
    page = client.get(run.get_absolute_url()).content.decode()
    assert "waits for a trainer" in page
    assert "Stop the training" in page
    assert 'hx-trigger="every 2s"' in page


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"measured": "95"}, "less than or equal to 80"),
        ({"name": "icosa-2"}, "This name is taken"),
        ({"name": "../x"}, "Use letters, digits"),
        ({"kind": "anew", "start_version": "icosa-1"}, "begins with no version"),
    ],
)
def test_what_cannot_be_had_is_said_beside_what_was_typed(
    client: Client, curator: User, sent: dict[str, str], said: str
) -> None:
    if name := sent.get("start_version"):
        sent = sent | {"start_version": str(ModelVersion.objects.get(name=name).pk)}
    answer = client.post(reverse("mlmodels:training-new"), wanted(**sent, steps="77"))
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert 'value="77"' in answer.content.decode()
    assert not TrainingRun.objects.exists()


def test_the_page_shows_how_far_it_is_and_what_it_learns_from(client: Client, run: TrainingRun) -> None:
    trainer = TrainerHeartbeat.objects.create(host="gpu-host", process_id=1, device="cpu", beat_at=timezone.now())
    taken = TrainingRun.objects.claim(trainer)
    assert taken
    taken.keep(
        step=30,
        curve=CURVE,
        log="step 30/90 <b>",
        config={"steps": 90, "workers": 2, "batch": 64},
        material={"train": {"icosahedral": 1, "none": 1}, "validation": {"none": 1}, "left_out": {"not_screenable": 2}},
    )
    page = client.get(run.get_absolute_url()).content.decode()
    for words in (
        "step 30 of 90",
        "about 1 min to go",
        "gpu-host",
        "step 30/90 &lt;b&gt;",
        "not screenable 2",
        "Outcomes v1",
    ):
        assert words in page, words
    figure = json.loads(client.get(reverse("mlmodels:training-curve", args=[run.pk])).content)
    assert [trace["name"] for trace in figure["data"]] == ["loss", "recall", "precision"]
    part = client.get(reverse("mlmodels:training-progress", args=[run.pk])).content.decode()
    assert part.lstrip().startswith("<section")


def test_it_is_stopped_and_resumed_from_its_page(client: Client, run: TrainingRun) -> None:
    client.post(reverse("mlmodels:training-cancel", args=[run.pk]))
    page = client.get(run.get_absolute_url()).content.decode()
    assert "Begin again" in page
    assert "every 2s" not in page
    client.post(reverse("mlmodels:training-resume", args=[run.pk]))
    run.refresh_from_db()
    assert run.state == TrainingRun.State.WAITING
    again = client.post(reverse("mlmodels:training-resume", args=[run.pk]), follow=True).content.decode()
    assert "Only a training that was cancelled or failed can be resumed" in again


def test_a_member_looks_and_changes_nothing(client: Client, run: TrainingRun) -> None:
    client.force_login(UserFactory.create(roles=["member"]))
    page = client.get(run.get_absolute_url()).content.decode()
    assert "Stop the training" not in page
    for name in ("training-cancel", "training-resume"):
        assert client.post(reverse(f"mlmodels:{name}", args=[run.pk])).status_code == 403
    assert client.get(reverse("mlmodels:training-new")).status_code == 403


def test_the_list_takes_a_fixed_number_of_queries(
    client: Client, run: TrainingRun, curator: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client.get(reverse("mlmodels:training-list"))
    with django_assert_num_queries(7):
        client.get(reverse("mlmodels:training-list"))
    for _ in range(3):
        TrainingRun.objects.start(curator)
    with django_assert_num_queries(7):
        page = client.get(reverse("mlmodels:training-list")).content.decode()
    assert page.count(f"{DEFAULT_CHECKPOINT}-r") == 4


def test_the_page_of_a_version_leads_to_what_it_learnt_from(client: Client, run: TrainingRun) -> None:
    taken = TrainingRun.objects.claim(TrainerHeartbeat(host="lab", process_id=2, device="cpu"))
    assert taken
    checkpoint = tiny_checkpoint(9, run.name)
    weights = checkpoint.weights()
    version = taken.finish(weights, checkpoint.config(weights))
    assert version
    page = client.get(reverse("screening:model", args=[version.pk])).content.decode()
    assert "What it learnt from" in page
    assert f"Training run {run.pk}" in page
    assert "icosahedral 1, no quasicrystal 2" in page
    assert "(1 more pattern tests, and was never trained on)" in page
    assert "0 signed outcomes" in page
    assert version.name in client.get(run.get_absolute_url()).content.decode()


def test_home_says_whether_a_trainer_is_there(client: Client, run: TrainingRun) -> None:
    assert "no trainer is running" in client.get("/").content.decode()
    trainer = TrainerHeartbeat.objects.create(host="lab", process_id=1, device="cpu", beat_at=timezone.now())
    assert "A training waits for its trainer" in client.get("/").content.decode()
    TrainingRun.objects.claim(trainer)
    assert "A network is being trained" in client.get("/").content.decode()
    TrainingRun.objects.update(state="cancelled")
    assert "1 trainer is ready" in client.get("/").content.decode()


class TestApi:
    def test_start_look_cancel_and_resume(self, client: Client, dataset: Dataset) -> None:
        wish = {"dataset": dataset.pk, "start_version": "icosa-1", "steps": 100, "curated_share": 0.5}
        sent = client.post("/api/v1/training-runs/", wish, content_type="application/json")
        assert sent.status_code == 201, sent.content
        run = sent.json()
        assert (run["state"], run["start_version"], run["name"]) == ("waiting", "icosa-1", "icosa-1-r1")
        address = f"/api/v1/training-runs/{run['id']}/"
        assert client.get(address).json()["curve"] == []
        assert client.get("/api/v1/training-runs/?state=waiting").json()["results"][0]["id"] == run["id"]
        assert client.post(f"{address}cancel/").json()["state"] == "cancelled"
        assert client.post(f"{address}cancel/").status_code == 400
        assert client.post(f"{address}resume/").json()["state"] == "waiting"

    def test_what_cannot_be_had_is_said(self, client: Client, curator: User) -> None:
        only_tests = freeze([entry_of(make_reading(), "test")], by=curator)
        for wish, said in (
            ({"dataset": only_tests.pk}, "no pattern to train on"),
            ({"name": "icosa-2"}, "This name is taken"),
            ({"curated_share": 1.5}, "less than or equal to 0.8"),
        ):
            answer = client.post("/api/v1/training-runs/", wish, content_type="application/json")
            assert answer.status_code == 400
            assert said in answer.content.decode(), said
