"""The audit: who, what, when, from where; only ever added."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, transaction
from django.test import Client, RequestFactory
from pytest_django import Settings

from lims.addresses import address_of
from lims.models import AuditEntry, AuditKind
from samples.models.unchanging import UnchangingError
from tests.factories import UserFactory


@pytest.mark.django_db
class TestEntry:
    def test_says_who_what_about_whom_and_from_where(self) -> None:
        admin, anna = UserFactory.create(), UserFactory.create(username="anna")
        request = RequestFactory().post("/", REMOTE_ADDR="192.0.2.7")
        request.user = admin
        AuditEntry.note(request, AuditKind.FACTOR_RESET, anna, why="lost phone")
        entry = AuditEntry.objects.get(kind=AuditKind.FACTOR_RESET)
        assert (entry.by, entry.address, entry.about_kind, entry.about_id) == (admin, "192.0.2.7", "auth.user", anna.pk)
        assert (entry.about_name, entry.details) == ("anna", {"why": "lost phone"})
        assert entry.what == "took off a second factor"

    def test_nobody_may_be_the_one_who_did_it(self) -> None:
        request = RequestFactory().post("/")
        request.user = AnonymousUser()
        assert AuditEntry.note(request, AuditKind.KEY_REFUSED).by is None
        assert AuditEntry.note(None, "a kind of tomorrow").what == "a kind of tomorrow"

    def test_is_never_changed_or_deleted(self) -> None:
        entry = AuditEntry.note(None, AuditKind.RELEASED)
        with pytest.raises(UnchangingError):
            entry.save()
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            AuditEntry.objects.filter(pk=entry.pk).update(kind="other")
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            AuditEntry.objects.filter(pk=entry.pk)._raw_delete("default")


@pytest.mark.parametrize(
    ("proxies", "forwarded", "found"),
    [
        (0, "203.0.113.9", "10.0.0.1"),  # nobody is trusted
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "198.51.100.1, 203.0.113.9", "203.0.113.9"),  # the first one was sent along by who asks
        (2, "198.51.100.1, 203.0.113.9, 10.0.0.5", "203.0.113.9"),
        (2, "203.0.113.9", "10.0.0.1"),  # fewer than there must be
        (1, "", "10.0.0.1"),
        (1, "2001:DB8::1", "2001:db8::1"),
        (1, "nonsense", None),
    ],
)
def test_an_address_is_believed_from_our_own_proxies_alone(
    settings: Settings, proxies: int, forwarded: str, found: str | None
) -> None:
    settings.PROXIES = proxies
    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=forwarded)
    assert address_of(request) == found


@pytest.mark.django_db
def test_details_are_in_the_words_of_the_reader(client: Client) -> None:
    admin = UserFactory.create(roles=["admin"])
    AuditEntry.note(admin, AuditKind.SIGN_IN_FAILED, admin, wrong="password")
    AuditEntry.note(admin, AuditKind.SIGNED_IN, admin, by="sso", second_factor=False)
    AuditEntry.note(admin, AuditKind.FACTOR_RESET, admin, why="password")
    client.force_login(admin)
    english = client.get("/audit/").content.decode()
    assert "by means of: sign-in service" in english
    assert "with a second factor: no" in english
    assert "what was wrong: password" in english
    japanese = client.get("/audit/", headers={"accept-language": "ja"}).content.decode()
    assert "second_factor" not in japanese
    assert "sign-in service" not in japanese
    assert ": password" in japanese  # a reason that somebody gave stays as they gave it
