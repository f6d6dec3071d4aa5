"""A connection that is lost in the middle of an upload: half a file is not kept, and the whole one comes in later."""

from __future__ import annotations

import socket
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from pytest_django.live_server_helper import LiveServer

from lims.models import ApiKey
from samples.models import Pattern, PatternFile
from screening.models import ScreeningRun
from tests.factories import UserFactory, pattern_text

pytestmark = pytest.mark.django_db(transaction=True)

BOUNDARY = "----half"


def sent(address: str, secret: str, body: bytes, n_sent: int) -> bytes:
    """The answer of the lab to the first ``n_sent`` bytes of an upload that says it is all of ``body``."""
    place = urlsplit(address)
    head = (
        f"POST /api/v1/patterns/ HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer {secret}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection((place.hostname, place.port), timeout=20) as connection:
        connection.sendall(head.encode() + body[:n_sent])
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_half_a_file_is_not_kept(live_server: LiveServer, share: float) -> None:
    owner = UserFactory.create(roles=["member"])
    _key, secret = ApiKey.objects.issue(owner, name="PC", scopes=["upload"], valid_for=timedelta(days=1))
    disposition = 'Content-Disposition: form-data; name="file"; filename="scan.xy"'
    start = f"--{BOUNDARY}\r\n{disposition}\r\nContent-Type: text/plain\r\n\r\n"
    body = start.encode() + pattern_text() + f"\r\n--{BOUNDARY}--\r\n".encode()
    answer = sent(live_server.url, secret, body, round(share * len(body)))
    assert b"HTTP/1.1 2" not in answer
    assert not Pattern.objects.exists()
    assert not PatternFile.objects.exists()
    assert not ScreeningRun.objects.exists()
    assert b" 201 " in sent(live_server.url, secret, body, len(body)).partition(b"\r\n")[0]
    assert Pattern.objects.get().name == "scan.xy"
