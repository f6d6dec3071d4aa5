"""The pages of data sets, and what scripts ask of them."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from mlmodels.models import Dataset, Freeze, TrainingRun
from samples.models import Pattern, Project
from screening.curation.drawing import Drawing
from screening.curation.freezing import freeze
from tests.factories import UserFactory, make_pattern
from tests.screening.curated import draft_of, frozen_set, judged_pattern

pytestmark = pytest.mark.django_db

QUESTION: dict[str, Any] = {
    "name": "Outcomes", "outcomes": "on", "readings": "2", "levels": ["D"], "seed": "7", "validation_percent": "20",
    "test_percent": "20", "licence": "CC BY 4.0",
}  # fmt: skip


@pytest.fixture
def curator(client: Client) -> User:
    curator = UserFactory.create(roles=["curator", "microscopist"])
    client.force_login(curator)
    return curator


def page(client: Client, address: str, **asked: str) -> str:
    response = client.get(address, asked)
    assert response.status_code == 200
    return response.content.decode()


class TestList:
    def test_without_any_it_says_what_to_do(self, client: Client, curator: User) -> None:
        assert "No data set yet." in page(client, "/data-sets/")

    def test_versions_and_what_each_added(self, client: Client, curator: User) -> None:
        first = frozen_set(curator)
        judged_pattern(curator, "refuted")
        freeze(first.begin_next(curator), curator, "one more")
        first.begin_next(curator)
        shown = page(client, "/data-sets/")
        assert all(f"All outcomes v{version}" in shown for version in (1, 2, 3))
        assert "1 added" in shown
        assert first.sha256[:12] in shown


class TestDraft:
    def test_begin_one_from_a_question(self, client: Client, curator: User) -> None:
        response = client.post("/data-sets/new/", QUESTION)
        draft = Dataset.objects.get()
        assert response.headers["Location"] == draft.get_absolute_url()
        assert (draft.name, draft.seed, draft.train_percent, draft.licence) == ("Outcomes", 7, 60, "CC BY 4.0")
        assert draft.question["readings"] == 2
        assert "Nothing would be in it." in page(client, draft.get_absolute_url())

    @pytest.mark.parametrize(
        ("wrong", "sentence"),
        [
            ({"outcomes": "", "readings": "0"}, "Say where labels come from"),
            ({"levels": []}, "Say of which class"),
            ({"validation_percent": "50", "test_percent": "40"}, "Leave at least 20 % for training"),
            ({"seed": "many"}, "This is not a whole number"),
        ],
    )
    def test_a_question_that_cannot_be(
        self, client: Client, curator: User, wrong: dict[str, Any], sentence: str
    ) -> None:
        response = client.post("/data-sets/new/", QUESTION | wrong)
        assert response.status_code == 422
        assert sentence in response.content.decode()
        assert not Dataset.objects.exists()

    def test_a_second_draft_of_the_same_name(self, client: Client, curator: User) -> None:
        client.post("/data-sets/new/", QUESTION)
        response = client.post("/data-sets/new/", QUESTION)
        assert "There is a draft of “Outcomes” already" in response.content.decode()

    def test_counts_and_exclusions_with_the_reason(self, client: Client, curator: User) -> None:
        judged_pattern(curator, "confirmed", name="a.xy")
        judged_pattern(curator, "refuted", name="b.xy")
        judged_pattern(curator, "inconclusive", name="c.xy")
        draft = draft_of(curator)
        shown = page(client, draft.get_absolute_url())
        assert "a.xy" in shown
        assert "outcome 1: confirmed overall by EDX" in shown
        assert "c.xy" not in shown
        shown = page(client, draft.get_absolute_url(), show="left-out", reason="inconclusive")
        assert "c.xy" in shown
        assert "Outcome 3 could not tell." in shown
        assert "b.xy" in page(client, draft.get_absolute_url(), label="none")
        assert "a.xy" not in page(client, draft.get_absolute_url(), label="none")

    def test_take_one_out_and_in_again(self, client: Client, curator: User) -> None:
        pattern = judged_pattern(curator, "confirmed", name="a.xy")
        draft = draft_of(curator)
        address = draft.get_absolute_url()
        client.post(f"{address}choose/", {"pattern": pattern.pk, "side": "out", "reason": "a crack"})
        assert "a crack" in page(client, address, show="left-out")
        client.post(f"{address}choose/", {"pattern": pattern.pk, "side": "undo"})
        assert not draft.choices.exists()
        other = make_pattern(by=curator)
        client.post(f"{address}choose/", {"pattern": other.pk, "side": "in", "label": "none", "reason": "copper"})
        assert "copper" in page(client, address)
        assert 'value="undo"' in page(client, address)
        client.post(f"{address}choose/", {"pattern": other.pk, "side": "out", "reason": ""})
        assert draft.choices.get().side == "in"

    def test_two_people_who_change_one_draft(self, client: Client, curator: User) -> None:
        draft = draft_of(curator)
        other = UserFactory.create(roles=["curator"], username="other")
        Dataset.objects.get(pk=draft.pk).revise(by=other, edition=1, notes="theirs")
        sent = QUESTION | {"edition": "1", "notes": "mine"}
        response = client.post(f"{draft.get_absolute_url()}question/", sent)
        assert response.status_code == 409
        assert "other changed this draft while you were typing" in response.content.decode()
        assert "mine" in response.content.decode()
        assert Dataset.objects.get().notes == "theirs"
        client.post(f"{draft.get_absolute_url()}question/", sent | {"edition": "2"})
        assert Dataset.objects.get().notes == "mine"

    def test_put_away_and_taken_out_again(self, client: Client, curator: User) -> None:
        draft = draft_of(curator)
        client.post(f"{draft.get_absolute_url()}archive/")
        assert draft.name not in page(client, "/data-sets/")
        client.post(f"{draft.get_absolute_url()}archive/")
        assert draft.name in page(client, "/data-sets/")

    def test_its_queries_are_a_fixed_number(self, client: Client, curator: User) -> None:
        judged_pattern(curator, "confirmed")
        judged_pattern(curator, "refuted")
        draft = draft_of(curator, readings=2, simulated=True)
        page(client, draft.get_absolute_url())
        with CaptureQueriesContext(connection) as few:
            page(client, draft.get_absolute_url())
        for _ in range(10):
            judged_pattern(curator, "refuted")
        with CaptureQueriesContext(connection) as many:
            page(client, draft.get_absolute_url())
        assert len(many) == len(few) <= 24

    def test_of_a_large_one_the_page_comes_first_and_asks_for_the_rest(
        self, client: Client, curator: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pattern = judged_pattern(curator, "confirmed")
        judged_pattern(curator, "refuted")
        monkeypatch.setattr("screening.views.datasets.MOST_TO_DRAW_HERE", 1)
        address = draft_of(curator).get_absolute_url()
        shown = page(client, address, label="icosahedral")
        assert "2 patterns are being looked at. What the set would hold appears here in a few seconds." in shown
        assert f'hx-get="{address}?label=icosahedral"' in shown
        assert pattern.name not in shown
        part = client.get(f"{address}?label=icosahedral", headers={"HX-Request": "true"})
        assert pattern.name in part.content.decode()
        assert "<html" not in part.content.decode()
        assert "HX-Request" in part["Vary"]
        assert pattern.name in page(client, address, now="on")
        freeze(Dataset.objects.get(), curator, "meanwhile")
        assert client.get(address, headers={"HX-Request": "true"})["HX-Refresh"] == "true"

    def test_what_contradicts_itself_is_said_above_the_entries(self, client: Client, curator: User) -> None:
        judged_pattern(curator, "", techniques={"tem": "confirmed", "ebsd": "refuted"})
        address = draft_of(curator, techniques=("tem", "ebsd")).get_absolute_url()
        assert "1 pattern has no label, since what was signed about it contradicts itself." in page(client, address)
        shown = page(client, address, show="left-out", reason="conflict")
        assert "TEM says confirmed and EBSD refuted. An overall outcome decides: weigh them and sign it." in shown


class TestFreeze:
    def test_it_asks_before_it_freezes(self, client: Client, curator: User) -> None:
        judged_pattern(curator, "confirmed")
        judged_pattern(curator, "refuted")
        draft = draft_of(curator)
        address = f"{draft.get_absolute_url()}freeze/"
        seen = Drawing(draft, curator).sha256
        assert seen in page(client, address)
        response = client.post(address, {"seen": seen, "reason": "the first two"})
        assert "Tick that you stand for it" in response.content.decode()
        assert not Freeze.objects.exists()
        response = client.post(address, {"seen": seen, "reason": "the first two", "agreed": "on"})
        assert response.status_code == 302
        shown = page(client, draft.get_absolute_url())
        assert seen in shown
        assert "the first two" in shown
        assert "All outcomes v1 is frozen already." in client.get(address, follow=True).content.decode()

    def test_a_large_one_is_seen_before_it_is_signed(
        self, client: Client, curator: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        judged_pattern(curator, "confirmed")
        judged_pattern(curator, "refuted")
        monkeypatch.setattr("screening.views.datasets.MOST_TO_DRAW_HERE", 1)
        draft = draft_of(curator)
        address = f"{draft.get_absolute_url()}freeze/"
        seen = Drawing(draft, curator).sha256
        assert "Sign and freeze" not in page(client, address)
        assert seen in client.get(address, headers={"HX-Request": "true"}).content.decode()
        response = client.post(address, {"seen": seen, "n": 2, "reason": "the first two"})
        assert response.status_code == 422
        for kept in ("Tick that you stand for it", "the first two", seen):
            assert kept in response.content.decode()

    def test_what_was_changed_meanwhile_is_looked_at_again(self, client: Client, curator: User) -> None:
        judged_pattern(curator, "confirmed")
        judged_pattern(curator, "refuted")
        draft = draft_of(curator)
        seen = Drawing(draft, curator).sha256
        judged_pattern(curator, "refuted")
        sent = {"seen": seen, "reason": "the first two", "agreed": "on"}
        response = client.post(f"{draft.get_absolute_url()}freeze/", sent)
        assert response.status_code == 422
        assert "The record was changed while you looked" in response.content.decode()
        assert "the first two" in response.content.decode()


class TestFrozen:
    def test_the_networks_that_learnt_from_it(self, client: Client, curator: User) -> None:
        dataset = frozen_set(curator)
        run = TrainingRun.objects.start(curator, kind="anew", preset="tiny", dataset=dataset)
        shown = page(client, dataset.get_absolute_url())
        assert f'<a href="{run.get_absolute_url()}">{run.name}</a> <span class="quiet">waiting</span>' in shown
        assert f"/training/new/?dataset={dataset.pk}" in shown

    def test_entries_evidence_and_the_next_version(self, client: Client, curator: User) -> None:
        dataset = frozen_set(curator)
        shown = page(client, dataset.get_absolute_url())
        assert "frozen by" in shown
        assert "/follow-ups/" in shown
        assert shown.count('<th scope="row"><a href="/patterns/') == 6
        assert page(client, dataset.get_absolute_url(), label="none").count('<th scope="row"><a href="/patterns/') == 3
        response = client.post(f"{dataset.get_absolute_url()}next/")
        assert response.headers["Location"] == Dataset.objects.get(version=2).get_absolute_url()
        assert client.post(f"{dataset.get_absolute_url()}next/").headers["Location"] == dataset.get_absolute_url()

    def test_check_files_and_hashes(self, client: Client, curator: User) -> None:
        dataset = frozen_set(curator)
        said = client.post(f"{dataset.get_absolute_url()}check/", follow=True).content.decode()
        assert "Sound: 6 entries" in said

    def test_entries_of_closed_projects_are_hidden(self, client: Client, curator: User) -> None:
        dataset = frozen_set(curator)
        pattern = Pattern.objects.earliest("pk")
        project = Project.objects.begin(key="hidden", name="Hidden", by=UserFactory.create(roles=["admin"]))
        assert pattern.sample
        type(pattern.sample).objects.filter(pk=pattern.sample.pk).update(project=project)
        shown = page(client, dataset.get_absolute_url())
        assert pattern.name not in shown
        assert "1 further entry lies in a project that is closed to you." in shown
        entries = client.get(f"/api/v1/datasets/{dataset.pk}/entries/").json()["results"]
        assert len(entries) == 5

    def test_its_queries_are_a_fixed_number(self, client: Client, curator: User) -> None:
        dataset = frozen_set(curator)
        page(client, dataset.get_absolute_url())
        with CaptureQueriesContext(connection) as few:
            page(client, dataset.get_absolute_url())
        for _ in range(10):
            judged_pattern(curator, "refuted")
        more = dataset.begin_next(curator)
        freeze(more, curator, "more")
        with CaptureQueriesContext(connection) as many:
            page(client, more.get_absolute_url())
        assert len(many) == len(few) <= 20


class TestScripts:
    def test_the_api_says_what_the_page_says(self, client: Client, curator: User) -> None:
        dataset = frozen_set(curator)
        assert [row["sha256"] for row in client.get("/api/v1/datasets/").json()["results"]] == [dataset.sha256]
        whole = client.get(f"/api/v1/datasets/{dataset.pk}/").json()
        assert whole["holds"]["label"] == {"icosahedral": 3, "none": 3}
        draft = dataset.begin_next(curator)
        would = client.get(f"/api/v1/datasets/{draft.pk}/").json()
        assert would["holds"] == whole["holds"]

    def test_entries_by_cursor_in_their_order(self, client: Client, curator: User) -> None:
        dataset = frozen_set(curator)
        first = client.get(f"/api/v1/datasets/{dataset.pk}/entries/", {"page_size": 4}).json()
        rest = client.get(first["next"]).json()
        rows = first["results"] + rest["results"]
        assert [row["position"] for row in rows] == [1, 2, 3, 4, 5, 6]
        assert all(len(row["outcomes"]) == 1 and row["weight"] == 1.0 for row in rows)
        only = client.get(f"/api/v1/datasets/{dataset.pk}/entries/", {"label": "none"}).json()["results"]
        assert {row["label"] for row in only} == {"none"}
        assert client.get("/api/v1/datasets/999/entries/").status_code == 404

    def test_preview_by_command(self, curator: User, capsys: pytest.CaptureFixture[str]) -> None:
        judged_pattern(curator, "confirmed")
        judged_pattern(curator, "inconclusive")
        draft_of(curator)
        call_command("preview_dataset", "All outcomes", person=curator.username)
        said = capsys.readouterr().out
        assert "All outcomes v1 would hold 1 entries" in said
        assert "left out, outcome inconclusive: 1" in said
        assert "Not ready to be frozen: All of it is “icosahedral”" in said
