"""The pages of the model versions: which is in production, which could be, and what each is."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from mlmodels.models import ModelVersion
from screening.model_figures import figures_of
from tests.factories import UserFactory, make_pattern
from tests.screening.calls import make_result
from tests.screening.promoting import finished_proof, register

pytestmark = pytest.mark.django_db


@pytest.fixture
def member(client: Client) -> Client:
    client.force_login(UserFactory.create(roles=["member"]))
    return client


def test_the_list_says_which_network_screens_and_shows_the_other_beside_it(
    member: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(10):
        page = member.get(reverse("screening:model-list")).content.decode()
    assert "In production now" in page
    assert page.index("icosa-2") < page.index("icosa-1")
    assert "Shipped with Icosa." in page
    assert "the installation" in page


def test_a_lab_without_production_is_told_what_to_do(member: Client) -> None:
    ModelVersion.objects.update(state="retired")
    page = member.get(reverse("screening:model-list")).content.decode()
    assert "No version is in production" in page


def test_a_version_shows_how_it_was_made_and_what_its_evaluation_found(member: Client) -> None:
    version = ModelVersion.objects.get(name="icosa-2")
    make_result(make_pattern(), version)
    page = member.get(reverse("screening:model", args=[version.pk])).content.decode()
    assert version.sha256 in page
    assert "--from icosa-1" in page
    assert f"{reverse('screening:agreement')}?version={version.pk}" in page


def test_a_network_that_was_trained_here_has_the_figures_of_its_proof(
    member: Client, tiny_version: ModelVersion
) -> None:
    candidate = register(2, "candidate")
    address = reverse("screening:model", args=[candidate.pk])
    assert "It was not evaluated yet" in member.get(address).content.decode()
    finished_proof(candidate, UserFactory.create())
    found = figures_of(ModelVersion.objects.get(name="icosa-2"))[0]
    assert found
    page = member.get(address).content.decode()
    assert found.interval in page
    assert "As its newest proof found." in page
    assert member.get(reverse("screening:model-list")).content.decode().count(found.interval) == 2


def test_a_record_of_calls_made_elsewhere_says_that_it_cannot_screen(member: Client) -> None:
    record = ModelVersion.objects.record("as reported", thresholds_version="uryu-2023", notes="Printed in a paper.")
    page = member.get(reverse("screening:model", args=[record.pk])).content.decode()
    assert "cannot screen" in page
    assert "Printed in a paper." in page
