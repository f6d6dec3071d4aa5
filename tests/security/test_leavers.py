"""People who left, or lost a role: no session, key, link or pending word of theirs counts any more."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client

from lims.models import AccessLink, ApiKey, Person
from mlmodels.models import ModelVersion, PromotionError
from samples.models import Project, Sample
from screening.models import PromotionRequest
from tests.factories import SampleFactory, UserFactory
from tests.screening.conftest import tiny_version as tiny_version
from tests.screening.promoting import finished_proof, register

pytestmark = pytest.mark.django_db
REASON = "Fewer false alarms on the new holders."


@pytest.fixture
def admin(db: None) -> User:
    return UserFactory.create(roles=["admin"])


@pytest.fixture
def gone(admin: User) -> Person:
    return Person.objects.get(pk=UserFactory.create(roles=["admin"], is_staff=True).pk)


def key_of(person: User) -> dict[str, str]:
    scopes = list(ApiKey.Scope.values)
    _key, secret = ApiKey.objects.issue(person, name="k", scopes=scopes, valid_for=timedelta(days=1))
    return {"Authorization": f"Bearer {secret}"}


def test_a_deactivated_admin_keeps_nothing(admin: User, gone: Person) -> None:
    closed = Project.objects.begin(by=admin, key="closed", name="Closed", leaders=[admin])
    SampleFactory.create(code="C-1", project=closed, made_by=admin)
    browser, script = Client(), key_of(gone)
    browser.force_login(gone)
    link = AccessLink.objects.issue(gone, by=gone)[1]
    pages = ("/", "/people/", "/samples/C-1/", "/admin/", "/well-being/")
    assert all(browser.get(path).status_code == 200 for path in pages)
    gone.deactivate(by=admin)
    assert all(browser.get(path).status_code == 302 for path in pages)
    assert Client().get("/api/v1/samples/C-1/", headers=script).status_code == 401
    assert Client().get(f"/welcome/{link}/").status_code == 410
    assert not Sample.objects.visible_to(User.objects.get(pk=gone.pk)).exists()
    assert not closed.may_be_led_by(User.objects.get(pk=gone.pk))


def test_who_comes_back_finds_no_old_key_or_session(admin: User, gone: Person) -> None:
    browser, script = Client(), key_of(gone)
    browser.force_login(gone)
    gone.deactivate(by=admin)
    gone.let_back_in(by=admin)
    assert browser.get("/people/").status_code == 302
    assert Client().get("/api/v1/samples/", headers=script).status_code == 401


def test_an_admin_who_becomes_a_member_loses_the_rest_at_once(admin: User, gone: Person) -> None:
    closed = Project.objects.begin(by=admin, key="closed", name="Closed", leaders=[admin])
    SampleFactory.create(code="C-1", project=closed, made_by=admin)
    browser, script = Client(), key_of(gone)
    browser.force_login(gone)
    gone.give_roles(["member"], by=admin)
    assert browser.get("/samples/C-1/").status_code == 404
    assert browser.get("/people/invite/").status_code == 403
    assert browser.get("/admin/").status_code == 302
    assert Client().get("/api/v1/samples/C-1/", headers=script).status_code == 404


def test_what_was_asked_for_is_not_approved_by_who_left(admin: User, gone: Person, tiny_version: ModelVersion) -> None:
    candidate = register(2, "candidate")
    asked = PromotionRequest.objects.ask(finished_proof(candidate, admin), admin, REASON)
    gone.deactivate(by=admin)
    with pytest.raises(PromotionError):
        asked.approve(User.objects.get(pk=gone.pk), "Yes.")
    assert ModelVersion.objects.production() != candidate


def test_a_key_of_somebody_who_was_switched_off_otherwise_is_refused(admin: User, gone: Person) -> None:
    """As by a superuser in the database, past the page of people."""
    script = key_of(gone)
    User.objects.filter(pk=gone.pk).update(is_active=False)
    assert Client().get("/api/v1/samples/", headers=script).status_code == 401
