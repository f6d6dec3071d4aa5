"""What people fill in about a project."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _

from samples.fields import PlainTextField, StyledBoundField
from samples.models import Project, Sample

WHOLE_LAB = _("none: the whole lab")


class ProjectField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """One of the projects into which somebody may put samples, or none."""

    def __init__(self, **options: Any) -> None:
        super().__init__(Project.objects.none(), required=False, empty_label=WHOLE_LAB, **options)

    def open_for(self, person: User) -> bool:
        """Whether there is any to choose."""
        self.queryset = own = Project.objects.open_for(person)
        return own.exists()


class PersonField(forms.ModelChoiceField):  # type: ignore[type-arg]
    def __init__(self, **options: Any) -> None:
        super().__init__(User.objects.filter(is_active=True).order_by("username"), **options)


class ProjectForm(forms.ModelForm):  # type: ignore[type-arg]
    """What it is called and is about."""

    bound_field_class = StyledBoundField

    class Meta:
        model = Project
        fields = ["name", "key", "notes"]
        labels = {"name": _("Name of the project"), "key": _("Key"), "notes": _("Notes")}
        widgets = {"notes": forms.Textarea(attrs={"rows": 3})}
        field_classes = {"key": PlainTextField}


class NewProjectForm(ProjectForm):
    leader = PersonField(label=_("Leader"), help_text=_("Takes members in, and opens or closes the project."))
    is_closed = forms.BooleanField(
        label=_("Closed: only members and admins see its samples, and that it exists"), required=False, initial=True
    )


class MemberForm(forms.Form):
    """Who, and as what."""

    bound_field_class = StyledBoundField

    MEMBER, LEADER, OUT = "member", "leader", "out"

    person = PersonField(label=_("Person"))
    place = forms.ChoiceField(label=_("as"), choices=[(MEMBER, _("member")), (LEADER, _("leader")), (OUT, _("out"))])


class MoveToProjectForm(forms.Form):
    """Where a sample goes."""

    bound_field_class = StyledBoundField

    project = ProjectField(label=_("Project"))

    def __init__(self, typed: Any = None, *, sample: Sample, by: User) -> None:
        super().__init__(typed, initial={"project": sample.project})
        field = self.fields["project"]
        assert isinstance(field, ProjectField)
        field.open_for(by)
