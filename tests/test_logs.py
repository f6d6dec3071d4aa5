"""Lines of the log say which request and which run they belong to, and hold no address that may be a secret."""

from __future__ import annotations

import json
import logging
import logging.config
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from lims.settings import LOGGING
from samples.log_ids import AddIds, request_id, run_id


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    logger = logging.getLogger("icosa.request")
    logger.setLevel(logging.INFO)
    caplog.handler.addFilter(AddIds())
    yield caplog
    logger.setLevel(logging.WARNING)


@pytest.mark.django_db
def test_each_request_has_a_number_in_the_answer_and_in_the_log(
    client: Client, lines: pytest.LogCaptureFixture
) -> None:
    response = client.get("/welcome/a-secret-of-an-invitation/")
    record = next(record for record in lines.records if record.name == "icosa.request")
    assert record.__dict__["request_id"] == response["X-Request-ID"]
    assert len(response["X-Request-ID"]) == 12
    assert (record.__dict__["route"], record.__dict__["method"]) == ("welcome/<str:secret>/", "GET")
    assert "a-secret" not in str(record.__dict__["route"])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("given", "kept"), [("7c1f0a52-9d3e", True), ("short", False), ("<script>alert(1)</script>", False)]
)
def test_a_number_that_the_web_server_gave_is_kept_where_it_is_one(client: Client, given: str, kept: bool) -> None:
    assert (client.get("/healthz", headers={"X-Request-ID": given})["X-Request-ID"] == given) is kept


def test_json_lines_hold_message_level_and_ids() -> None:
    told: Any = LOGGING["formatters"]
    formatter = logging.config.DictConfigurator({}).configure_formatter({**told["json"]})
    record = logging.LogRecord("screening.tasks", logging.ERROR, "", 1, "Screening failed for %s", ([7],), None)
    tokens = request_id.set("abcdef123456"), run_id.set("12")
    AddIds().filter(record)
    request_id.reset(tokens[0])
    run_id.reset(tokens[1])
    line = json.loads(formatter.format(record))
    assert line.pop("timestamp")
    assert line == {
        "levelname": "ERROR",
        "name": "screening.tasks",
        "message": "Screening failed for [7]",
        "request_id": "abcdef123456",
        "run_id": "12",
    }
