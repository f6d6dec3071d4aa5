"""Projects: who is in, who leads, and what is hidden from whom."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction

from samples.models import Change, Pattern, Project, Sample
from tests.factories import SampleFactory, UserFactory, make_pattern

pytestmark = pytest.mark.django_db


@pytest.fixture
def leader() -> User:
    return UserFactory.create(roles=["member"])


@pytest.fixture
def closed(leader: User) -> Project:
    return Project.objects.begin(by=UserFactory.create(roles=["admin"]), key="yb", name="Yb hunt", leaders=[leader])


def again(person: User) -> User:
    """As the next request finds them."""
    return User.objects.get(pk=person.pk)


class TestWhoSees:
    def test_a_closed_project_is_seen_by_members_and_admins_alone(self, closed: Project, leader: User) -> None:
        sample = SampleFactory.create(project=closed, made_by=leader)
        outsider, admin = UserFactory.create(roles=["curator"]), UserFactory.create(roles=["admin"])
        assert [list(Sample.objects.visible_to(who)) for who in (leader, admin, outsider)] == [[sample], [sample], []]
        closed.take_in(outsider, by=leader)
        assert list(Sample.objects.visible_to(again(outsider))) == [sample]
        closed.let_go(outsider, by=leader)
        assert not Sample.objects.visible_to(again(outsider))

    def test_an_open_project_and_none_hide_nothing(self, closed: Project, leader: User) -> None:
        SampleFactory.create()
        SampleFactory.create(project=closed, made_by=leader)
        outsider = UserFactory.create(roles=["member"])
        assert Sample.objects.visible_to(outsider).count() == 1
        closed.open(by=leader)
        assert Sample.objects.visible_to(again(outsider)).count() == 2

    def test_an_archived_closed_project_stays_closed(self, closed: Project, leader: User) -> None:
        SampleFactory.create(project=closed, made_by=leader)
        closed.archive(by=leader)
        assert not Sample.objects.visible_to(UserFactory.create(roles=["member"]))

    def test_an_admin_who_left_sees_no_more_than_anybody(self, closed: Project, leader: User) -> None:
        admin = UserFactory.create(roles=["admin"], is_active=False)
        SampleFactory.create(project=closed, made_by=leader)
        assert not Sample.objects.visible_to(admin)

    def test_a_piece_is_in_the_project_of_its_parent(self, closed: Project, leader: User) -> None:
        piece = Sample(composition_text="Al6Mn", parent=SampleFactory.create(project=closed, made_by=leader))
        piece.log(by=leader)
        assert piece.project == closed


class TestPatterns:
    def test_a_pattern_follows_its_sample_and_stays_hidden_in_the_inbox(self, closed: Project, leader: User) -> None:
        pattern, outsider = (
            make_pattern(sample=SampleFactory.create(project=closed, made_by=leader)),
            UserFactory.create(),
        )
        assert not Pattern.objects.visible_to(outsider)
        pattern.move_to(None, leader)
        assert pattern.project == closed
        assert not Pattern.objects.visible_to(outsider)
        Pattern.objects.filter(pk=pattern.pk).move_to(SampleFactory.create(), leader)
        assert list(Pattern.objects.visible_to(outsider)) == [pattern]
        Pattern.objects.filter(pk=pattern.pk).move_to(SampleFactory.create(project=closed, made_by=leader), leader)
        Pattern.objects.filter(pk=pattern.pk).move_to(None, leader)
        assert not Pattern.objects.visible_to(outsider)

    def test_the_database_refuses_a_project_beside_that_of_the_sample(self, closed: Project) -> None:
        pattern = make_pattern(sample=SampleFactory.create())
        with pytest.raises(IntegrityError), transaction.atomic():
            Pattern.objects.filter(pk=pattern.pk).update(project=closed)


def test_a_closed_project_keeps_a_leader(closed: Project, leader: User) -> None:
    with pytest.raises(ValidationError, match="keeps a leader"):
        closed.let_go(leader, by=leader)
    assert closed.may_be_led_by(leader)


def test_what_is_done_to_a_project_is_kept(closed: Project, leader: User) -> None:
    closed.open(by=leader)
    made, opened = Change.objects.of(Project, [closed.pk]).order_by("pk")
    assert [row["what"] for row in made.rows] == ["made", "made"]
    assert made.rows[1]["name"] == str(leader)
    assert made.rows[1]["fields"]["leads"] == [None, True]
    assert (opened.by, opened.rows[0]["fields"]) == (leader, {"is_closed": [True, False]})


WITHIN_OTHERS = {
    *("SampleElement", "SampleWord", "SynthesisStep", "WeighedMass", "CommentEdition", "ReadingArrays", "SheetChange"),
    *("ObservedPhase", "LatticeMeasurement", "LoggedSample", "PackedFolder", "Argument", "LabelEvidence", "Change"),
    "InputMeasures",  # counted by the calls of their readings
}
"""Shown by the page of the row that they belong to."""

BY_RULES_OF_THEIR_OWN = {"PatternFile", "ScreeningRun", "SheetImport"}


def test_every_row_that_hangs_on_a_sample_says_who_sees_it() -> None:
    """A new model that leads to a sample needs `project_paths`, or a line above."""
    reach: set[type[models.Model]] = {Sample, Pattern}
    every = [
        model for label in ("samples", "mlmodels", "screening") for model in apps.get_app_config(label).get_models()
    ]
    while more := {model for model in every if model not in reach and leads_to(model, reach)}:
        reach |= more
    silent = {model.__name__ for model in reach if not getattr(model._default_manager.all(), "project_paths", ())}
    assert silent - WITHIN_OTHERS - BY_RULES_OF_THEIR_OWN == set()
    for name in BY_RULES_OF_THEIR_OWN:
        assert any(hasattr(model._default_manager.all(), "visible_to") for model in every if model.__name__ == name)


def leads_to(model: type[models.Model], reach: set[type[models.Model]]) -> bool:
    return any(isinstance(field, models.ForeignKey) and field.related_model in reach for field in model._meta.fields)
