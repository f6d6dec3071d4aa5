"""Who wants to hear of what, and what they were told: in the app at once, by mail once a day."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from samples.models.projects import VisibleQuerySet, people_who_see
from samples.models.samples import Sample
from samples.models.systems import AlloySystem


class NoticeKind(models.TextChoices):
    MENTIONED = "mentioned", _("Somebody names me with @ in a comment")
    COMMENT = "comment", _("A comment on a sample that I follow")
    CALLS = "calls", _("New calls of class A or B on what I follow")
    ASSIGNED = "assigned", _("A follow-up is assigned to me")
    OUTCOME = "outcome", _("An outcome is signed on a sample that I follow")
    TO_APPROVE = "to_approve", _("A promotion of a network waits for my approval")
    FAILED = "failed", _("A pattern that I uploaded could not be screened")


SENTENCES = {
    NoticeKind.MENTIONED: ngettext_lazy(
        "%(by)s mentioned you on %(about)s.", "You were mentioned %(n)s times on %(about)s, last by %(by)s.", "n"
    ),
    NoticeKind.COMMENT: ngettext_lazy(
        "%(by)s wrote a comment on %(about)s.", "%(n)s new comments on %(about)s, the last by %(by)s.", "n"
    ),
    NoticeKind.CALLS: ngettext_lazy(
        "%(about)s: %(n)s new call of class A or B.", "%(about)s: %(n)s new calls of class A or B.", "n"
    ),
    NoticeKind.ASSIGNED: ngettext_lazy(
        "%(by)s assigned you a follow-up of %(about)s.",
        "You were assigned a follow-up of %(about)s %(n)s times, last by %(by)s.",
        "n",
    ),
    NoticeKind.OUTCOME: ngettext_lazy(
        "%(by)s signed an outcome on %(about)s.", "%(n)s outcomes were signed on %(about)s, the last by %(by)s.", "n"
    ),
    NoticeKind.TO_APPROVE: ngettext_lazy(
        "%(by)s asks you to approve %(about)s for production.",
        "%(n)s times you were asked to approve %(about)s for production, last by %(by)s.",
        "n",
    ),
    NoticeKind.FAILED: ngettext_lazy(
        "%(n)s pattern that you uploaded could not be screened: %(about)s.",
        "%(n)s patterns that you uploaded could not be screened; one is %(about)s.",
        "n",
    ),
}


class FollowingQuerySet(VisibleQuerySet["Following"]):
    project_paths = ("sample__project",)

    def followers_of(self, sample: Sample) -> set[int]:
        """Ids of those who follow ``sample`` itself or its alloy system."""
        here = self.filter(Q(sample=sample) | Q(system=sample.system_id))
        return set(here.values_list("person_id", flat=True))

    def begin(self, person: User, thing: Sample | AlloySystem) -> None:
        self.get_or_create(person=person, **_as_field(thing))

    def end(self, person: User, thing: Sample | AlloySystem) -> None:
        self.filter(person=person, **_as_field(thing)).delete()

    def is_followed(self, person: User, thing: Sample | AlloySystem) -> bool:
        return self.filter(person=person, **_as_field(thing)).exists()


def _as_field(thing: Sample | AlloySystem) -> dict[str, Any]:
    return {"sample" if isinstance(thing, Sample) else "system": thing}


class Following(models.Model):
    """A person wants to hear what happens to a sample, or to all samples of a system."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="followings")
    sample = models.ForeignKey(Sample, on_delete=models.PROTECT, null=True, related_name="followings")
    system = models.ForeignKey(AlloySystem, on_delete=models.PROTECT, null=True, related_name="followings")
    since = models.DateTimeField(auto_now_add=True)

    objects = FollowingQuerySet.as_manager()

    class Meta:
        default_permissions = ()  # each person's own
        constraints = [
            models.CheckConstraint(
                condition=Q(sample=None, system__isnull=False) | Q(sample__isnull=False, system=None),
                name="one_follows_one_thing",
            ),
            models.UniqueConstraint(fields=["person", "sample"], name="a_sample_is_followed_once"),
            models.UniqueConstraint(fields=["person", "system"], name="a_system_is_followed_once"),
        ]

    def __str__(self) -> str:
        return f"{self.person} → {self.thing}"

    @property
    def thing(self) -> Sample | AlloySystem:
        followed = self.sample or self.system
        assert followed
        return followed


class NoticeChoice(models.Model):
    """How a person wants to hear of one kind of thing; where there is no row: in the app and by mail."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="notice_choices")
    kind = models.CharField(max_length=10, choices=NoticeKind)
    in_app = models.BooleanField(default=True)
    by_mail = models.BooleanField(default=True)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["person", "kind"], name="one_choice_a_kind_of_notice")]

    def __str__(self) -> str:
        return f"{self.person}: {self.kind}"


class NoticeQuerySet(VisibleQuerySet["Notice"]):
    project_paths = ("sample__project",)

    def of(self, person: User) -> NoticeQuerySet:
        """What ``person`` is shown in the app, newest first."""
        return (
            self.visible_to(person).filter(person=person, in_app=True).select_related("by").order_by("-told_at", "-pk")
        )

    def unread(self) -> NoticeQuerySet:
        return self.filter(read_at=None)

    def mark_read(self) -> int:
        return self.unread().update(read_at=timezone.now())

    @transaction.atomic
    def tell(
        self,
        kind: NoticeKind,
        people: Iterable[int],
        *,
        about: str,
        address: str,
        by: User | None = None,
        n: int = 1,
        sample: Sample | None = None,
    ) -> None:
        """Tell ``people`` (ids) of ``n`` things of this kind behind ``address``; as many statements for many people as for one.

        Of a ``sample`` only those are told who may see it, and they read it as long as they may.

        What waits unread for a person behind the same address grows by ``n``: "12 new calls", not twelve notices. Nobody is
        told what they did themselves, or what they have switched off.
        """
        wanted = set(people) - {by.pk if by else None}
        if not wanted:
            return
        seeing = people_who_see(sample.project if sample else None)
        active = set(seeing.filter(pk__in=wanted, is_active=True).values_list("pk", flat=True))
        choices = {choice.person_id: choice for choice in NoticeChoice.objects.filter(kind=kind, person__in=active)}
        unset = NoticeChoice()
        ways = {pk: choices.get(pk, unset) for pk in active}
        waiting = self.unread().filter(kind=kind, address=address, person__in=active)
        waiting_for = set(waiting.values_list("person_id", flat=True))
        hear_by_mail = [pk for pk, way in ways.items() if way.by_mail]
        waiting.update(n=F("n") + n, about=about, by=by, sample=sample, told_at=timezone.now())
        waiting.filter(person__in=hear_by_mail).update(mail_due=True)
        self.bulk_create(
            [
                Notice(
                    person_id=pk, kind=kind, about=about, address=address, by=by, n=n, sample=sample,
                    in_app=way.in_app, mail_due=way.by_mail,
                )
                for pk, way in ways.items()
                if pk not in waiting_for and (way.in_app or way.by_mail)
            ],
            ignore_conflicts=True,
        )  # fmt: skip


class Notice(models.Model):
    """What one person is told: a sentence and where to look."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="notices")
    kind = models.CharField(max_length=10, choices=NoticeKind)
    about = models.CharField(max_length=300)
    address = models.CharField(max_length=300)
    sample = models.ForeignKey(Sample, on_delete=models.PROTECT, null=True, related_name="notices")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    n = models.PositiveIntegerField(default=1)
    told_at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True)
    in_app = models.BooleanField(default=True)
    mail_due = models.BooleanField(default=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["person", "kind", "address"], condition=Q(read_at=None), name="one_unread_notice_a_place"
            ),
        ]
        indexes = [
            models.Index(fields=["person", "-told_at"], condition=Q(in_app=True), name="notices_of_a_person"),
            models.Index(fields=["person"], condition=Q(mail_due=True), name="notices_to_mail"),
        ]

    def __str__(self) -> str:
        return self.sentence

    @property
    def sentence(self) -> str:
        """In the language of the reader."""
        by = str(self.by) if self.by else ""
        return str(SENTENCES[NoticeKind(self.kind)] % {"by": by, "about": self.about, "n": self.n})
