"""The set as a table for a spreadsheet program: a row a pattern, without the numbers of the patterns."""

from __future__ import annotations

import csv
from functools import lru_cache
from pathlib import Path

from mlmodels.export.columns import COLUMNS, LONG_TEXTS, Kind
from mlmodels.export.contents import Batch
from samples.sheets.cells import cleaned, shielded

NAME = "index.csv"

_SHOWN = [column for column in COLUMNS if column.name not in LONG_TEXTS]


class IndexWriter:
    """Writes ``path`` in UTF-8 with its mark, which Excel asks for; no cell is taken for a formula."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("w", encoding="utf-8-sig", newline="")
        self.table = csv.writer(self.file, lineterminator="\n")
        self.table.writerow([*(column.name for column in _SHOWN), "n_points", "original"])

    def add(self, batch: Batch) -> None:
        patterns = batch.patterns
        columns = [
            [_said(value) for value in column.values(patterns)]
            if column.kind is not Kind.TEXT
            else [_in_a_cell(value) for value in column.values(patterns)]
            for column in _SHOWN
        ]
        columns.append([str(pattern.n_points) for pattern in patterns])
        columns.append([pattern.original_path for pattern in patterns])
        self.table.writerows(zip(*columns, strict=True))

    def close(self) -> None:
        self.file.close()


@lru_cache(maxsize=10_000)
def _in_a_cell(text: str) -> str:
    return shielded(cleaned(text))


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)
