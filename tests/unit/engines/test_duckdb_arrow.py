"""Arrow streams on their way into DuckDB."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from fftcas.engines.base import EngineError
from fftcas.engines.duckdb.arrow import ROW_GROUP, insert_stream, registered
from fftcas.engines.duckdb.carriers import carriers
from fftcas.table import Column, Table

ROWS = 6 * ROW_GROUP
VALUES = {
    "BOOLEAN": "i % 3 = 0",
    "HUGEINT": "if(i % 2 = 0, i::HUGEINT, 170141183460469231731687303715884105727)",
    "DECIMAL(38,5)": "i / 7",
    "VARCHAR": "repeat('é', i % 40)",
    "BLOB": "repeat('x', i % 9)::BLOB",
    "BIT": "if(i % 2 = 0, '01', '110')",
    "TIMETZ": "'12:34:56+02:30'",
    "TIMESTAMP_NS": "make_timestamp_ns(i)",
    "INTERVAL": "to_months(i::INTEGER) + to_days(3)",
    "UUID": "('00000000-0000-0000-0000-' || lpad(i::VARCHAR, 12, '0'))::UUID",
    "JSON": "json_array(i)",
    "ENUM('a', 'b')": "if(i % 2 = 0, 'a', 'b')",
    "VARCHAR[]": "list_transform(range(i % 4), lambda x: x::VARCHAR)",
    "INTERVAL[2]": "[to_days(i::INTEGER), NULL]",
    "STRUCT(a UUID, b INTEGER[])": "{'a': NULL, 'b': [i, NULL]}",
    "MAP(VARCHAR, HUGEINT)": "MAP {i::VARCHAR: i::HUGEINT}",
    "UNION(n BIGINT, t VARCHAR)": "if(i % 2 = 0, i::UNION(n BIGINT, t VARCHAR), 'x'::UNION(n BIGINT, t VARCHAR))",
}


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


@pytest.mark.parametrize("kind", VALUES)
def test_batches_of_every_type_are_put_together(kind: str) -> None:
    columns = (Column("x", kind),)
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t (x {kind})")
        connection.execute(f"CREATE TABLE u (x {kind})")
        for some in (f"({VALUES[kind]})::{kind}", "NULL"):
            connection.execute(f"INSERT INTO t SELECT {some} FROM range(50) r(i)")
        read = connection.sql(f"SELECT {carriers(columns)[0].out('x')} AS x FROM t").arrow()
        batches = read.to_batches(7) if isinstance(read, pa.Table) else pa.Table.from_batches(read).to_batches(7)
        sql = f"INSERT INTO u SELECT {carriers(columns)[0].back('c')} FROM"
        assert insert_stream(connection, sql, Table(columns, read.schema, iter(batches)), ["c"]) == 100
        held, kept = (connection.execute(f"SELECT x::VARCHAR FROM {name}").fetchall() for name in "tu")
        assert held == kept
        assert connection.execute("SELECT count(*) FROM (FROM t EXCEPT ALL FROM u)").fetchall() == [(0,)]


def test_data_of_a_type_that_duckdb_does_not_know_is_said_so() -> None:
    values = [pa.array([1]), pa.array(["x"])]
    dense = pa.UnionArray.from_dense(pa.array([0, 1], pa.int8()), pa.array([0, 0], pa.int32()), values)
    with duckdb.connect() as connection:
        with pytest.raises(EngineError, match="Union"), registered(connection, pa.table({"a": dense})):
            pass
        with registered(connection, pa.table({"a": [1]})) as source:
            assert connection.execute(f"FROM {source}").fetchall() == [(1,)]
