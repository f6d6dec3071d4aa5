"""The whole export, from patterns that go by to one archive; the same set gives the same bytes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from mlmodels.export import data_sheet, hdf5, index, packing, parquet
from mlmodels.export.contents import Batch, SetFacts
from mlmodels.export.crate import crate_metadata
from mlmodels.export.packing import OriginalsWriter, Part, part_of
from samples.xrd.sentences import Sentence, sentence

SAMPLES, LABELS = "samples.jsonl", "labels.jsonl"

ABOUT: dict[str, tuple[str, Sentence]] = {
    data_sheet.NAME: ("text/markdown", sentence("what is in it, from where, how it was labelled, limits, licence")),
    index.NAME: ("text/csv", sentence("one row a pattern, for a spreadsheet program")),
    hdf5.NAME: (
        "application/x-hdf5",
        sentence("arrays in the steps of the measurement, the network's grid, all columns"),
    ),
    parquet.NAME: ("application/vnd.apache.parquet", sentence("the same, one row a pattern")),
    SAMPLES: ("application/jsonl", sentence("the samples as they were taken down at the first export, one a line")),
    LABELS: ("application/jsonl", sentence("the signed entries that the labels rest on, one a line")),
    OriginalsWriter.NAME: ("application/zip", sentence("the files that the instruments wrote")),
    packing.MANIFEST: ("application/json", sentence("each part with its SHA-256")),
}
"""Media type and what it is, of each part."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """parquet, originals: whether these parts are asked for"""

    parquet: bool = False
    originals: bool = False


def write_archive(
    path: Path,
    facts: SetFacts,
    batches: Iterable[Batch],
    *,
    records: Mapping[str, Iterable[bytes]],
    wanted: Wanted,
    read_original: Callable[[str], bytes],
    written: Callable[[int], None] = lambda n: None,
) -> list[Part]:
    """Write the archive at ``path``, whole or not at all, and say what is in it.

    batches: of AT_ONCE patterns, in the order of the set · records: SAMPLES and LABELS
    read_original: the bytes of an original file, by its SHA-256 · written: is told how many patterns are, after each batch
    """
    folder = path.with_name(f".{uuid4().hex}.parts")
    folder.mkdir(parents=True)
    try:
        tally = _write_patterns(folder, facts, batches, wanted, read_original, written)
        for name, lines in records.items():
            with (folder / name).open("wb") as file:
                file.writelines(lines)
        names = [name for name in ABOUT if (folder / name).exists()]
        (folder / data_sheet.NAME).write_text(
            data_sheet.data_sheet(facts, tally, [(name, str(ABOUT[name][1])) for name in names]), encoding="utf-8"
        )
        files = [folder / name for name in ABOUT if (folder / name).exists()]
        parts = [_part(file) for file in files]
        manifest = folder / packing.MANIFEST
        manifest.write_bytes(packing.manifest_of(facts, parts))
        parts.append(_part(manifest))
        packing.pack(path, path.stem, crate_metadata(facts, parts), [*files, manifest])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return parts


def _part(file: Path) -> Part:
    media_type, says = ABOUT[file.name]
    return part_of(file, media_type, str(says))


def _write_patterns(
    folder: Path,
    facts: SetFacts,
    batches: Iterable[Batch],
    wanted: Wanted,
    read_original: Callable[[str], bytes],
    written: Callable[[int], None],
) -> data_sheet.Tally:
    """All writers take each batch; Parquet in a thread of its own, which its library lets run beside ours.

    That thread has ended before any writer is closed, whatever went wrong: pyarrow crashes where one is closed while it writes.
    """
    tally = data_sheet.Tally()
    with ThreadPoolExecutor(os.cpu_count()) as pool, ExitStack() as closing, ThreadPoolExecutor(1) as beside:
        table = hdf5.Hdf5Writer(folder / hdf5.NAME, facts, pool)
        closing.callback(table.close)
        rows = index.IndexWriter(folder / index.NAME)
        closing.callback(rows.close)
        columns = parquet.ParquetWriter(folder / parquet.NAME, facts) if wanted.parquet else None
        originals = OriginalsWriter(folder / OriginalsWriter.NAME) if wanted.originals else None
        for last in (columns, originals):
            if last:
                closing.callback(last.close)
        closing.callback(beside.shutdown)  # first of all: what it writes to is not closed under its hands
        before: Future[None] | None = None
        for batch in batches:
            now = beside.submit(columns.add, batch) if columns else None
            table.add(batch)
            rows.add(batch)
            tally.add(batch.patterns)
            if originals:
                _add_originals(originals, batch, read_original)
            if before:
                before.result()
            before = now
            written(len(batch.patterns))
        if before:
            before.result()
    return tally


def _add_originals(originals: OriginalsWriter, batch: Batch, read_original: Callable[[str], bytes]) -> None:
    for pattern in batch.patterns:
        if originals.lacks(pattern.original_path):
            originals.add(pattern.original_path, read_original(pattern.file_sha256))
