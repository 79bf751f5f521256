"""Stored tables on their way into DuckDB, where they get exactly the types that they had."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from fftcas.engines.duckdb.arrow import insert_stream
from fftcas.engines.duckdb.carriers import carriers
from fftcas.engines.duckdb.names import quote_name
from fftcas.table import Table


def fill(connection: duckdb.DuckDBPyConnection, name: str, table: Table) -> int:
    """Make or replace the table `name`, in SQL, by a stored one; returns the count of rows.

    Raises what the table's own stream raises, and duckdb.Error.
    """
    definitions = [
        f"{quote_name(column.name)} {column.type}{'' if column.nullable else ' NOT NULL'}" for column in table.columns
    ]
    numbered = [f"c{i}" for i in range(len(table.columns))]
    values = ", ".join(carrier.back(each) for carrier, each in zip(carriers(table.columns), numbered, strict=True))
    connection.execute(f"CREATE OR REPLACE TABLE {name} ({', '.join(definitions)})")
    return insert_stream(connection, f"INSERT INTO {name} SELECT {values} FROM", table, numbered)


def fill_at_once(connection: duckdb.DuckDBPyConnection, name: str, table: Table) -> None:
    """Make the table `name`, which does not exist, of a small stored one, with no statement to parse if that can be."""
    rows = pa.Table.from_batches(table.batches, table.schema)
    plain = all(column.nullable for column in table.columns) and all(each.plain for each in carriers(table.columns))
    relation = connection.from_arrow(rows) if plain else None
    if relation is not None and list(map(str, relation.types)) == [column.type for column in table.columns]:
        relation.create(name)
    else:
        fill(connection, name, Table(table.columns, table.schema, iter(rows.to_batches())))
