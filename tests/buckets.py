"""A server process that speaks S3, for tests. It is a stand-in (moto): it keeps objects in memory and trusts every key."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError

KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing-secret"}
START_WITHIN = 60.0


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class S3Server:
    def __init__(self) -> None:
        self.port = free_port()
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

    def wait_until_it_answers(self) -> None:
        until = time.monotonic() + START_WITHIN
        while True:
            with suppress(BotoCoreError):
                self.client.list_buckets()
                return
            assert time.monotonic() < until, "the S3 server did not start"
            time.sleep(0.2)

    def make_bucket(self, name: str) -> str:
        """What ICOSA_FILES is set to for it."""
        self.wait_until_it_answers()
        self.client.create_bucket(Bucket=name)
        return f"s3://{name}/lab?endpoint={self.endpoint}&region=us-east-1"

    def names_in(self, bucket: str) -> list[str]:
        return sorted(one["Key"] for one in self.client.list_objects_v2(Bucket=bucket).get("Contents", []))

    def open_to_everybody(self, bucket: str) -> None:
        allowed = {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{bucket}/*",
        }
        policy = {"Version": "2012-10-17", "Statement": [allowed]}
        self.client.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))

    @contextmanager
    def trusting_nobody(self) -> Iterator[None]:
        """It knows no keys, and so refuses all of them inside."""
        self._trust(0)
        yield
        self._trust(10**9)

    def _trust(self, n_questions: int) -> None:
        address = f"{self.endpoint}/moto-api/reset-auth"
        told = urllib.request.Request(address, str(n_questions).encode(), {"Content-Type": "text/plain"})
        urllib.request.urlopen(told).close()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture(scope="module")
def s3_server() -> Iterator[S3Server]:
    server = S3Server()
    yield server
    server.stop()
