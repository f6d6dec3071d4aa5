"""The set as one Parquet file: a row a pattern, its arrays in it. Needs pyarrow, which an installation may lack."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlmodels.export.columns import ARRAYS, COLUMNS, Column, Kind
from mlmodels.export.contents import FORMAT, Batch, ExportedPattern, SetFacts
from mlmodels.net.grid import N_BINS

if TYPE_CHECKING:
    import pyarrow as pa

NAME = "patterns.parquet"


def is_installed() -> bool:
    return find_spec("pyarrow") is not None


class ParquetWriter:
    """Writes ``path``, a row group for each call of `add`; the same patterns in the same calls give the same bytes."""

    def __init__(self, path: Path, facts: SetFacts) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        said = {"format": FORMAT, "title": facts.title, "sha256": facts.sha256, "licence": facts.licence_said}
        said["facts"] = json.dumps(asdict(facts), sort_keys=True, ensure_ascii=False)
        self.schema = pa.schema([*(_field(column) for column in COLUMNS), *_array_fields()], metadata=said)
        self.writer = pq.ParquetWriter(
            path,
            self.schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=[column.name for column in COLUMNS if column.kind is not Kind.NUMBER],
            write_statistics=[column.name for column in COLUMNS],
            store_schema=True,
        )

    def add(self, batch: Batch) -> None:
        import pyarrow as pa

        patterns = batch.patterns
        offsets = np.concatenate([[0], np.cumsum([pattern.n_points for pattern in patterns])]).astype(np.int32)
        arrays = (
            np.concatenate([pattern.two_theta for pattern in patterns]),
            np.concatenate([pattern.intensity for pattern in patterns]),
        )
        grids = (batch.grid_intensity, batch.grid_measured)
        columns = [
            *(_values(column, patterns) for column in COLUMNS),
            *(pa.ListArray.from_arrays(offsets, values) for values in arrays),
            *(pa.FixedSizeListArray.from_arrays(pa.array(grid.reshape(-1)), N_BINS) for grid in grids),
        ]
        self.writer.write_table(pa.Table.from_arrays(columns, schema=self.schema), row_group_size=len(patterns))

    def close(self) -> None:
        self.writer.close()


def _values(column: Column, patterns: Sequence[ExportedPattern]) -> Any:
    import pyarrow as pa

    return pa.array(column.values(patterns), type=_type(column))


def _type(column: Column) -> pa.DataType:
    import pyarrow as pa

    return {Kind.NUMBER: pa.float64(), Kind.WHOLE: pa.int64(), Kind.FLAG: pa.bool_()}.get(column.kind, pa.string())


def _field(column: Column) -> pa.Field:
    import pyarrow as pa

    return pa.field(column.name, _type(column), metadata={"says": column.says})


def _array_fields() -> list[pa.Field]:
    import pyarrow as pa

    types = {
        "two_theta": pa.list_(pa.float64()),
        "intensity": pa.list_(pa.float32()),
        "grid_intensity": pa.list_(pa.float32(), N_BINS),
        "grid_measured": pa.list_(pa.bool_(), N_BINS),
    }
    return [pa.field(name, types[name], metadata={"says": says}) for name, says in ARRAYS.items()]
