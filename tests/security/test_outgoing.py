"""What the lab itself asks for, runs and believes: no address that somebody typed, no code that somebody sent."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import models
from django_q.models import Schedule

from lims import vendor
from screening import bell, tasks

PROJECT = Path(settings.BASE_DIR)
SOURCES = [
    path for floor in ("lims", "screening", "mlmodels", "samples") for path in sorted((PROJECT / floor).rglob("*.py"))
]

ASKS = {"requests", "httpx", "aiohttp", "urllib3", "urllib.request", "http.client", "ftplib", "smtplib", "telnetlib"}
MAY_ASK = {
    "lims/digests.py": "knows the errors of the mail server that the environment names",
    "lims/uploader/icosa_upload.py": "runs on the computer of an instrument, and asks the lab",
    "lims/sso.py": "asks the sign-in service that the environment names",
}
BELIEVES = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calls_of(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_a_module_asks_no_other_host_and_unpickles_nothing(path: Path) -> None:
    names = set(imports_of(path))
    asks = names & ASKS
    assert not asks or str(path.relative_to(PROJECT)) in MAY_ASK, (
        f"{asks}: say in MAY_ASK whom it asks, never what was typed"
    )
    assert not names & BELIEVES, "nothing from outside is unpickled"
    for name, call in calls_of(path):
        options = {option.arg: ast.unparse(option.value) for option in call.keywords}
        assert name not in {"eval", "exec", "os.system", "os.popen", "yaml.load", "pickle.loads"}, name
        assert name != "mark_safe" or isinstance(call.args[0], ast.Constant), "no typed text is taken for markup"
        assert options.get("shell") != "True", name
        assert not name.endswith("extractall"), name
        if name in {"torch.load", "np.load", "numpy.load"}:
            assert options.get("weights_only") == "True" or options.get("allow_pickle") == "False", name


def test_no_field_holds_an_address_that_somebody_typed() -> None:
    fields = [
        f"{model._meta.label}.{known.name}"
        for label in ("lims", "samples", "mlmodels", "screening")
        for model in apps.get_app_config(label).get_models()
        for known in model._meta.concrete_fields
        if isinstance(known, models.URLField)
    ]
    assert fields == [], "nothing of the lab fetches it; say so in docs/security.md before there is one"


def test_styles_and_scripts_of_others_are_fetched_by_a_maintainer_alone() -> None:
    importers = [path for path in SOURCES if "lims.vendor" in set(imports_of(path))]
    assert importers == []
    assert vendor.VENDOR_DIR.is_dir()


def test_tasks_are_bells_without_arguments() -> None:
    """django-q2 keeps the arguments of a task as a signed pickle: there is nothing in ours to take apart."""
    rung = []
    for path in SOURCES:
        for name, call in calls_of(path):
            if name.endswith(("async_task", "async_chain", "async_iter", "schedule")):
                rung.append(path.relative_to(PROJECT))
                assert path.name in {"bell.py", "apps.py", "heartbeats.py"} or len(call.args) == 1, ast.unparse(call)
                assert len(call.args) <= 1, ast.unparse(call)
                assert {option.arg for option in call.keywords} <= {"timeout", "name", "schedule_type", "minutes"}
    assert rung
    for name in (name for name in vars(bell) if name.endswith("BELL")):
        task = getattr(tasks, vars(bell)[name].rpartition(".")[2], None)
        if task is not None:
            assert not [p for p in inspect.signature(task).parameters.values() if p.default is p.empty]


@pytest.mark.django_db
def test_schedules_ring_without_arguments_too() -> None:
    assert [schedule.func for schedule in Schedule.objects.all() if schedule.args or schedule.kwargs] == []
