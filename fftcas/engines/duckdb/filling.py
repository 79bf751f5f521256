"""Stored tables on their way into DuckDB, where they get exactly the types that they had."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import FunctionType

import duckdb
import pyarrow as pa

from fftcas.engines.duckdb.arrow import insert_stream
from fftcas.engines.duckdb.carriers import carriers
from fftcas.engines.duckdb.names import quote_name
from fftcas.table import Table

ROWS = f"_fftcas_{os.urandom(16).hex()}"
"""The global variable of which `fill_at_once` makes a table: a name that no relation has, in whatever schema."""

VARIABLES = not duckdb.__version__.startswith("1.")
"""Whether variables are looked at without pandas: to import it takes as long as to put back a thousand tables."""


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


@contextmanager
def variables_read(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Meanwhile the statements of this connection find Python's variables by name, where there is no such relation.

    Nor are they optimised: there is nothing to gain where a variable's rows are taken as they are.
    """
    if not VARIABLES:
        yield
        return
    try:
        connection.execute("SET SESSION python_enable_replacements = true; PRAGMA disable_optimizer")
        yield
    finally:
        try:
            connection.execute("PRAGMA enable_optimizer; SET SESSION python_enable_replacements = false")
        except BaseException:
            connection.close()  # no model's text may meet a variable
            raise


def fill_at_once(connection: duckdb.DuckDBPyConnection, name: str, table: Table) -> None:
    """Make the table `name`, in SQL, which does not exist, of a small stored one, in one statement if that can be.

    It is to be called while variables are read.
    """
    rows = pa.Table.from_batches(table.batches, table.schema)
    plain = all(column.nullable for column in table.columns) and all(each.plain for each in carriers(table.columns))
    types = [column.type for column in table.columns]
    if plain and [_type_of(connection, rows, index) for index in range(len(types))] == types:
        _create(connection, name, rows)
    else:
        fill(connection, name, Table(table.columns, table.schema, iter(rows.to_batches())))


def _create(connection: duckdb.DuckDBPyConnection, name: str, rows: pa.Table) -> None:
    if not VARIABLES:
        connection.from_arrow(rows).create(name)
        return
    # A relation, or what is registered, has to be bound once more, which takes a third of the time.
    execute = FunctionType(_execute.__code__, {**globals(), ROWS: rows})
    execute(connection, f"CREATE TABLE {name} AS FROM {ROWS}")


def _execute(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    connection.execute(sql)


def _type_of(connection: duckdb.DuckDBPyConnection, rows: pa.Table, index: int) -> str:
    """The type that DuckDB gives to a column's values."""
    field = rows.schema.field(index)
    key: object = str(field.type)
    if field.metadata or field.type.num_fields or isinstance(field.type, pa.BaseExtensionType):
        key = pa.schema([field.with_name("")]).serialize().to_pybytes()  # equal types may differ in what metadata say
    if key not in _types:
        _types[key] = str(connection.from_arrow(rows.select([index]).slice(0, 0)).types[0])
    return _types[key]


_types: dict[object, str] = {}
"""The types of fields that were asked for: types differ less than tables."""
