"""What is wrong with the settings, all at once: `manage.py check` says it, and no command and no web process starts before it is mended."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, run_checks
from django.db import connection

from lims import environment
from lims import settings as table
from samples.store import store

TAG = "settings"
BUCKET = "bucket"

NOT_WORTH_ANOTHER_TRY = 3
"""The exit status at which gunicorn ends too, instead of starting the process again for ever."""

OF_OTHERS = {"ICOSA_KEY", "ICOSA_HEARTBEAT", "ICOSA_REQUIRE_ALL"}
"""Variables that the uploader, our own child processes and the tests read."""

LOCAL_HOSTS = {"localhost", "127.0.0.1", "[::1]"}


def check_settings(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    wrong: list[CheckMessage] = [Error(said, id=f"icosa.{name}") for name, said in environment.problems.items()]
    files = [] if store.is_afar else _files_trouble()
    return [*wrong, *files, *(Warning(said, id=f"icosa.{name}") for name, said in _doubtful())]


def check_bucket(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """For `check`, the web process and the worker: no other command should wait for a bucket that it may not need."""
    return list(_files_trouble()) if store.is_afar else []


def check_static_files(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """For `check --deploy` and the web process: a worker's host needs no static files."""
    from django.contrib.staticfiles.storage import staticfiles_storage

    is_current = getattr(staticfiles_storage, "is_current", True)
    if not settings.HTTPS or settings.DEMO or is_current:
        return []
    said = (
        "The static files of this version were not collected, so that browsers ask for each of them at each page: run"
        " python manage.py collectstatic --no-input, and start the web process again."
    )
    return [Warning(said, id="icosa.STATIC")]


def stop_if_wrong(tag: str = TAG) -> None:
    """Print what is wrong and end this process, where the settings have errors; warnings are printed alone."""
    found = run_checks(tags=[tag], include_deployment_checks=True)
    for message in found:
        sys.stderr.write(f"{message.msg}\n")
    if any(message.is_serious() for message in found):
        sys.stderr.write("The lab does not start before this is mended. `manage.py check` says all of it again.\n")
        sys.exit(NOT_WORTH_ANOTHER_TRY)


def _files_trouble() -> Iterator[CheckMessage]:
    """A bucket that is absent or open stops the start; one that does not answer for now does not: most of the lab needs no files."""
    if trouble := store.trouble():
        kind = Warning if trouble.may_pass else Error
        yield kind(f"ICOSA_FILES: {trouble.said}", id="icosa.ICOSA_FILES")


def _doubtful() -> Iterator[tuple[str, str]]:
    """What may be meant so, by the name of the variable."""
    known = set(re.findall(r"^\| (\w+) ", table.__doc__ or "", re.MULTILINE))
    for name in sorted(os.environ):
        if name.startswith("ICOSA_") and name not in known | OF_OTHERS:
            meant = get_close_matches(name, known, n=1)
            yield name, f"There is no setting {name}." + (f" Do you mean {meant[0]}?" if meant else "")
    if settings.DEBUG and not set(settings.ALLOWED_HOSTS) <= LOCAL_HOSTS:
        yield "ICOSA_DEBUG", "ICOSA_DEBUG shows the inside of the lab to whoever meets an error: set it to 0."
    if connection.vendor == "postgresql":
        if not environment.text("SECRET_KEY"):
            yield (
                "SECRET_KEY",
                "SECRET_KEY is not set: on several hosts, people would be signed out at each change of host.",
            )
        if settings.BACKUP_FOLDER and not shutil.which("pg_dump"):
            yield "ICOSA_BACKUP", "ICOSA_BACKUP is set and pg_dump is not installed: apt-get install postgresql-client."
    if settings.BACKUP_FOLDER and _one_disk(Path(settings.BACKUP_FOLDER), store.disk or settings.DATA_DIR):
        yield "ICOSA_BACKUP", "ICOSA_BACKUP lies on the same disk as the data: a disk that breaks takes both."


def _one_disk(backup: Path, data: Path) -> bool:
    return backup.exists() and data.exists() and backup.stat().st_dev == data.stat().st_dev
