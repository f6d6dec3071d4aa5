"""A sample's place among the projects: its family is in one, and moves as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from samples.models.acts import changes_by
from samples.models.projects import EVERY_PROJECT, Project
from samples.models.traced import TracedModel

if TYPE_CHECKING:
    from samples.models.samples import Sample, SampleQuerySet


class InProject(TracedModel):
    """What a sample says of the project that it is in: none is the whole lab."""

    project = models.ForeignKey(
        Project,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="samples",
        verbose_name=_("project"),
        help_text=_("Of a closed project, only its members and admins see the sample. Empty: the whole lab does."),
    )

    if TYPE_CHECKING:
        parent: Sample | None
        made_by_id: int

    class Meta:
        abstract = True

    def _take_project(self, by: User) -> None:
        """Of a piece: that of its parent.  Of others: one into which ``by`` may put samples."""
        if self.parent:
            self.project = self.project or self.parent.project
        elif self.project and not Project.objects.open_for(by).filter(pk=self.project.pk).exists():
            raise ValidationError(
                {"project": _("Only members of this project put samples into it. Choose another one.")}
            )

    def ancestors(self) -> list[Sample]:
        """The parent, its parent, and so on."""
        line: list[Sample] = []
        ancestor = self.parent
        while ancestor is not None and ancestor not in line:
            line.append(ancestor)
            ancestor = ancestor.parent
        return line

    @property
    def family(self) -> SampleQuerySet:
        """The piece that all came from, with all its pieces; one query a generation."""
        from samples.models.samples import Sample

        line = self.ancestors()
        newest = {line[-1].pk if line else self.pk}
        members = set(newest)
        while newest:
            newest = set(Sample.objects.filter(parent__in=newest).values_list("pk", flat=True)) - members
            members |= newest
        return Sample.objects.filter(pk__in=members)

    def check_may_leave_project(self, by: User) -> None:
        """Out of a project by its leaders, and into one from the whole lab by who logged the sample; admins may always."""
        if by.has_perm(EVERY_PROJECT):
            return
        if self.project and not self.project.may_be_led_by(by):
            raise ValidationError(_("Leaders of its project and admins move a sample out of it. Nothing was changed."))
        if self.project is None and self.made_by_id != by.pk:
            raise ValidationError(
                _(
                    "The whole lab sees this sample: who logged it or an admin puts it into a project. Nothing was changed."
                )
            )

    def move_to_project(self, project: Project | None, *, by: User) -> int:
        """Move this sample with its whole family, and with all that hangs on it; how many samples moved.

        ValidationError where ``by`` lacks the right on either side.
        """
        with changes_by(by) as act:
            if project and not Project.objects.open_for(by).filter(pk=project.pk).exists():
                raise ValidationError(_("Only members of that project put samples into it. Nothing was changed."))
            family = list(self.family.select_for_update(of=("self",)).select_related("project"))
            moving = [sample for sample in family if sample.project_id != (project and project.pk)]
            for sample in moving:
                sample.check_may_leave_project(by)
            self.family.filter(pk__in=[sample.pk for sample in moving]).update(
                project=project, changed_by=by, changed_at=timezone.now(), edition=F("edition") + 1
            )
            # Neither project is named to the other.
            codes = ", ".join(sample.code for sample in moving)
            for former in {sample.project for sample in moving if sample.project}:
                former.note_samples(act, left=codes)
            if project and moving:
                project.note_samples(act, came=codes)
            self.refresh_from_db()
            return len(moving)

    def _check_family(self) -> None:
        if self._state.adding and self.parent and self.project is None:
            self.project = self.parent.project
        if self.parent and self.parent.project_id != self.project_id:
            raise ValidationError(
                {
                    "parent": ValidationError(
                        _(
                            "%(parent)s is not in the same project, and a piece is where its parent is. Move one of them first."
                        ),
                        params={"parent": self.parent.code},
                    )
                }
            )
