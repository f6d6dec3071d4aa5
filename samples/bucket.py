"""The lab's files in a bucket that speaks S3, by django-storages: `pip install -r requirements-s3.txt`.

Nothing in it is public: no ACL is set, so that an object is its owner's alone, and no address of one is ever given out.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from django.conf import settings
from django.core.files.base import File
from storages.backends.s3 import S3Storage
from storages.utils import clean_name

from samples.store import Store, StoreAwayError, StoredAs, Trouble

READ_AT_ONCE = 1024 * 1024
ABANDONED_AFTER = 24 * 3600
"""Seconds after which what a killed process left in the passing folder goes."""

NOT_FOUND, FORBIDDEN, SERVER_FAULT = 404, 403, 500

CLIENT = Config(
    signature_version="s3v4",
    connect_timeout=5,
    read_timeout=30,
    retries={"mode": "standard", "max_attempts": 3},
    s3={"addressing_style": "auto"},
)


class Bucket(Store, S3Storage):  # type: ignore[misc]  # django-storages has no types
    """Each file is an object; the name is its key, behind the prefix of ICOSA_FILES."""

    is_afar = True

    def __init__(self, **options: Any) -> None:
        super().__init__(client_config=CLIENT, default_acl=None, file_overwrite=False, **options)
        _forget_abandoned(self.work_folder)

    @contextmanager
    def arriving(self, below: str) -> Iterator[Path]:
        with TemporaryDirectory(dir=self.work_folder) as folder:
            yield Path(folder) / "file"

    def take_over(self, arrived: Path, name: str) -> None:
        with _said(name), arrived.open("rb") as content:
            self.save_as(name, File(content))
        arrived.unlink()

    @contextmanager
    def making(self, name: str) -> Iterator[Path]:
        with TemporaryDirectory(dir=self.work_folder) as folder:
            path = Path(folder) / Path(name).name
            yield path
            self.take_over(path, name)

    @contextmanager
    def at_hand(self, name: str) -> Iterator[Path]:
        with TemporaryDirectory(dir=self.work_folder) as folder:
            path = Path(folder) / "file"
            with _said(name):
                self.object_of(name).download_file(str(path))
            yield path

    def reserve(self, below: str) -> None:
        """Nothing: whoever has the bucket has all of it."""

    def is_reserved(self, below: str) -> bool:
        return True

    def remove_all(self, below: str) -> None:
        with _said(below):
            self.own_bucket.objects.filter(Prefix=f"{self.path_of(below)}/").delete()

    def put_aside(self, name: str) -> None:
        found = self.object_of(name)
        with _said(name):
            aside = self.object_of(f"{name}.before-restore-{uuid4().hex[:8]}")
            aside.copy({"Bucket": self.bucket_name, "Key": found.key})
            found.delete()

    def said_of(self, name: str) -> StoredAs:
        with _said(name):
            found = self.object_of(name)
            return StoredAs(name, found.content_length, _nanoseconds(found.last_modified))

    def all_files(self) -> Iterator[StoredAs]:
        before = f"{self.location}/" if self.location else ""
        with _said(before):
            for found in self.own_bucket.objects.filter(Prefix=before):
                yield StoredAs(found.key.removeprefix(before), found.size, _nanoseconds(found.last_modified))

    def is_there(self) -> bool:
        return True

    def trouble(self) -> Trouble | None:
        """Asked of the bucket as we use it, and of one object as a stranger would."""
        name = self.bucket_name
        try:
            client = self.connection.meta.client
            client.head_bucket(Bucket=name)
            listed = client.list_objects_v2(Bucket=name, Prefix=self.location, MaxKeys=1).get("Contents", [])
            if listed and self._is_given_to_strangers(listed[0]["Key"]):
                return Trouble(f"Anybody can read the bucket {name} without a key. Make it private.", may_pass=False)
        except NoCredentialsError:
            said = (
                f"There is no key for the bucket {name}. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give"
                " this machine a role that may use it."
            )
            return Trouble(said, may_pass=False)
        except ClientError as error:
            return _refused(name, _status_of(error))
        except BotoCoreError as error:
            return Trouble(f"The bucket {name} does not answer: {error}", may_pass=True)
        return None

    def _is_given_to_strangers(self, key: str) -> bool:
        stranger = self.unsigned_connection.meta.client
        try:
            stranger.get_object(Bucket=self.bucket_name, Key=key, Range="bytes=0-0")["Body"].close()
        except ClientError:
            return False
        return True

    def close_connections(self) -> None:
        for kept in (self._connections, self._unsigned_connections):
            if resource := kept.__dict__.pop("connection", None):
                resource.meta.client.close()

    @property
    def work_folder(self) -> Path:
        """In the data folder of this host."""
        folder = Path(settings.DATA_DIR) / "passing"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def read(self, name: str) -> bytes:
        """With one question; `open` asks for the size first."""
        with _said(name):
            content: bytes = self.object_of(name).get()["Body"].read()
        return content

    def exists(self, name: str) -> bool:
        with _said(name):
            return bool(super().exists(name))

    def size(self, name: str) -> int:
        return self.said_of(name).size

    def delete(self, name: str) -> None:
        with _said(name):
            super().delete(name)

    def path_of(self, name: str) -> str:
        key: str = self._normalize_name(clean_name(name))
        return key

    @property
    def own_bucket(self) -> Any:
        """Of this thread: boto3's resources are not to be shared."""
        return self.connection.Bucket(self.bucket_name)

    def object_of(self, name: str) -> Any:
        return self.own_bucket.Object(self.path_of(name))

    def save_as(self, name: str, content: File[bytes]) -> None:
        """Under this very name: it says the hash of the bytes, or is nobody else's."""
        self._save(name, content)

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        assert mode == "rb", "What lies in the bucket is not written over."
        return File(io.BufferedReader(_Parts(self, name), READ_AT_ONCE))


class _Parts(io.RawIOBase):
    """An object read piece by piece, from wherever one likes: as a zip archive is read, and as a download is sent on.

    Where somebody writes another object under the key meanwhile, no piece of it is mixed in.
    """

    def __init__(self, bucket: Bucket, name: str) -> None:
        super().__init__()
        self.name, self.position = name, 0
        self._object = bucket.object_of(name)
        with _said(name):
            self.length: int = self._object.content_length
            self._etag: str = self._object.e_tag

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        beginning = {os.SEEK_SET: 0, os.SEEK_CUR: self.position, os.SEEK_END: self.length}[whence]
        self.position = max(0, beginning + offset)
        return self.position

    def tell(self) -> int:
        return self.position

    def readinto(self, buffer: Any) -> int:
        end = min(self.position + len(buffer), self.length)
        if end <= self.position:
            return 0
        with _said(self.name):
            piece = self._object.get(Range=f"bytes={self.position}-{end - 1}", IfMatch=self._etag)["Body"].read()
        buffer[: len(piece)] = piece
        self.position += len(piece)
        return len(piece)


def _forget_abandoned(folder: Path) -> None:
    """What killed processes left in ``folder`` goes after a day."""
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # another process was first
            if path.stat().st_mtime < time.time() - ABANDONED_AFTER:
                shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _said(name: str) -> Iterator[None]:
    """What went wrong as the OSError that a folder would raise."""
    try:
        yield
    except ClientError as error:
        if _status_of(error) == NOT_FOUND and error.response.get("Error", {}).get("Code") != "NoSuchBucket":
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name) from error
        raise StoreAwayError(errno.EIO, f"the bucket refused: {error}", name) from error
    except BotoCoreError as error:
        raise StoreAwayError(errno.EIO, f"the bucket does not answer: {error}", name) from error


def _status_of(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _refused(bucket: str, status: int) -> Trouble:
    if status == NOT_FOUND:
        return Trouble(f"The bucket {bucket} is not there. Make it, or mend its name.", may_pass=False)
    if status == FORBIDDEN:
        said = f"The bucket {bucket} refuses this key. Mend AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or let the key"
        return Trouble(f"{said} list, read, write and delete there.", may_pass=False)
    return Trouble(f"The bucket {bucket} answers with the status {status}.", may_pass=status >= SERVER_FAULT)


def _nanoseconds(moment: Any) -> int:
    return int(moment.timestamp()) * 10**9
