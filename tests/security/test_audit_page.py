"""The page that says who did what: complete, filtered, for admins alone, and only added to."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import DatabaseError, transaction
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from lims.models import ApiKey, Person
from lims.models.audit import AuditEntry, AuditKind
from samples.models import Change
from tests.factories import SampleFactory, UserFactory
from tests.test_object_matrix import text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> User:
    return UserFactory.create(username="ada", roles=["admin"])


@pytest.fixture
def browser(admin: User) -> Client:
    client = Client()
    client.force_login(admin)
    return client


def test_roles_keys_and_people_are_told(browser: Client, admin: User) -> None:
    bob = Person.objects.get(pk=UserFactory.create(username="bob", roles=["member"]).pk)
    bob.give_roles(["reviewer"], by=admin, why="joined the hunt")
    key, _secret = ApiKey.objects.issue(bob, name="room 204", scopes=["read"], valid_for=timedelta(days=1))
    key.revoke()
    page = browser.get("/audit/?person=bob").content.decode()
    assert all(word in page for word in ("joined the hunt", "room 204", "member → reviewer", "Revoked at"))
    assert "joined the hunt" in browser.get("/audit/?kind=auth.user").content.decode()
    assert "joined the hunt" not in browser.get("/audit/?kind=downloaded").content.decode()
    assert "joined the hunt" not in browser.get("/audit/?person=nobody").content.decode()
    assert "joined the hunt" not in browser.get("/audit/?until=2001-01-01").content.decode()


def test_who_took_data_out_is_noted_with_key_and_address(browser: Client, admin: User) -> None:
    SampleFactory.create()
    text_of(browser.get("/samples/export/?as=csv"))
    entry = AuditEntry.objects.get(kind=AuditKind.DOWNLOADED)
    assert (entry.by, entry.address, entry.details) == (admin, "127.0.0.1", {"what": "/samples/export/?as=csv"})
    browser.get("/samples/")
    assert AuditEntry.objects.filter(kind=AuditKind.DOWNLOADED).count() == 1


def test_what_a_group_may_do_is_noted_from_the_admin() -> None:
    root = UserFactory.create(is_superuser=True, is_staff=True)
    client = Client()
    client.force_login(root)
    group, right = Group.objects.create(name="guests"), Permission.objects.get(codename="view_sample")
    client.post(f"/admin/auth/group/{group.pk}/change/", {"name": "guests", "permissions": [right.pk]})
    entry = AuditEntry.objects.get(kind=AuditKind.PERMISSIONS_SET)
    assert (entry.by, entry.about_name, entry.details["given"]) == (root, "guests", ["samples.view_sample"])


def test_pages_go_on_where_the_last_one_ended_and_csv_has_all(browser: Client, admin: User) -> None:
    for n in range(70):
        AuditEntry.note(admin, AuditKind.RELEASED, n=f"={n}")
    seen, address = [], "/audit/?person=ada"
    while address:
        page = browser.get(address)
        seen += [line.told for line in page.context["lines"]]
        following = page.context["following"]
        address = f"/audit/?person=ada&below={following}" if following else ""
    assert [told for told in seen if told and told[0].startswith("n: ")] == [(f"n: ={n}",) for n in reversed(range(70))]
    table = text_of(browser.get("/audit/audit.csv"))
    assert table.count("released a lock-out") == 70
    assert browser.get("/audit/?below=nonsense").status_code == 200


def test_it_takes_as_many_queries_for_many_rows(
    browser: Client, admin: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for n in range(30):
        AuditEntry.note(admin, AuditKind.SIGNED_IN, n=n)
        UserFactory.create()
    with django_assert_max_num_queries(14):
        browser.get("/audit/")


def test_nobody_else_reads_it_and_nobody_changes_it(admin: User) -> None:
    member = Client()
    member.force_login(UserFactory.create(roles=["member", "curator"]))
    assert {member.get(path).status_code for path in ("/audit/", "/audit/audit.csv")} == {403}
    AuditEntry.note(admin, AuditKind.SIGNED_IN)
    for model, change in ((AuditEntry, {"kind": "x"}), (Change, {"why": "x"})):
        assert model._default_manager.exists() or model is Change
        Change.objects.create(thing="auth.user", thing_id=admin.pk, rows=[])
        with pytest.raises(DatabaseError), transaction.atomic():
            model._default_manager.all().update(**change)
