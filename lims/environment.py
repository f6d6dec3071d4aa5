"""Environment variables, read so that a wrong one has a sentence and its default stands in until somebody mends it.

No start goes on with such a stand-in: `lims/checks.py` says all sentences at once, to every command and to the web process.
A reader makes a value of the text, or raises ValueError with the rest of a sentence that begins with the variable's name.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import dj_database_url

T = TypeVar("T")

problems: dict[str, str] = {}
"""What is wrong, by the name of the variable; no sentence repeats what may be a secret."""

ROLES = ("member", "reviewer", "microscopist", "curator", "admin")
"""As in lims/roles.py, which needs the settings that are read here; a test compares them."""

YES, NO = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}
FILES_MARKER = "icosa-files"
"""As in samples/store.py, which needs the settings that are read here."""
SHORTEST_TOKEN = 20
SHORTEST_SECRET_KEY = 50
UNSET_KEY_SAID = (
    "SECRET_KEY must be set where ICOSA_HTTPS is 1, in 50 characters or more: whoever has it can sign in as anybody, so it"
    " comes from the environment and lies in no folder of the lab. `openssl rand -hex 32` makes one."
)


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def setting(name: str, default: T, reader: Callable[[str], T]) -> T:
    """What ``reader`` makes of the variable; ``default`` where it is not set, or wrong, which is then noted."""
    value = text(name)
    if not value:
        return default
    try:
        return reader(value)
    except ValueError as error:
        problems[name] = f"{name} {error}"
        return default


def flag(name: str, *, default: bool = False) -> bool:
    return setting(name, default, yes_or_no)


def yes_or_no(value: str) -> bool:
    if value.lower() not in YES | NO:
        raise ValueError(f"must be 1 or 0, not “{value}”.")
    return value.lower() in YES


def whole_number(value: str) -> int:
    if not (value.isascii() and value.isdigit()) or int(value) < 1:
        raise ValueError(f"must be a whole number from 1, not “{value}”.")
    return int(value)


def count(value: str) -> int:
    if not (value.isascii() and value.isdigit()):
        raise ValueError(f"must be a whole number from 0, not “{value}”.")
    return int(value)


def at_least(least: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not (value.isascii() and value.isdigit()) or int(value) < least:
            raise ValueError(f"must be a whole number from {least}, not “{value}”.")
        return int(value)

    return read


def between(low: float, high: float) -> Callable[[str], float]:
    def read(value: str) -> float:
        try:
            found = float(value)
        except ValueError:
            found = math.nan  # which lies between no two numbers
        if not low <= found <= high:
            raise ValueError(f"must be a number from {low:g} to {high:g}, not “{value}”.")
        return found

    return read


def one_of(*allowed: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}, not “{value}”.")
        return value

    return read


def classes(value: str) -> str:
    if not set(value.upper()) <= set("ABCD"):
        raise ValueError(f"must hold classes, as AB does, not “{value}”.")
    return value.upper()


def device(value: str) -> str:
    kind, _colon, number = value.partition(":")
    if kind not in {"auto", "cpu", "cuda", "mps"} or (number and not number.isdigit()):
        raise ValueError(f"must be auto, cpu, cuda, cuda:1 or mps, not “{value}”.")
    return value


def host_names(value: str) -> list[str]:
    names = [name.strip() for name in value.split(",") if name.strip()]
    if not names or any("/" in name for name in names):
        raise ValueError(f"must hold names of hosts with commas, as icosa.lab.example,localhost does, not “{value}”.")
    return names


def web_address(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError(f"must begin with http:// or https://, as https://lab.example does, not “{value}”.")
    return value.rstrip("/")


def mail_server(value: str) -> str:
    parts = urlsplit(value)
    try:
        right = parts.scheme in {"smtp", "smtps", "smtp+tls"} and parts.hostname and parts.port != 0
    except ValueError:  # a port that is none
        right = False
    if not right:
        raise ValueError("must look like smtp://name:password@mail.lab.example:25, smtps://… or smtp+tls://….")
    return value


def database(value: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = {**dj_database_url.parse(value)}
    except ValueError:
        found = {}
    if found.get("ENGINE") not in {"django.db.backends.postgresql", "django.db.backends.sqlite3"}:
        raise ValueError("must look like postgresql://user:password@host/name, or like sqlite:////folder/file.")
    return found


def time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"must name a time zone, as Asia/Tokyo does, not “{value}”.") from None
    return value


def time_of_day(value: str) -> time:
    try:
        return time.fromisoformat(value)
    except ValueError:
        raise ValueError(f"must be a time of day, as 02:30 is, not “{value}”.") from None


def existing_file(value: str) -> str:
    if not Path(value).is_file():
        raise ValueError(f"names a file that is not there: {value}.")
    return value


def file_of_hashes(value: str) -> str:
    try:
        with Path(existing_file(value)).open("rb") as file:
            first = file.read(40)
    except OSError as error:
        raise ValueError(f"names a file that cannot be read: {error}.") from None
    if not re.fullmatch(rb"[0-9A-F]{40}", first):
        raise ValueError(
            "names a file that holds no SHA-1 hashes in capitals, one a line and sorted, as Have I Been Pwned has them."
        )
    return value


def roles(value: str) -> list[str]:
    names = [name.strip() for name in value.split(",") if name.strip()]
    if wrong := [name for name in names if name not in ROLES]:
        raise ValueError(f"names a role that is none: {', '.join(wrong)}. There are {', '.join(ROLES)}.")
    return names


def roles_of_claims(value: str) -> list[tuple[str, str]]:
    pairs = [part.rpartition("=") for part in value.split(",") if part.strip()]
    roles(",".join(role for _said, _sign, role in pairs))
    if not all(said.strip() for said, _sign, _role in pairs):
        raise ValueError(f"must look like lab-members=member,lab-heads=admin, not “{value}”.")
    return [(said.strip(), role.strip()) for said, _sign, role in pairs]


def sign_in_service(value: str) -> str:
    if find_spec("authlib") is None:
        raise ValueError("needs Authlib: pip install -r requirements-sso.txt.")
    parts = urlsplit(value)
    if not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"must be an address such as https://sso.lab.example/realms/lab, not “{value}”.")
    if parts.scheme != "https" and parts.hostname not in {"localhost", "127.0.0.1"}:
        raise ValueError("must begin with https://: what comes over http:// can be forged on the way.")
    return value


def folder_outside(data: Path) -> Callable[[str], str]:
    def read(value: str) -> str:
        folder = Path(value)
        if not folder.is_absolute() or folder.resolve().is_relative_to(data):
            raise ValueError(f"must be a whole path that begins with / and lies outside {data}, not “{value}”.")
        return str(folder.resolve())

    return read


@dataclass(frozen=True, slots=True)
class FilesPlace:
    """Where uploaded files lie. bucket: what django-storages is told, where it is one"""

    folder: Path | None = None
    bucket: dict[str, str] = field(default_factory=dict)


def files_place(value: str) -> FilesPlace:
    parts = urlsplit(value)
    if parts.scheme == "s3":
        return FilesPlace(bucket=_bucket(parts.netloc, parts.path, parse_qs(parts.query)))
    folder = Path(value)
    if not folder.is_absolute():
        raise ValueError(
            f"must be a whole path that begins with /, or s3://bucket?endpoint=https://s3.lab.example, not “{value}”."
        )
    if not folder.is_dir():
        raise ValueError(f"names a folder that is not there: {value}. Make it once, or mount it.")
    if not os.access(value, os.R_OK | os.W_OK | os.X_OK):
        raise ValueError(f"names a folder where we may not write: {value}. Give it to the user that Icosa runs as.")
    if not (folder / FILES_MARKER).is_file():
        raise ValueError(
            f"names a folder without the file {FILES_MARKER}: {value}. Either the share is not mounted on this host: mount"
            f" it. Or this is the folder's first day: say so once, by touch {folder / FILES_MARKER}"
        )
    return FilesPlace(folder=folder.resolve())


def _bucket(name: str, prefix: str, said: dict[str, list[str]]) -> dict[str, str]:
    if find_spec("storages") is None or find_spec("boto3") is None:
        raise ValueError("needs packages that are not installed: pip install -r requirements-s3.txt")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", name):
        raise ValueError("names no bucket: it must look like s3://bucket/prefix?endpoint=https://s3.lab.example.")
    if unknown := sorted(set(said) - {"endpoint", "region"}):
        raise ValueError(f"says {', '.join(unknown)} behind its question mark: only endpoint and region are known.")
    found = {"bucket_name": name, "location": prefix.strip("/")}
    if "endpoint" in said:
        found["endpoint_url"] = web_address(said["endpoint"][0])
    if "region" in said:
        found["region_name"] = said["region"][0]
    given = [bool(text(key)) for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")]
    if any(given) and not all(given):
        raise ValueError("needs both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: one of them is missing.")
    return found


def days_weeks_months(value: str) -> tuple[int, int, int]:
    parts = value.split(",")
    if len(parts) != 3 or not all(part.strip().isdigit() for part in parts) or not any(int(part) for part in parts):
        raise ValueError(
            f"must be three numbers, as 7,4,12 for seven days, four weeks and twelve months, not “{value}”."
        )
    days, weeks, months = map(int, parts)
    return days, weeks, months


def age_key(value: str) -> str:
    from pyrage import IdentityError, x25519

    try:
        x25519.Identity.from_str(value)
    except IdentityError:
        raise ValueError(
            "is no key: one begins with AGE-SECRET-KEY-1. `manage.py backup --new-key` makes one."
        ) from None
    return value


def token(value: str) -> str:
    if len(value) < SHORTEST_TOKEN:
        raise ValueError(f"is too short: it needs {SHORTEST_TOKEN} characters. `openssl rand -hex 20` makes one.")
    return value
