from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import translation

from mlmodels.models import Dataset
from screening.curation.drawing import Drawing
from screening.curation.freezing import why_not
from screening.curation.holdings import Holdings


class Command(BaseCommand):
    help = "Say what a draft of a data set would hold now, and what is left out for which reason. Changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="of the data set")
        parser.add_argument(
            "--as", dest="person", required=True, help="user name: what they may not see is not drawn on"
        )

    def handle(self, *args: Any, name: str, person: str, **options: Any) -> None:
        draft = Dataset.objects.drafts().current().filter(name=name).first()
        by = User.objects.filter(username=person).first()
        if draft is None:
            raise CommandError(f"There is no draft named “{name}”.")
        if by is None:
            raise CommandError(f"There is no person “{person}”.")
        drawing = Drawing(draft, by)
        with translation.override("en"):
            self.stdout.write(f"{draft} would hold {len(drawing.entries)} entries, SHA-256 {drawing.sha256}")
            for what, counted in Holdings.of_draft(drawing).as_json().items():
                self.stdout.write(f"  {what}: " + ", ".join(f"{name or '–'} {n}" for name, n in counted.items()))
            for reason, n in drawing.left_out_by_reason.most_common():
                self.stdout.write(f"  left out, {reason.label}: {n}")
            contrary = why_not(drawing)
            if contrary:
                self.stdout.write(f"Not ready to be frozen: {contrary}")
