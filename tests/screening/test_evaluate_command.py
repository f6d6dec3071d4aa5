"""manage.py evaluate in a lab: the measured negatives are the lab's own refuted patterns, unless somebody says otherwise."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, get_commands, load_command_class

from mlmodels.net.evaluation import Negatives
from screening.management.commands.evaluate import Command
from screening.refuted import refuted_readings
from tests.factories import SampleFactory, UserFactory, make_pattern
from tests.screening.curated import judged_pattern

pytestmark = pytest.mark.django_db


@pytest.fixture
def microscopist() -> User:
    return UserFactory.create(roles=["microscopist"])


def negatives_of(*options: str, path: Path | None = None) -> tuple[Negatives | None, str]:
    """What the command would evaluate on, without evaluating for minutes, and what it says of that."""
    said = io.StringIO()
    command = Command(stderr=said)
    parsed = command.create_parser("manage.py", "evaluate").parse_args(list(options))
    return command.negatives(path, vars(parsed)), said.getvalue()


def test_only_measured_patterns_of_refuted_samples_are_taken(microscopist: User) -> None:
    refuted = judged_pattern(microscopist, "refuted")
    judged_pattern(microscopist, "confirmed")
    judged_pattern(microscopist, "inconclusive")
    judged_pattern(microscopist, "refuted").archive(microscopist)
    sample = SampleFactory.create()
    judged_pattern(microscopist, "refuted", sample=sample)
    judged_pattern(microscopist, "confirmed", sample=sample)  # the newer one answers for it
    make_pattern(by=microscopist)
    simulated = judged_pattern(microscopist, "refuted")
    type(simulated).objects.filter(pk=simulated.pk).update(simulated=True)
    assert [reading.pattern for reading in refuted_readings()] == [refuted]


def test_they_are_evaluated_on_by_default(microscopist: User) -> None:
    assert isinstance(load_command_class(get_commands()["evaluate"], "evaluate"), Command)
    for _ in range(2):
        judged_pattern(microscopist, "refuted")
    found, said = negatives_of()
    assert found
    assert len(found.patterns) + found.n_refused == 2
    assert found.origin == "this lab's follow-ups: 2 refuted patterns of 2 samples"
    assert said == f"Measured negatives: {found.origin}.\n"


def test_left_out_where_nothing_is_refuted_or_nobody_wants_them(microscopist: User) -> None:
    assert negatives_of() == (None, "Measured negatives: none, as this lab has refuted nothing yet.\n")
    judged_pattern(microscopist, "refuted")
    assert negatives_of("--without-lab") == (None, "")


def test_a_file_goes_before_them_and_one_that_is_no_pack_says_so(microscopist: User, tmp_path: Path) -> None:
    judged_pattern(microscopist, "refuted")
    (tmp_path / "pack.npz").write_bytes(b"no pack")
    with pytest.raises(CommandError, match="cannot be read as a pack of negatives"):
        negatives_of(path=tmp_path / "pack.npz")
