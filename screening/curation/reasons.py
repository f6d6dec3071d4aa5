"""Why a pattern is left out of a data set: the reasons as they are counted, and the sentence of each pattern."""

from __future__ import annotations

from typing import NamedTuple

from django.db import models
from django.utils.translation import gettext_lazy as _

from samples.xrd.sentences import Sentence


class Reason(models.TextChoices):
    """In the order in which they are looked for."""

    BY_HAND = "by_hand", _("taken out by hand")
    ARCHIVED = "archived", _("archived")
    UNREADABLE = "unreadable", _("the file could not be read")
    BLANK = "blank", _("blank or holder scan")
    NOT_SCREENABLE = "not_screenable", _("not screenable")
    SIMULATED = "simulated", _("simulated, and not asked for")
    INCONCLUSIVE = "inconclusive", _("outcome inconclusive")
    CONFLICT = "conflict", _("what was signed contradicts itself")
    READERS_DISAGREE = "readers_disagree", _("reviewers disagree")
    TOO_FEW_READINGS = "too_few_readings", _("too few readings")
    NOTHING_SIGNED = "nothing_signed", _("nothing is signed about it")
    DUPLICATE = "duplicate", _("duplicate of another entry")


class LeftOut(NamedTuple):
    reason: Reason
    words: Sentence
