"""The samples of an export in this lab: the ones that its patterns have here already, and new ones for the others."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

from mlmodels.export.contents import ExportedPattern, ExportRefused
from mlmodels.export.opening import OpenedExport
from mlmodels.export.writing import SAMPLES
from samples.models import Pattern, Sample

NOTES = "Came with the data set %(title)s from %(lab)s, there as %(code)s."
AT_ONCE = 500


class Samples:
    """Makes the samples that are not here, parents first; none of a code that this lab gave to another sample."""

    def __init__(self, export: OpenedExport, by: User) -> None:
        self.export, self.by = export, by
        self.taken = {code.lower() for code in Sample.objects.values_list("code", flat=True)}
        self.by_code: dict[str, Sample] = {}
        self.of_entry: dict[int, Sample] = {}
        known = dict(self._known_entries())
        for said in export.objects(SAMPLES):
            try:
                self._take(said, known)
            except (KeyError, TypeError, AttributeError, ValidationError) as error:
                raise ExportRefused(
                    "The sample %(code)s cannot be taken in: %(reason)s Nothing was taken in.",
                    code=str(said.get("code", "?"))[:40],
                    reason=" ".join(error.messages) if isinstance(error, ValidationError) else str(error),
                ) from error

    def of(self, pattern: ExportedPattern) -> Sample | None:
        """None where the lab that exported knew none."""
        return self.of_entry.get(pattern.position)

    def _take(self, said: dict[str, Any], known: dict[int, Sample]) -> None:
        here = next((known[entry] for entry in said["entries"] if entry in known), None)
        sample = here or self._make(said)
        self.by_code[said["code"]] = sample
        self.of_entry.update(dict.fromkeys(said["entries"], sample))

    def _make(self, said: dict[str, Any]) -> Sample:
        facts = self.export.facts
        sample = Sample(
            code=self._free_code(said["code"]),
            composition_text=said["composition_text"],
            composition_unit=said["composition_unit"],
            composition_sum=said["composition_sum"],
            measured_text=said["measured"],
            parent=self.by_code.get(said["parent"]),
            origin=said["origin"],
            simulated=bool(said["simulated"]),
            notes=NOTES % {"title": facts.title, "lab": facts.lab, "code": said["code"]},
        )
        sample.log(by=self.by)
        return sample

    def _free_code(self, code: str) -> str:
        tries = (
            code if n == 1 else f"{code[:28]}-import{n - 1 if n > 2 else ''}" for n in range(1, len(self.taken) + 3)
        )
        free = next(one for one in tries if one.lower() not in self.taken)
        self.taken.add(free.lower())
        return free

    def _known_entries(self) -> Iterator[tuple[int, Sample]]:
        """Entries whose very file is here, with the sample that it has."""
        scans = self.export.scans()
        while some := {(sha256, number): position for position, sha256, number in islice(scans, AT_ONCE)}:
            here = Pattern.objects.filter(file__sha256__in={sha256 for sha256, _number in some}, sample__isnull=False)
            for pattern in here.select_related("file", "sample"):
                position = some.get((pattern.file.sha256, pattern.scan_number))
                if position is not None and pattern.sample:
                    yield position, pattern.sample
