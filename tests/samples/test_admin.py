"""The admin of the things of the lab: every list opens, finds and filters; nothing of it can be deleted."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from samples.models import Comment, Project, Sample, SheetImport, SynthesisStep, WeighedMass
from tests.factories import SampleFactory, make_pattern

pytestmark = pytest.mark.django_db

REGISTERED = [model for model in apps.get_app_config("samples").get_models() if admin.site.is_registered(model)]


@pytest.fixture
def root(client: Client) -> User:
    user = User.objects.create_superuser("root")
    client.force_login(user)
    return user


def test_all_but_the_arrays_can_be_looked_at() -> None:
    names = {model.__name__ for model in apps.get_app_config("samples").get_models()}
    within_others = {
        "ReadingArrays",
        "ChainHead",
        "SampleWord",
        "SheetColumns",
        "SheetChange",
        "SheetRow",
        "Membership",
    }
    notices = {"CommentEdition", "Following", "Notice", "NoticeChoice"}
    assert names - {model.__name__ for model in REGISTERED} == within_others | notices


@pytest.mark.parametrize("model", REGISTERED, ids=lambda model: model.__name__)
def test_lists_and_rows_open_and_nothing_is_deletable(client: Client, root: User, model: type) -> None:
    sample = SampleFactory.create(
        steps=[SynthesisStep(kind="crushing")], masses=[WeighedMass(substance="Al", mass="1.0")], made_by=root
    )
    make_pattern(sample=sample, by=root)
    name = model.__name__.lower()
    assert client.get(f"/admin/samples/{name}/?q=a").status_code == 200
    Comment.objects.create(sample=sample, written_by=root, text="Grey, brittle.")
    SheetImport.objects.receive(b"code;composition\nASR-9;Al65Cu20Fe15\n", name="samples.csv", by=root)
    Project.objects.begin(by=root, key="yb-hunt", name="Yb hunt")
    row = model.objects.first()  # type: ignore[attr-defined]
    assert client.get(f"/admin/samples/{name}/{row.pk}/change/").status_code == 200
    assert client.post(f"/admin/samples/{name}/{row.pk}/delete/", {"post": "yes"}).status_code == 403


def test_the_list_of_samples_has_a_fixed_number_of_queries(
    client: Client, root: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(5):
        SampleFactory.create(made_by=root)
    with django_assert_max_num_queries(10):
        client.get("/admin/samples/sample/")


def test_a_sample_cannot_be_rewritten_past_its_edition(client: Client, root: User) -> None:
    sample = SampleFactory.create(made_by=root)
    assert client.post(f"/admin/samples/sample/{sample.pk}/change/", {"place": "elsewhere"}).status_code == 403
    assert Sample.objects.get().place == ""
