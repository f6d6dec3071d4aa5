"""Who may do what, and whether the lab says that it works."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from lims.roles import FLOORS, ROLES, make_groups
from mlmodels.models import ModelVersion
from screening.models import ScreeningResult, ScreeningRun, WorkerHeartbeat
from tests.factories import UserFactory, make_reading

pytestmark = pytest.mark.django_db


def test_migrate_makes_the_five_roles_and_mends_them() -> None:
    assert set(Group.objects.values_list("name", flat=True)) == set(ROLES)
    Group.objects.get(name="curator").permissions.clear()
    Group.objects.get(name="member").permissions.set(Permission.objects.all())
    make_groups()
    for role, names in ROLES.items():
        assert Group.objects.get(name=role).permissions.count() == len(set(names))


@pytest.mark.django_db(transaction=True)
def test_an_emptied_database_has_its_roles_and_its_network_again() -> None:
    call_command("flush", interactive=False, verbosity=0)
    assert Group.objects.count() == len(ROLES)
    assert ModelVersion.objects.production() is not None


def test_every_role_sees_everything_of_the_lab_and_only_admins_let_people_in() -> None:
    people = {role: UserFactory.create(roles=[role]) for role in ROLES}
    looks = Permission.objects.filter(codename__startswith="view_", content_type__app_label__in=FLOORS)
    internal = {"readingarrays", "weightspart", "sampleelement", "sampleword"}
    internal |= {"argument", "observedphase", "latticemeasurement", "refusedfile", "loggedsample", "packedfolder"}
    # These are shown by their own pages:
    internal |= {"datasetexport", "datasetimport", "datasetrecord", "freezingjob"}  # of curators
    internal |= {"sheetimport", "sheetrow", "sheetchange", "sheetcolumns", "matchingrule", "savedview"}
    for look in looks.select_related("content_type").exclude(content_type__model__in=internal):
        name = f"{look.content_type.app_label}.{look.codename}"
        assert all(person.has_perm(name) for person in people.values()), name
    assert [role for role in people if people[role].has_perm("auth.change_user")] == ["admin"]
    assert [role for role in people if people[role].has_perm("mlmodels.promote_modelversion")] == ["curator", "admin"]


def test_nobody_may_delete_anything() -> None:
    assert not [name for names in ROLES.values() for name in names if "delete_" in name]


def beat(seconds_ago: float) -> None:
    at = timezone.now() - timedelta(seconds=seconds_ago)
    WorkerHeartbeat.objects.create(host="here", process_id=1, beat_at=at)


def test_healthz_needs_no_sign_in_and_says_what_works(client: Client) -> None:
    beat(1)
    response = client.get("/healthz")
    assert response.status_code == 200
    said = response.json()
    assert said["worker"].pop("last_beat") == pytest.approx(1, abs=20)
    assert said.pop("disk_free_gb") > 0
    assert said == {"ok": True, "database": True, "migrated": True, "queue_age": 0.0, "worker": {"alive": True}}
    assert client.get("/healthz/ready").status_code == 200


def test_healthz_fails_without_a_living_worker(client: Client) -> None:
    assert client.get("/healthz").status_code == 503
    beat(3600)
    response = client.get("/healthz")
    assert (response.status_code, response.json()["worker"]["alive"]) == (503, False)


def test_healthz_fails_when_an_upload_has_waited_too_long_but_not_for_a_long_rescreen(
    client: Client, settings: Settings, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    beat(1)
    run = ScreeningRun.objects.start(ScreeningRun.Why.UPLOAD, by=UserFactory.create())
    ScreeningResult.objects.enqueue(run, [make_reading()])
    assert client.get("/healthz").status_code == 200
    ScreeningResult.objects.update(queued_at=timezone.now() - timedelta(hours=1))
    response = client.get("/healthz")
    assert (response.status_code, response.json()["queue_age"]) == (503, pytest.approx(3600, abs=60))
    ScreeningResult.objects.update(priority=ScreeningResult.Priority.RESCREEN)
    assert client.get("/healthz").status_code == 200


def test_healthz_fails_when_the_disk_is_nearly_full_or_the_database_is_of_another_version(
    client: Client, settings: Settings
) -> None:
    beat(1)
    settings.DISK_FREE_LIMIT = 1e18
    assert client.get("/healthz").status_code == 503
    settings.DISK_FREE_LIMIT = 0
    assert client.get("/healthz").status_code == 200
    MigrationRecorder(connection).record_unapplied("samples", "0001_initial")
    response = client.get("/healthz/ready")
    assert (response.status_code, response.json()["migrated"]) == (503, False)


def test_a_living_process_says_so_whatever_else_is_wrong(client: Client) -> None:
    MigrationRecorder(connection).record_unapplied("samples", "0001_initial")
    assert client.get("/healthz/live").json() == {"ok": True}


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_healthz_is_only_looked_at(client: Client, method: str) -> None:
    assert getattr(client, method)("/healthz").status_code == 405


def test_no_migration_is_missing() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)
