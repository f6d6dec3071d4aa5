"""Numbers that no row can have, wherever a page takes the number of one: a plain answer and never a fault."""

from __future__ import annotations

import pytest
from django.test import Client

from samples.models import Pattern
from screening.models import ScreeningRun
from tests.factories import UserFactory
from tests.screening.reviewing import REASON, make_candidate

pytestmark = pytest.mark.django_db

NO_NUMBERS = ["", "-1", "0", "²", "٣", "1e400", "9" * 20, pytest.param("9" * 5000, id="long"), "a\nb", "<b>"]


@pytest.fixture
def pattern(client: Client) -> Pattern:
    """A call that waits in the queue, and one who may judge it and enter evidence."""
    client.force_login(UserFactory.create(roles=["reviewer", "microscopist"]))
    return make_candidate().reading.pattern


@pytest.mark.parametrize("number", NO_NUMBERS)
@pytest.mark.parametrize(
    ("address", "field"),
    [
        ("/review/batch/", "candidates"),
        ("/review/blind/", "back"),
        ("/patterns/{pattern}/retry/", "run"),
        ("/runs/{run}/set-aside/", "rows"),
        ("/runs/{run}/move/", "rows"),
        ("/inbox/", "patterns"),
        ("/upload/", "run"),
    ],
)
def test_sent_by_a_form(client: Client, pattern: Pattern, address: str, field: str, number: str) -> None:
    run = ScreeningRun.objects.latest("pk")
    said = {"verdict": "unsure", "reason": REASON, field: number}
    assert client.post(address.format(pattern=pattern.pk, run=run.pk), said).status_code < 500


@pytest.mark.parametrize("number", NO_NUMBERS)
@pytest.mark.parametrize("address", ["/review/next/?after=", "/review/next/?before=", "/follow-ups/new/?review="])
def test_in_an_address(client: Client, pattern: Pattern, address: str, number: str) -> None:
    assert client.get(address + number.replace("\n", "%0A")).status_code < 500


@pytest.mark.parametrize("sample", ["a&page=9", "a\nb: c", "é#"])
def test_a_button_leads_back_to_the_batch_whatever_it_says(client: Client, pattern: Pattern, sample: str) -> None:
    answer = client.post(f"/patterns/{pattern.pk}/retry/", {"run": "7", "run_sample": sample})
    assert answer["Location"].startswith("/runs/7/?sample=")
    assert "&" not in answer["Location"]
