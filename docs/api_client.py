"""Send a pattern to Icosa and wait for its class, with Python's standard library alone.

export ICOSA_KEY=icosa_…    # a key with the scopes upload and read, made on the page "API keys"
python api_client.py http://localhost:8000 scan.ras [ASR-001]
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any


class Icosa:
    """The API of one lab, by one key; an error of the lab is raised with the sentence that it says."""

    def __init__(self, address: str, key: str) -> None:
        self.address = f"{address.rstrip('/')}/api/v1"
        self.key = key

    def get(self, path: str) -> Any:
        return self._send(urllib.request.Request(f"{self.address}/{path}"))

    def upload(self, file: Path, sample: str = "") -> Any:
        """Send one file; the same file again is no error and stores nothing."""
        boundary = uuid.uuid4().hex
        name = file.name.replace('"', "%22")
        body = b"".join(
            (
                f'--{boundary}\r\nContent-Disposition: form-data; name="sample"\r\n\r\n{sample}\r\n'.encode(),
                f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode(),
                file.read_bytes(),
                f"\r\n--{boundary}--\r\n".encode(),
            )
        )
        request = urllib.request.Request(f"{self.address}/patterns/", body)
        request.add_header("Content-Type", f"multipart/form-data; boundary={boundary}")
        return self._send(request)

    def wait_for(self, pattern: int, seconds: float = 60) -> Any:
        """The pattern once it is screened, or once it is sure that it will not be."""
        until = time.monotonic() + seconds
        while True:
            shown = self.get(f"patterns/{pattern}/")
            if not shown["result"] or shown["result"]["state"] not in {"queued", "running"}:
                return shown
            if time.monotonic() > until:
                raise SystemExit(f"Pattern {pattern} still waits. Is a worker running?")
            time.sleep(0.5)

    def _send(self, request: urllib.request.Request) -> Any:
        request.add_header("Authorization", f"Bearer {self.key}")
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise SystemExit(json.load(error)["error"]["message"]) from error
        except urllib.error.URLError as error:
            raise SystemExit(f"{self.address} does not answer: {error.reason}") from error


def main(address: str, file: str, sample: str = "") -> None:
    lab = Icosa(address, os.environ["ICOSA_KEY"])
    receipt = lab.upload(Path(file), sample)
    for sentence in (receipt["whereabouts"], receipt["failure"]):
        if sentence:
            print(sentence)
    for pattern in receipt["patterns"]:
        result = lab.wait_for(pattern["id"])["result"]
        if result:
            print(f"{pattern['name']}: {result['level'] or result['reason']} (p = {result['probability']})")


if __name__ == "__main__":
    if "ICOSA_KEY" not in os.environ or not 3 <= len(sys.argv) <= 4 or not Path(sys.argv[2]).is_file():
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
