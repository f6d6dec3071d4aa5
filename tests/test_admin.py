"""The admin opens for every model, searches, and lets nobody delete evidence."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from lims.roles import FLOORS
from screening.models import ScreeningResult, ScreeningRun
from tests.factories import SampleFactory, make_pattern

pytestmark = pytest.mark.django_db
OURS = [model for model in admin.site._registry if model._meta.app_label in FLOORS]


@pytest.fixture
def chief(client: Client, settings: Settings, tmp_path: Path) -> User:
    settings.MEDIA_ROOT = tmp_path
    chief = User.objects.create_superuser("chief")
    client.force_login(chief)
    pattern = make_pattern(by=chief, sample=SampleFactory.create())
    ScreeningResult.objects.enqueue(
        ScreeningRun.objects.start(ScreeningRun.Why.UPLOAD, by=chief), pattern.readings.all()
    )
    return chief


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.model_name)
def test_lists_searches_and_rows_open_and_nothing_can_be_deleted(model: type, chief: User, client: Client) -> None:
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"  # type: ignore[attr-defined]
    assert client.get(reverse(f"{name}_changelist"), {"q": "x"}).status_code == 200
    assert client.get(reverse(f"{name}_changelist")).status_code == 200
    row = model._default_manager.first()  # type: ignore[attr-defined]
    if row:
        assert client.get(reverse(f"{name}_change", args=[row.pk])).status_code == 200
        assert client.get(reverse(f"{name}_delete", args=[row.pk])).status_code == 403


def test_every_row_that_stands_for_itself_is_there() -> None:
    within_others = {
        "ChainHead",
        "QueueMark",
        "DatasetChoice",
        "DatasetEntry",
        "DatasetExport",
        "DatasetImport",
        "DatasetRecord",
        "Freeze",
        "FreezingJob",
        "InputMeasures",
        "LabelEvidence",
        "CommentEdition",
        "Following",
        "Notice",
        "NoticeChoice",
        "ReadingArrays",
        "WeightsPart",
        "TrainingStatePart",
        "Promotion",
        "PromotionAnswer",
        "ReceivedPattern",
        "RefusedFile",
        "LoggedSample",
        "PackedFolder",
        "MatchingRule",
        "Argument",
        "InstrumentHeartbeat",
        "SavedView",
        "SampleWord",
        "ObservedPhase",
        "LatticeMeasurement",
        "SynthesisStep",
        "WeighedMass",
        "SampleElement",
        "Membership",
        "SheetChange",
        "SheetColumns",
        "SheetRow",
    }
    models = {model for label in FLOORS for model in apps.get_app_config(label).get_models()}
    assert {model.__name__ for model in models if model not in OURS} <= within_others
