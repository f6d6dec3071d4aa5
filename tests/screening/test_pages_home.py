"""Home: what waits, how the systems stand, whether the machines work."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from screening.models import WorkerHeartbeat
from tests.factories import SampleFactory, UserFactory, make_pattern
from tests.screening.calls import a_version, make_result

pytestmark = pytest.mark.django_db


@pytest.fixture
def member(client: Client) -> User:
    user = UserFactory.create(username="student", roles=["member"])
    client.force_login(user)
    return user


def home(client: Client) -> str:
    return client.get("/").content.decode()


def test_an_empty_lab_says_what_to_do_first(client: Client, member: User) -> None:
    page = home(client)
    assert "Log your first sample" in page
    assert "No worker is running" in page


def test_somebody_without_a_role_is_told_whom_to_ask(client: Client) -> None:
    client.force_login(UserFactory.create())
    assert "Your account has no role yet" in home(client)


def test_in_an_empty_lab_each_role_is_told_who_does_the_next_step(client: Client, member: User) -> None:
    told = {
        "/data-sets/": ("A curator begins one.", "Begin one, look at what it would hold"),
        "/training/": ("A curator has one trained.", "Freeze a data set first"),
        "/review/": ("Upload patterns", "Review one by one"),
    }
    for address, (said, not_said) in told.items():
        page = client.get(address).content.decode()
        assert said in page, address
        assert not_said not in page, address
    client.force_login(UserFactory.create(roles=["curator"]))
    for address in ("/data-sets/", "/training/"):
        said, not_said = reversed(told[address])
        page = client.get(address).content.decode()
        assert said in page, address
        assert not_said not in page, address


def test_candidates_and_classes_by_system(client: Client, member: User) -> None:
    version = a_version()
    sample = SampleFactory.create(code="ASR-001")
    make_result(make_pattern(sample=sample), version)
    make_result(make_pattern(sample=sample), version, state="done", level="D", probability=0.2)
    page = home(client)
    assert "= 0.9994" not in page
    assert "0.9994" in page
    assert "4.353(4)" in page
    for bar in ("A 1", "D 1"):
        assert f"</span>{bar}</span>" in page
    assert "0.2000" not in page, "class D is no candidate"


def test_what_needs_a_hand(client: Client, member: User) -> None:
    version = a_version()
    make_pattern(name="empty.xy", content=b"\n")
    reason = {
        "template": "The worker was lost while it screened this pattern, as it is when memory runs out.",
        "values": {},
    }
    make_result(make_pattern(name="lost.xy"), version, state="failed", reason=reason)
    page = home(client)
    assert "2 patterns wait in the inbox" in page
    assert "The file is empty" in page
    assert "The worker was lost" in page


def test_lights(client: Client, member: User) -> None:
    WorkerHeartbeat.objects.create(host="lab", process_id=1, beat_at=timezone.now())
    make_result(make_pattern(), a_version(), state="queued")
    page = home(client)
    assert "1 worker is running" in page
    assert "1 pattern in the queue" in page


def test_a_disk_that_is_nearly_full_is_said(client: Client, member: User, settings: Settings) -> None:
    assert "The disk is nearly full" not in home(client)
    settings.DISK_FREE_LIMIT = 1e18
    assert "left. Once it is full, uploads are turned away." in home(client)


def test_the_number_of_queries_is_fixed(
    client: Client, member: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    version = a_version()

    def fill(n: int) -> None:
        for number in range(n):
            sample = SampleFactory.create(composition_text=f"Al{60 + number}Si{40 - number}")
            make_result(make_pattern(sample=sample), version)
            make_pattern(name=f"{n} {number}", content=b"\n" * (n + number))

    fill(1)
    with django_assert_num_queries(22):
        home(client)
    fill(6)
    with django_assert_num_queries(22):
        home(client)
