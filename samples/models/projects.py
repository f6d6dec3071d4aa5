"""Projects: groups of people that share samples, and the one rule of who sees what.

A closed project hides what is in it from everybody but its members and the admins: its samples, their patterns, and all that
hangs on them. What is in no project, or in an open one, the whole lab sees.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self, TypeVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Permission, User
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from samples.models.acts import Act, changes_by
from samples.models.traced import TracedModel, TracedQuerySet

Row_co = TypeVar("Row_co", bound=models.Model, covariant=True)
Record_co = TypeVar("Record_co", bound=TracedModel, covariant=True)

EVERY_PROJECT = "samples.see_every_project"
"""Who may see what every project holds: the admins."""

Viewer = AbstractBaseUser | AnonymousUser

_KEPT = "_hidden_projects"


def hidden_from(person: Viewer) -> frozenset[int]:
    """Ids of the projects that are closed to ``person``.

    Asked once and kept on the person, as Django keeps permissions: for one request.
    """
    kept: frozenset[int] | None = getattr(person, _KEPT, None)
    if kept is None:
        kept = frozenset(Project.objects.closed_to(person).values_list("pk", flat=True))
        if kept and isinstance(person, User) and person.has_perm(EVERY_PROJECT):
            kept = frozenset()
        setattr(person, _KEPT, kept)
    return kept


def seen_by(person: Viewer, *paths: str) -> Q:
    """What ``person`` may see: none of the ``paths`` leads to a project that is closed to them."""
    hidden = hidden_from(person)
    seen = Q()
    for path in paths if hidden else ():
        seen &= ~Q(**{f"{path}__in": hidden})
    return seen


def people_who_see(project: Project | None) -> models.QuerySet[User]:
    """What is in ``project``, or in none."""
    if project is None or not project.is_closed:
        return User.objects.all()
    codename = EVERY_PROJECT.partition(".")[2]
    right = Permission.objects.filter(codename=codename, content_type__app_label="samples")
    sees_all = Q(groups__permissions__in=right) | Q(user_permissions__in=right) | Q(is_superuser=True)
    return User.objects.filter(pk__in=User.objects.filter(sees_all | Q(memberships__project=project)).values("pk"))


THE_LAB: Viewer = AnonymousUser()
"""From which nothing is hidden: for commands and jobs, which speak to nobody."""
setattr(THE_LAB, _KEPT, frozenset())


class OfProjects:
    """Rows that belong to a project by one of ``project_paths``; every page, list, count and file asks for them by `visible_to`."""

    project_paths: ClassVar[tuple[str, ...]] = ()

    def visible_to(self, person: Viewer) -> Self:
        """Without what is in projects that are closed to ``person``."""
        rows: Any = self
        seen = seen_by(person, *self.project_paths)
        return rows.filter(seen) if seen else rows  # type: ignore[no-any-return]

    def hidden_from(self, person: Viewer) -> Self:
        """What is in projects that are closed to ``person``."""
        rows: Any = self
        seen = seen_by(person, *self.project_paths)
        return rows.filter(~seen) if seen else rows.none()  # type: ignore[no-any-return]


class VisibleQuerySet(OfProjects, models.QuerySet[Row_co]):
    """Rows of projects."""


class RecordQuerySet(OfProjects, TracedQuerySet[Record_co]):
    """Rows of projects that have a history."""


class ProjectQuerySet(TracedQuerySet["Project"]):
    def current(self) -> ProjectQuerySet:
        return self.filter(archived_at=None)

    def closed_to(self, person: Viewer) -> ProjectQuerySet:
        """Closed, and this person is no member, or has left the lab."""
        own = Membership.objects.filter(project=OuterRef("pk"), person=person.pk, person__is_active=True)
        return self.filter(~Exists(own), is_closed=True).order_by()

    def visible_to(self, person: Viewer) -> ProjectQuerySet:
        hidden = hidden_from(person)
        return self.exclude(pk__in=hidden) if hidden else self

    def open_for(self, person: User) -> ProjectQuerySet:
        """Those into which this person may put samples: their own ones, and for admins all."""
        current = self.current()
        return current if person.has_perm(EVERY_PROJECT) else current.filter(memberships__person=person)

    def of_uploads_by(self, person: User) -> Project | None:
        """Where a person's files wait that find no sample, unless they say otherwise: the closed project that they joined last."""
        own = Membership.objects.filter(person=person, project__is_closed=True, project__archived_at=None)
        newest = own.select_related("project").order_by("-since", "-pk").first()
        return newest.project if newest else None

    def begin(self, *, by: User, leaders: Any = (), **said: Any) -> Project:
        """A new project; ``leaders`` lead it from the start."""
        project = self.model(made_by=by, **said)
        project.full_clean()
        with changes_by(by):
            project.save()
            for person in leaders:
                project.take_in(person, by=by, leads=True)
        return project


class Project(TracedModel):
    """Some people's samples under one name; closed to everybody else where its leaders wish."""

    untraced = frozenset({"made_by", "made_at"})

    key = models.CharField(
        gettext_lazy("key"),
        max_length=20,
        validators=[
            RegexValidator(
                r"\A[A-Za-z][A-Za-z0-9-]*\Z", gettext_lazy("A key is letters, digits and dashes, like yb-hunt.")
            )
        ],
        help_text=gettext_lazy("Short, as it is searched for: project:yb-hunt"),
    )
    name = models.CharField(gettext_lazy("name"), max_length=100)
    notes = models.TextField(gettext_lazy("notes"), blank=True)
    is_closed = models.BooleanField(
        gettext_lazy("closed"),
        default=True,
        help_text=gettext_lazy("Only members and admins see its samples, and that it exists."),
    )
    people = models.ManyToManyField(settings.AUTH_USER_MODEL, through="samples.Membership", related_name="projects")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=gettext_lazy("begun by"),
        editable=False,
    )
    made_at = models.DateTimeField(gettext_lazy("begun at"), auto_now_add=True)
    archived_at = models.DateTimeField(gettext_lazy("archived at"), null=True, blank=True, editable=False)

    objects = ProjectQuerySet.as_manager()

    class Meta:
        verbose_name = gettext_lazy("project")
        verbose_name_plural = gettext_lazy("projects")
        ordering = ["name", "pk"]
        permissions = [("see_every_project", "Can see what every project holds")]
        constraints = [models.UniqueConstraint(Lower("key"), name="one_project_a_key_in_any_case")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("samples:project", args=[self.pk])

    def may_be_led_by(self, person: User) -> bool:
        """Leaders and admins say who is in and whether it is closed."""
        return person.has_perm(EVERY_PROJECT) or self.memberships.filter(person=person, leads=True).exists()

    def check_led_by(self, person: User) -> None:
        if not self.may_be_led_by(person):
            raise PermissionDenied

    def take_in(self, person: User, *, by: User, leads: bool = False) -> None:
        """Make ``person`` a member, or a leader; whoever is one already becomes what is said now."""
        with changes_by(by):
            Membership.objects.update_or_create(project=self, person=person, defaults={"leads": leads})
            self._check_a_leader_is_left()

    def let_go(self, person: User, *, by: User) -> None:
        """No member any more: of a closed project they see nothing from now on."""
        with changes_by(by):
            self.memberships.filter(person=person).delete()
            self._check_a_leader_is_left()

    def _check_a_leader_is_left(self) -> None:
        if self.is_closed and not self.memberships.filter(leads=True).exists():
            raise ValidationError(_("A closed project keeps a leader. Make somebody else leader first."))

    def describe(self, *, by: User, **said: str) -> None:
        """Name, key and notes."""
        self._set(by, **said)

    def close(self, *, by: User) -> None:
        self._set(by, is_closed=True)

    def open(self, *, by: User) -> None:
        """To the whole lab."""
        self._set(by, is_closed=False)

    def archive(self, *, by: User) -> None:
        """Nothing new goes in; what is in it is seen by those who saw it before."""
        self._set(by, archived_at=timezone.now())

    def restore(self, *, by: User) -> None:
        self._set(by, archived_at=None)

    def _set(self, by: User, **fields: Any) -> None:
        with changes_by(by):
            for name, value in fields.items():
                setattr(self, name, value)
            self.save(update_fields=list(fields))

    def note_samples(self, act: Act, *, left: str = "", came: str = "") -> None:
        """Codes of samples that were moved, within the act that moves them."""
        act.note_field(self, "samples", left, came)


class Membership(TracedModel):
    """One person in one project."""

    part_of, named_by = "project", "person"
    untraced = frozenset({"since"})

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="memberships")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships")
    leads = models.BooleanField(gettext_lazy("leads the project"), default=False)
    since = models.DateTimeField(auto_now_add=True)

    objects = TracedQuerySet["Membership"].as_manager()

    class Meta:
        default_permissions = ()  # leaders and admins, by Project.may_be_led_by
        verbose_name = gettext_lazy("member of a project")
        verbose_name_plural = gettext_lazy("members of projects")
        ordering = ["-leads", "person__username"]
        constraints = [models.UniqueConstraint(fields=["project", "person"], name="a_member_once")]

    def __str__(self) -> str:
        return f"{self.project}: {self.person}"
