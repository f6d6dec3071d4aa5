"""Which sample a file belongs to, by the code in its name."""

from __future__ import annotations

import re
from collections.abc import Mapping

from samples.models import Sample
from samples.models.samples import plain_text


class SampleCodes:
    """The codes of all samples, asked once for many files."""

    def __init__(self) -> None:
        self._ids: Mapping[str, int] = {
            _words(code): pk for pk, code in Sample.objects.current().values_list("pk", "code")
        }

    def find_in(self, file_name: str) -> Sample | None:
        """The sample with the longest code that stands in the name as whole words; None where two are as long.

        "ASR_001 annealed.ras" belongs to ASR-001, and to ASR-001-1 only if that is what it says.
        """
        name = _words(file_name)
        found = sorted((code for code in self._ids if code in name), key=len, reverse=True)
        if not found or (len(found) > 1 and len(found[0]) == len(found[1])):
            return None
        return Sample.objects.get(pk=self._ids[found[0]])


def _words(text: str) -> str:
    """Lower case, with one space around each run of letters and digits: "ASR-001" is " asr 001 "."""
    words = re.sub(r"[\W_]+", " ", plain_text(text).lower())
    return f" {words.strip()} "
