"""Rows for tests, made as the project itself makes them."""

from __future__ import annotations

from typing import Any

import factory
from django.contrib.auth.models import Group, User
from factory.django import DjangoModelFactory

from samples.models import AlloySystem, Sample

PASSWORD = "a password for tests"


class UserFactory(DjangoModelFactory[User]):
    """A person; `UserFactory(roles=["member"])` is in these groups of lims.roles."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"person{n}")
    password = factory.django.Password(PASSWORD)

    @factory.post_generation
    def roles(self: User, create: bool, extracted: list[str] | None, **kwargs: Any) -> None:
        for role in extracted or []:
            self.groups.add(Group.objects.get(name=role))


class AlloySystemFactory(DjangoModelFactory[AlloySystem]):
    class Meta:
        model = AlloySystem
        django_get_or_create = ("key",)

    name = "Al-Si-Ru"
    key = factory.LazyAttribute(lambda system: AlloySystem.key_of(system.name.split("-")))


class SampleFactory(DjangoModelFactory[Sample]):
    """A logged sample; `steps=[…]` and `masses=[…]` are rows that are not saved yet."""

    class Meta:
        model = Sample

    code = factory.Sequence(lambda n: f"T-{n + 1:03d}")
    composition_text = "Al43Si32Ru25"
    made_by = factory.SubFactory(UserFactory)

    @classmethod
    def _create(cls, model_class: type[Sample], *args: Any, **kwargs: Any) -> Sample:
        by, steps, masses = kwargs.pop("made_by"), kwargs.pop("steps", ()), kwargs.pop("masses", ())
        sample = model_class(*args, **kwargs)
        sample.log(by=by, steps=steps, masses=masses)
        return sample
