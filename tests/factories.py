"""Rows for tests, made as the project itself makes them."""

# mypy: disable-error-code="no-untyped-call"
# (factory_boy's declarations carry no types)

from __future__ import annotations

import zlib
from itertools import count
from typing import Any

import numpy as np
from django.contrib.auth.models import Group, User
from factory.declarations import LazyAttribute, Sequence, SubFactory
from factory.django import DjangoModelFactory, Password
from factory.helpers import post_generation

from samples.models import AlloySystem, Pattern, Reading, Sample

PASSWORD = "a password for tests"

_numbers = count(1)


class UserFactory(DjangoModelFactory[User]):
    """A person; `UserFactory(roles=["member"])` is in these groups of lims.roles."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    username = Sequence(lambda n: f"person{n}")
    password = Password(PASSWORD)

    @post_generation
    def roles(self: User, create: bool, extracted: list[str] | None, **kwargs: Any) -> None:
        for role in extracted or []:
            self.groups.add(Group.objects.get(name=role))


class AlloySystemFactory(DjangoModelFactory[AlloySystem]):
    class Meta:
        model = AlloySystem
        django_get_or_create = ("key",)

    name = "Al-Si-Ru"
    key = LazyAttribute(lambda system: AlloySystem.key_of(system.name.split("-")))


class SampleFactory(DjangoModelFactory[Sample]):
    """A logged sample; `steps=[…]` and `masses=[…]` are rows that are not saved yet."""

    class Meta:
        model = Sample

    code = Sequence(lambda n: f"T-{n + 1:03d}")
    composition_text = "Al43Si32Ru25"
    made_by = SubFactory(UserFactory)

    @classmethod
    def _create(cls, model_class: type[Sample], *args: Any, **kwargs: Any) -> Sample:
        by, steps, masses = kwargs.pop("made_by"), kwargs.pop("steps", ()), kwargs.pop("masses", ())
        sample = model_class(**kwargs)
        sample.log(by=by, steps=steps, masses=masses)
        return sample


def make_pattern(*, name: str = "", by: User | None = None, content: bytes = b"", **received: Any) -> Pattern:
    """A pattern as it came in; without ``content``, of a text file like no other."""
    name = name or f"pattern-{next(_numbers):03d}.xy"
    content = content or pattern_text(seed=zlib.crc32(name.encode()))
    by = by or User.objects.create_user(f"uploader of {name} {next(_numbers)}")
    return Pattern.objects.receive(content, name=name, by=by, **received).patterns[0]


def make_reading(**received: Any) -> Reading:
    """The reading of a new pattern."""
    return make_pattern(**received).readings.get()


def pattern_text(seed: int = 0, *, first: float = 20.0, last: float = 80.0, step: float = 0.02) -> bytes:
    """Two columns of text: a few lines on a background, with the noise of counting, at Cu Kα1."""
    rng = np.random.default_rng(seed)
    two_theta = np.arange(first, last, step)
    counts = np.full(len(two_theta), 200.0)
    for position in rng.uniform(22, 78, 12):
        counts += rng.uniform(200, 5000) / (1 + ((two_theta - position) / 0.1) ** 2)
    rows = np.column_stack([two_theta, rng.poisson(counts)])
    return "".join(f"{angle:.3f} {count:.0f}\n" for angle, count in rows).encode()
