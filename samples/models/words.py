"""The words beside each sample, so that a search need not read every note."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Concat
from django.db.models.lookups import Lookup
from django.utils.translation import gettext_lazy as _

from samples.models.asking import one_of
from samples.models.systems import AlloySystem
from samples.words import WORD_LENGTH, element_words, words_of

if TYPE_CHECKING:
    from samples.models.samples import Sample

_AFTER_ALL_LETTERS = "\U0010ffff"


class WordField(models.CharField):  # type: ignore[type-arg]
    """A folded word; `__begins` asks for its beginning, by an index on either database."""


@WordField.register_lookup
class Begins(Lookup):
    lookup_name = "begins"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        """A range: words are compared byte by byte here."""
        word, parameters = self.process_lhs(compiler, connection)
        return f"({word} >= %s AND {word} < %s)", (*parameters, self.rhs, *parameters, self.rhs + _AFTER_ALL_LETTERS)

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        """A pattern: letters stand in the order of a language here, and the index has classes for patterns."""
        word, parameters = self.process_lhs(compiler, connection)
        return f"{word} LIKE %s", (*parameters, connection.ops.prep_for_like_query(self.rhs) + "%")


class SampleWordQuerySet(models.QuerySet["SampleWord"]):
    def begun_by(self, word: str) -> SampleWordQuerySet:
        """Those that begin so; a single letter or digit is a word of its own."""
        return self.filter(word__begins=word) if len(word) > 1 else self.filter(word=word)

    def list_for(self, samples: Iterable[Sample]) -> None:
        """Write the words of ``samples`` anew."""
        samples = list(samples)
        self.filter(sample__in=samples).delete()
        self.bulk_create(
            (SampleWord(sample=sample, word=word) for sample in samples for word in words_of_sample(sample)),
            batch_size=5000,
        )


class SampleWord(models.Model):
    """One word of a sample's code, compositions, place and notes."""

    sample = models.ForeignKey(
        "samples.Sample", on_delete=models.CASCADE, related_name="words", verbose_name=_("sample"), db_index=False
    )
    word = WordField(_("word"), max_length=WORD_LENGTH)

    objects = SampleWordQuerySet.as_manager()

    class Meta:
        verbose_name = _("word of a sample")
        verbose_name_plural = _("words of samples")
        constraints = [models.UniqueConstraint(fields=["sample", "word"], name="one_row_a_word")]
        indexes = [
            models.Index(fields=["word", "sample"], name="word_samples", opclasses=["varchar_pattern_ops", "int8_ops"])
        ]

    def __str__(self) -> str:
        return str(self.word)


def words_of_sample(sample: Any) -> list[str]:
    """Of a Sample, or of its row as a migration sees it."""
    texts = (sample.code, sample.composition, sample.composition_text, sample.measured, sample.place, sample.notes)
    return list(dict.fromkeys([*element_words(sample.composition), *words_of(*texts)]))


def people_named(name: str) -> list[int]:
    """The ids of the people whose user name or full name has ``name`` in it."""
    people = User.objects.annotate(full_name=Concat("first_name", Value(" "), "last_name"))
    named = Q(username__icontains=name) | Q(full_name__icontains=name)
    return list(people.filter(named).values_list("pk", flat=True))


def found_by(word: str) -> Q:
    """What a sample is found by: a word of its own, its system, the person who logged it.

    Systems and people are few: they are looked up first, and asked for by their ids.
    """
    condition = one_of(SampleWord.objects.begun_by(word))
    if "-" in word and (systems := AlloySystem.objects.filter(name__icontains=word).values_list("pk", flat=True)):
        condition |= Q(system__in=list(systems))
    if len(word) > 2 and (people := people_named(word)):
        condition |= Q(made_by__in=people)
    return condition
