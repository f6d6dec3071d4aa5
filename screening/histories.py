"""The history of a sample: its own changes, those of its patterns and follow-ups, and what was signed about it."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser

from samples.models import Change, Pattern, Sample
from samples.models.changes import label_of
from samples.story import Entry, Story
from screening.models import FollowUp, Outcome, Review

LAST_CHANGES = 10
"""In the dossier."""


def story_of_sample(sample: Sample, reader: AbstractBaseUser) -> Story:
    signed = {
        "review": Review.objects.filter(result__reading__pattern__sample=sample),
        "outcome": Outcome.objects.filter(sample=sample),
    }
    changes = Change.objects.told_with_sample(sample.pk, Pattern.objects.filter(sample=sample).values("pk"))
    return Story(reader, (label_of(Sample), sample.pk), changes, signed)


def last_changes(sample: Sample, reader: AbstractBaseUser) -> list[Entry]:
    """Of the sample and its follow-ups, what stood there otherwise before; the dossier has what was signed in full."""
    of_it = Change.objects.filter(sample=sample, thing__in=[label_of(Sample), label_of(FollowUp)])
    story = Story(reader, (label_of(Sample), sample.pk), of_it.exclude(rows__0__what="made"))
    return story.tell(story.moments()[:LAST_CHANGES])
