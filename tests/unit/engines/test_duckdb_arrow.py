"""Arrow streams on their way into DuckDB."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from fftcas.engines.duckdb.arrow import ROW_GROUP, insert_stream
from fftcas.table import Column, Table

ROWS = 6 * ROW_GROUP


def size_of(folder: Path, rows_of_a_batch: int) -> int:
    """Bytes of a database into which the same table was inserted, in batches of that size."""
    data = pa.record_batch({"x": np.random.default_rng(1).integers(1 << 62, size=ROWS)})
    batches = (data.slice(start, rows_of_a_batch) for start in range(0, ROWS, rows_of_a_batch))
    file = folder / f"{rows_of_a_batch}.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("CREATE TABLE t (x BIGINT)")
        columns = (Column("x", "BIGINT"),)
        rows = insert_stream(connection, "INSERT INTO t SELECT x FROM", Table(columns, data.schema, batches), ["x"])
        assert rows == ROWS
        (groups,) = connection.execute("SELECT max(row_group_id) + 1 FROM pragma_storage_info('t')").fetchall()[0]
        assert groups == ROWS // ROW_GROUP
    return file.stat().st_size


def test_no_size_of_batches_makes_the_engine_write_a_table_twice(tmp_path: Path) -> None:
    sizes = [size_of(tmp_path, rows) for rows in (ROW_GROUP, 1 << 16, 1 << 17, 100_000)]
    assert max(sizes) < 1.2 * sizes[0]
