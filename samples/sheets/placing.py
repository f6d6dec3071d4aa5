"""Into which projects a spreadsheet puts its samples, and which samples it may name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.contrib.auth.models import User

from samples.models.projects import Project, hidden_from
from samples.models.samples import Sample, plain_text
from samples.xrd.sentences import sentence

if TYPE_CHECKING:
    from samples.sheets.checking import Proposal


def visible(samples: dict[str, Sample], by: User) -> dict[str, Sample]:
    """Without those in projects that are closed to ``by``."""
    hidden = hidden_from(by)
    return {key: sample for key, sample in samples.items() if sample.project_id not in hidden}


def find_projects(proposals: Sequence[Proposal], by: User) -> None:
    """``proposals``: parents before their pieces.  A new sample goes into a project of ``by``, or to its parent's; one that is there stays where it is."""
    own = {project.key.lower(): project for project in Project.objects.open_for(by)}
    for proposal in proposals:
        row, sample, parent = proposal.rows["samples"][0], proposal.sample, proposal.sample.parent
        key = plain_text(row.cells.get("project", "")).lower()
        if proposal.stored:
            if key and key != (sample.project.key.lower() if sample.project else ""):
                row.refuse("project", sentence("A sample that is here is moved to another project on its own page."))
        elif key and key not in own:
            row.refuse(
                "project", sentence("There is no project “%(key)s” of yours. Write its key, or nothing.", key=key)
            )
        else:
            sample.project = own[key] if key else parent.project if parent else None
        if parent and parent.project != sample.project and "project" not in row.problems:
            row.refuse("project", sentence("A piece is in the project of its parent. Leave the cell empty."))
