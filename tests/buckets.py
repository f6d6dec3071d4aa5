"""A server process that speaks S3, for tests. It is a stand-in (moto): it keeps objects in memory and trusts every key."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError

KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing-secret"}
START_WITHIN = 60.0


class S3Server:
    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
            env={**os.environ, **KEYS},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"max_attempts": 1}),
        )
        until = time.monotonic() + START_WITHIN
        while True:
            with suppress(BotoCoreError):
                self.client.list_buckets()
                return
            assert time.monotonic() < until, "the S3 server did not start"
            time.sleep(0.2)

    def make_bucket(self, name: str) -> str:
        """What ICOSA_FILES is set to for it."""
        self.client.create_bucket(Bucket=name)
        return f"s3://{name}/lab?endpoint={self.endpoint}&region=us-east-1"

    def names_in(self, bucket: str) -> list[str]:
        return sorted(one["Key"] for one in self.client.list_objects_v2(Bucket=bucket).get("Contents", []))

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture(scope="module")
def s3_server() -> Iterator[S3Server]:
    server = S3Server()
    yield server
    server.stop()
