"""The files of an export: each can be read by what others read it with, the same set gives the same bytes, spoilt ones are refused."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
from rocrate.rocrate import ROCrate

from mlmodels.export import hdf5, index, packing, parquet
from mlmodels.export.columns import COLUMNS
from mlmodels.export.contents import Batch, ExportedPattern, ExportRefused, SetFacts
from mlmodels.export.opening import OpenedExport
from mlmodels.export.packing import FOLDER, MANIFEST, OriginalsWriter, sha256_of
from mlmodels.export.parquet import ParquetWriter
from mlmodels.export.writing import LABELS, SAMPLES, Wanted, write_archive
from mlmodels.net.grid import N_BINS
from mlmodels.net.preprocess import rebin
from tests.mlmodels.exported import FACTS, ORIGINAL, make_patterns

ALL = Wanted(parquet=True, originals=True)


def write(
    path: Path, patterns: Sequence[ExportedPattern], facts: SetFacts = FACTS, wanted: Wanted = ALL, at_once: int = 3
) -> Path:
    facts = replace(facts, n_entries=len(patterns), n_simulated=sum(pattern.simulated for pattern in patterns))
    batches = (Batch.of(patterns[first : first + at_once]) for first in range(0, len(patterns), at_once))
    records = {SAMPLES: [b'{"code": "ASR-001", "simulated": false}\n'], LABELS: [b'{"position": 1}\n']}
    write_archive(path, facts, batches, records=records, wanted=wanted, read_original=lambda _sha256: ORIGINAL)
    return path


@pytest.fixture(scope="module")
def patterns() -> list[ExportedPattern]:
    return make_patterns(8)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, patterns: list[ExportedPattern]) -> Path:
    return write(tmp_path_factory.mktemp("export") / "icosahedral-v1.eln", patterns)


@pytest.fixture(scope="module")
def parts(archive: Path) -> Path:
    """The folder with the parts, unpacked as anybody would."""
    folder = archive.with_name("unpacked")
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        opened.extractall(folder)
    return folder / "icosahedral-v1" / FOLDER


def test_every_column_is_an_attribute_and_every_attribute_but_the_arrays_a_column() -> None:
    assert [column.name for column in COLUMNS] == [field.name for field in fields(ExportedPattern)][:-2]


def test_hdf5_holds_the_arrays_in_their_own_steps_and_the_grid(parts: Path, patterns: list[ExportedPattern]) -> None:
    with h5py.File(parts / hdf5.NAME) as table:
        columns, arrays = table["patterns"], table["arrays"]
        for row, pattern in enumerate(patterns):
            n = columns["n_points"][row]
            for name, expected in (("two_theta", pattern.two_theta), ("intensity", pattern.intensity)):
                start = columns[f"{name}_start"][row]
                found = arrays[name][start : start + n]
                assert found.dtype == expected.dtype
                np.testing.assert_array_equal(found, expected)
            if pattern.wavelength is None:
                assert not table["grid/measured"][row].any()
                continue
            grid = rebin(pattern.as_pattern())
            np.testing.assert_array_equal(table["grid/intensity"][row], grid.intensity)
            np.testing.assert_array_equal(table["grid/measured"][row], grid.measured)
        assert columns["label"].asstr()[0] == patterns[0].label
        assert columns["sample"].asstr()[0] == patterns[0].sample
        assert columns["label"].attrs["says"].startswith("what the pattern holds")


def test_an_axis_that_patterns_share_is_stored_once(parts: Path, patterns: list[ExportedPattern]) -> None:
    axes = {pattern.two_theta.tobytes(): pattern.n_points for pattern in patterns}
    assert len(axes) < len(patterns)
    with h5py.File(parts / hdf5.NAME) as table:
        assert table["arrays/two_theta"].shape == (sum(axes.values()),)


def test_parquet_holds_the_same(parts: Path, patterns: list[ExportedPattern]) -> None:
    rows = pq.read_table(parts / parquet.NAME).to_pylist()
    assert len(rows) == len(patterns)
    for row, pattern in zip(rows, patterns, strict=True):
        for column in COLUMNS:
            assert row[column.name] == getattr(pattern, column.name)
        np.testing.assert_array_equal(row["two_theta"], pattern.two_theta)
        np.testing.assert_array_equal(np.float32(row["intensity"]), pattern.intensity)
        assert len(row["grid_intensity"]) == len(row["grid_measured"]) == N_BINS


def test_the_index_is_a_table_without_formulas(parts: Path, patterns: list[ExportedPattern]) -> None:
    rows = list(csv.DictReader((parts / index.NAME).open(encoding="utf-8-sig", newline="")))
    assert [row["label"] for row in rows] == [pattern.label for pattern in patterns]
    assert rows[1]["sample"] == "'=cmd|1"
    assert rows[0]["wavelength"] == "1.540593"
    assert rows[0]["original"] == f"measured/{patterns[0].file_sha256}.xy"


def test_simulated_patterns_are_marked_in_every_part(parts: Path, patterns: list[ExportedPattern]) -> None:
    said = [pattern.simulated for pattern in patterns]
    assert any(said)
    assert not all(said)
    with h5py.File(parts / hdf5.NAME) as table:
        assert table["patterns/simulated"][:].tolist() == said
        assert table.attrs["n_simulated"] == sum(said)
    assert pq.read_table(parts / parquet.NAME).column("simulated").to_pylist() == said
    rows = csv.DictReader((parts / index.NAME).open(encoding="utf-8-sig", newline=""))
    assert [row["simulated"] == "yes" for row in rows] == said
    with zipfile.ZipFile(parts / OriginalsWriter.NAME) as originals:
        assert sum(name.startswith("simulated/") for name in originals.namelist()) == sum(said)
    assert f"**{sum(said)} simulated**" in (parts / "data-sheet.md").read_text()
    assert json.loads((parts / MANIFEST).read_text())["n_simulated"] == sum(said)
    assert f"{sum(said)} simulated" in (parts.parent / "ro-crate-metadata.json").read_text()


def test_the_manifest_has_the_hash_of_each_part(parts: Path) -> None:
    manifest = json.loads((parts / MANIFEST).read_text())
    found = {file.name: sha256_of(file) for file in parts.iterdir() if file.name != MANIFEST}
    assert {part["path"]: part["sha256"] for part in manifest["parts"]} == found
    assert manifest["sha256"] == FACTS.sha256


def test_other_notebooks_can_open_it(parts: Path) -> None:
    """As the ELN file format asks: one folder, a flat crate, a data set of files with size, type and hash."""
    crate = ROCrate(parts.parent)
    graph = {
        entity["@id"]: entity for entity in json.loads((parts.parent / "ro-crate-metadata.json").read_text())["@graph"]
    }
    described = graph[f"{FOLDER}/"]
    assert crate.name == "icosahedral v1"
    assert described["name"] == "icosahedral v1"
    assert graph[described["author"]["@id"]]["@type"] == "Organization"
    assert graph[described["license"]["@id"]]["description"] == "CC-BY-4.0"
    for part in described["hasPart"]:
        file = parts.parent / part["@id"]
        assert graph[part["@id"]]["contentSize"] == str(file.stat().st_size)
        assert graph[part["@id"]]["sha256"] == sha256_of(file)
    assert {part["@id"] for part in described["hasPart"]} == {f"{FOLDER}/{file.name}" for file in parts.iterdir()}
    assert {part["@id"] for part in graph["./"]["hasPart"]} >= {f"{FOLDER}/"}
    for entity in graph.values():
        for value in entity.values():
            for one in value if isinstance(value, list) else [value]:
                assert not isinstance(one, dict) or set(one) == {"@id"}


def test_the_data_sheet_says_what_it_must(parts: Path) -> None:
    sheet = (parts / "data-sheet.md").read_text()
    for said in (
        "# icosahedral v1",
        FACTS.sha256,
        "## From where",
        "## How it was labelled",
        "## Limits",
        "## Licence",
        "CC-BY-4.0",
    ):
        assert said in sheet
    assert "| icosahedral | 0 | 1 | 1 | 2 |" in sheet
    assert "unreadable: 3" in sheet


AGAIN = """
import sys
import time
from pathlib import Path
from tests.mlmodels.exported import make_patterns
from tests.mlmodels.test_export_formats import write
write(Path(sys.argv[1]), make_patterns(8))
"""


def test_exported_again_in_another_process_it_is_bit_identical(archive: Path, tmp_path: Path) -> None:
    again = tmp_path / archive.name
    subprocess.run(
        [sys.executable, "-c", AGAIN, str(again)], check=True, env={"PYTHONPATH": ".", "PYTHONHASHSEED": "7"}
    )
    assert again.read_bytes() == archive.read_bytes()


def test_many_chunks_are_written_in_order_whichever_thread_is_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hdf5, "POINTS_A_CHUNK", 64)
    monkeypatch.setattr(hdf5, "GRIDS_A_CHUNK", 1)
    patterns = make_patterns(40)
    first, second = (write(tmp_path / str(n) / "x.eln", patterns, wanted=Wanted()) for n in (1, 2))
    assert first.read_bytes() == second.read_bytes()
    with OpenedExport(first) as export:
        found = [pattern for some in export.patterns() for pattern in some]
    for pattern, expected in zip(found, patterns, strict=True):
        np.testing.assert_array_equal(pattern.intensity, expected.intensity)


def test_nothing_is_left_of_an_export_that_fails(tmp_path: Path, patterns: list[ExportedPattern]) -> None:
    def failing() -> Iterator[Batch]:
        yield Batch.of(patterns[:3])
        raise ExportRefused("Pattern %(n)s is not what was frozen.", n=4)

    with pytest.raises(ExportRefused):
        write_archive(
            tmp_path / "x.eln",
            replace(FACTS, n_entries=8),
            failing(),
            records={},
            wanted=ALL,
            read_original=lambda _: b"",
        )
    assert list(tmp_path.iterdir()) == []


def test_opened_again_it_is_the_same_set(archive: Path, patterns: list[ExportedPattern], tmp_path: Path) -> None:
    with OpenedExport(archive, work=tmp_path) as export:
        assert export.facts == replace(FACTS, n_entries=8, n_simulated=2)
        found = [pattern for some in export.patterns() for pattern in some]
        assert list(export.objects(SAMPLES)) == [{"code": "ASR-001", "simulated": False}]
        assert list(export.objects(LABELS)) == [{"position": 1}]
        originals = export.originals(1000)
        assert originals.read(found[0]) == ORIGINAL
        originals.close()
    for pattern, expected in zip(found, patterns, strict=True):
        for column in COLUMNS:
            assert getattr(pattern, column.name) == getattr(expected, column.name)
        np.testing.assert_array_equal(pattern.two_theta, expected.two_theta)
        np.testing.assert_array_equal(pattern.intensity, expected.intensity)
    assert list(tmp_path.iterdir()) == []


# What is refused


def repacked(
    archive: Path, tmp_path: Path, change: Callable[[dict[str, bytes]], None], *, honest: bool = False
) -> Path:
    """``archive`` with its files changed; ``honest`` writes the manifest anew, as somebody would who means harm."""
    with zipfile.ZipFile(archive) as opened:
        files = {name: opened.read(name) for name in opened.namelist()}
    change(files)
    manifest_name = next((name for name in files if name.endswith(MANIFEST)), "")
    if honest and manifest_name:
        manifest = json.loads(files[manifest_name])
        for part in manifest["parts"]:
            content = files[manifest_name.replace(MANIFEST, part["path"])]
            part["bytes"], part["sha256"] = len(content), hashlib.sha256(content).hexdigest()
        files[manifest_name] = json.dumps(manifest).encode()
    target = tmp_path / "changed.eln"
    with zipfile.ZipFile(target, "w") as written:
        for name, content in files.items():
            written.writestr(name, content)
    return target


def in_hdf5(change: Callable[[h5py.File], None]) -> Callable[[dict[str, bytes]], None]:
    def changed(files: dict[str, bytes]) -> None:
        name = next(name for name in files if name.endswith(hdf5.NAME))
        content = io.BytesIO(files[name])
        with h5py.File(content, "r+") as table:
            change(table)
        files[name] = content.getvalue()

    return changed


def refusal(path: Path) -> str:
    with pytest.raises(ExportRefused) as raised, OpenedExport(path) as export:
        for _patterns in export.patterns():
            pass
    return str(raised.value)


def part_named(files: dict[str, bytes], name: str) -> str:
    return next(path for path in files if path.endswith("/" + name))


def test_one_altered_byte_is_refused(archive: Path, tmp_path: Path) -> None:
    def alter(files: dict[str, bytes]) -> None:
        name = part_named(files, index.NAME)
        files[name] = files[name].replace(b"icosahedral", b"approximant", 1)

    assert "index.csv is not as it was exported" in refusal(repacked(archive, tmp_path, alter))


def test_a_missing_part_a_longer_one_and_another_format_are_refused(archive: Path, tmp_path: Path) -> None:
    def lose(files: dict[str, bytes]) -> None:
        del files[part_named(files, SAMPLES)]

    def lengthen(files: dict[str, bytes]) -> None:
        files[part_named(files, SAMPLES)] += b" " * 100

    def older(files: dict[str, bytes]) -> None:
        name = part_named(files, MANIFEST)
        files[name] = files[name].replace(b"icosa-data-set/1", b"icosa-data-set/0")

    assert "lacks its part samples.jsonl" in refusal(repacked(archive, tmp_path, lose))
    assert "samples.jsonl is not as long" in refusal(repacked(archive, tmp_path, lengthen))
    assert "icosa-data-set/0" in refusal(repacked(archive, tmp_path, older))


def test_names_that_lead_elsewhere_are_refused(archive: Path, tmp_path: Path) -> None:
    for name in ("x/data-set/..", f"x/{FOLDER}/a..b", f"x/{FOLDER}/.bashrc"):
        path = repacked(archive, tmp_path, lambda files, name=name: files.update({name: b"x"}))  # type: ignore[misc]
        assert "with a name that no export has" in refusal(path)
    path = repacked(archive, tmp_path, lambda files: files.update({f"x/y{n}": b"" for n in range(30)}))
    assert "more files than an export" in refusal(path)

    def lead_out(files: dict[str, bytes]) -> None:
        name = part_named(files, MANIFEST)
        files[name] = files[name].replace(b'"samples.jsonl"', b'"../samples.jsonl"')

    assert "no export that Icosa wrote" in refusal(repacked(archive, tmp_path, lead_out))


def test_no_archive_and_one_cut_off_are_refused(archive: Path, tmp_path: Path) -> None:
    for content in (b"", b"nothing of the kind", archive.read_bytes()[:5000]):
        path = tmp_path / "cut.eln"
        path.write_bytes(content)
        assert "no .eln archive, or it was cut off" in refusal(path)


def link_out(table: h5py.File) -> None:
    del table["patterns/label"]
    table["patterns/label"] = h5py.ExternalLink("/etc/passwd", "/x")


def link_softly(table: h5py.File) -> None:
    del table["patterns/label"]
    table["patterns/label"] = h5py.SoftLink("/patterns/split")


def lie_outside(table: h5py.File) -> None:
    del table["arrays/intensity"]
    table["arrays"].create_dataset("intensity", (10,), "<f4", external=[("/etc/passwd", 0, 40)])


def be_virtual(table: h5py.File) -> None:
    layout = h5py.VirtualLayout((10,), "<f4")
    layout[:] = h5py.VirtualSource("/tmp/elsewhere.h5", "x", (10,))
    del table["arrays/intensity"]
    table["arrays"].create_virtual_dataset("intensity", layout)


def point_beyond(table: h5py.File) -> None:
    table["patterns/intensity_start"][0] = 10**9


def be_endless(table: h5py.File) -> None:
    table["patterns/n_points"][0] = 10**12


def be_shorter(table: h5py.File) -> None:
    del table["patterns/weight"]
    table["patterns"].create_dataset("weight", data=[1.0])


def lose_a_column(table: h5py.File) -> None:
    del table["patterns/label"]


def claim_another_hash(table: h5py.File) -> None:
    table.attrs["facts"] = json.dumps(json.loads(table.attrs["facts"]) | {"sha256": "f" * 64})


@pytest.mark.parametrize(
    "change",
    [
        link_out,
        link_softly,
        lie_outside,
        be_virtual,
        point_beyond,
        be_endless,
        be_shorter,
        lose_a_column,
        claim_another_hash,
    ],
)
def test_hdf5_that_means_harm_is_refused(archive: Path, tmp_path: Path, change: Callable[[Any], None]) -> None:
    path = repacked(archive, tmp_path, in_hdf5(change), honest=True)
    assert "no export that Icosa wrote" in refusal(path)


def test_the_writer_of_files_by_a_side_name_leaves_none(tmp_path: Path) -> None:
    def write_half() -> None:
        with packing.whole(tmp_path / "x") as side:
            side.write_bytes(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert list(tmp_path.iterdir()) == []


def test_no_writer_is_closed_while_another_thread_writes_with_it(
    tmp_path: Path, patterns: list[ExportedPattern], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal in the middle of a batch: pyarrow would bring the process down."""
    happened: list[str] = []
    add, close = ParquetWriter.add, ParquetWriter.close

    def slowly(self: ParquetWriter, batch: Batch) -> None:
        time.sleep(0.2)
        add(self, batch)
        happened.append("written")

    def closed(self: ParquetWriter) -> None:
        happened.append("closed")
        close(self)

    def refuse(sha256: str) -> bytes:
        raise ExportRefused("%(name)s was altered.", name=sha256)

    monkeypatch.setattr(ParquetWriter, "add", slowly)
    monkeypatch.setattr(ParquetWriter, "close", closed)
    with pytest.raises(ExportRefused, match="was altered"):
        write_archive(
            tmp_path / "x.eln", replace(FACTS, n_entries=8), [Batch.of(patterns)], records={}, wanted=ALL,
            read_original=refuse,
        )  # fmt: skip
    assert happened == ["written", "closed"]
    assert list(tmp_path.iterdir()) == []
