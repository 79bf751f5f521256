"""Fingerprints of relations: exact, whatever the order of rows."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from fftcas.digest import Digest, Value, digest_value
from fftcas.engines.base import EngineError
from fftcas.engines.duckdb.carriers import carriers
from fftcas.engines.duckdb.errors import translated
from fftcas.engines.duckdb.names import quote_name
from fftcas.table import Column


def fingerprint(connection: duckdb.DuckDBPyConnection, quoted: str, columns: Sequence[Column]) -> Digest:
    """A digest of a relation's columns and of its rows as a multiset. Raises EngineError.

    Each row is written as one text in which no two different rows are alike: JSON of the columns' carriers, which
    tells NULL from text, -0.0 from 0.0, and quotes what it must; names and types are hashed beside it. The 128 bits of
    that text's MD5 are two numbers of 64 bits; they are summed over all rows, exactly (in 128 bits each), and counted.
    Sums do not depend on order and, unlike XOR, see duplicates. For two different multisets to meet by accident, both
    sums have to: 1 in 2^128. It is no defence against someone who searches for collisions in their own database.
    """
    values = ", ".join(f"c{i} := {_unlike_others(column, quoted)}" for i, column in enumerate(columns))
    row = f"struct_pack({values})" if values else "NULL"
    with translated():
        (counts,) = connection.execute(
            "SELECT count(*), coalesce(sum((n >> 64)::UBIGINT), 0)::VARCHAR, "
            "coalesce(sum((n & 18446744073709551615)::UBIGINT), 0)::VARCHAR "
            f"FROM (SELECT md5_number(to_json({row})::VARCHAR) AS n FROM {quoted})"
        ).fetchall()
    schema: list[Value] = [[column.name, column.type, column.nullable] for column in columns]
    return digest_value("relation content 1", [schema, list(counts)])


def _unlike_others(column: Column, quoted: str) -> str:
    """SQL that makes of the column's values what differs where they do. Raises EngineError if nothing is known to."""
    value = quote_name(column.name)
    if column.type.startswith("GEOMETRY"):  # which the store does not know; its binary form tells NaN and -0.0
        return f"({value})::BLOB"
    try:
        (carrier,) = carriers([column])
    except EngineError:
        raise EngineError(
            f"nobody can tell whether column '{column.name}' of {quoted} changed: it has the type {column.type}",
            hint="leave it out, or say in sources.yml what tells of changes: `fingerprint:` a column's name, or none",
        ) from None
    return carrier.out(value)


def marker(connection: duckdb.DuckDBPyConnection, quoted: str, column: str) -> Digest:
    """A digest of the greatest value of a column, and of the row count. Raises EngineError."""
    with translated():
        (row,) = connection.execute(f"SELECT count(*), max({quote_name(column)})::VARCHAR FROM {quoted}").fetchall()
    return digest_value("relation marker 1", list(row))
