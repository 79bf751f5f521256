"""Which columns of its inputs a statement reads: asked of DuckDB's own binder, on empty tables in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import duckdb

from fftcas.engines.duckdb.names import Place, quote_name
from fftcas.relation import RelationName
from fftcas.table import Column

Inputs = Mapping[RelationName, tuple[Column, ...]]
ColumnsRead = Mapping[RelationName, frozenset[str] | None]

KEPT_OPTIMIZERS = {"unused_columns", "cte_inlining"}
"""These two never look at data or statistics, and never take a scan away: all others are switched off."""

LEAVES = frozenset(
    {"SEQ_SCAN", "DUMMY_SCAN", "COLUMN_DATA_SCAN", "EXPRESSION_SCAN", "CTE_SCAN", "REC_CTE_SCAN", "RECURSIVE_CTE_SCAN"}
    | {"DELIM_SCAN", "HASH_GROUP_BY", "RANGE", "GENERATE_SERIES", "UNNEST", "REPEAT", "REPEAT_ROW"}
    | {"READ_CSV", "READ_CSV_AUTO", "READ_PARQUET", "PARQUET_SCAN", "READ_JSON", "READ_JSON_AUTO", "READ_TEXT", "GLOB"}
)
"""Where rows may come from without telling of the catalogue. Whatever else a plan starts from, all columns count."""

ODD = Column("__fftcas_unread", "STRUCT(__fftcas_unread BOOLEAN)")
"""The column of a table of which no column is read."""


def columns_read(
    connection: duckdb.DuckDBPyConnection, place: Place, sql: str, inputs: Inputs, views: Mapping[RelationName, str]
) -> ColumnsRead:
    """The columns that the statement reads of each input, through `views`; None stands for all of them.

    Read is what the plan scans, and what the text or a view names at all. The answer is then proven: the statement
    must have the same plan and the same result columns on tables that have *only* these columns. So two states of
    the inputs that agree in the columns read share one plan, and with it the result. Where that cannot be shown,
    all columns of all inputs are read.
    """
    everything: dict[RelationName, frozenset[str] | None] = dict.fromkeys(inputs)
    texts = "\n".join([sql, *views.values()])
    words = {word.lower() for word in re.findall(r"\w+", texts)}
    if "pivot" in words or "pivot_wider" in words:
        return everything
    if any(place.full(relation).database != place.database for relation in [*inputs, *views]):
        return everything
    plan = _plan(connection, place, sql, inputs, views)
    if plan is None or (words & {"describe", "desc", "show"} and "COLUMN_DATA_SCAN" in plan):
        return everything
    scanned = _scanned(json.loads(plan)["plan"], place, inputs)
    if scanned is None:
        return everything
    named = {
        relation: {column.name for column in columns if _named(column.name, words, texts)}
        for relation, columns in inputs.items()
    }
    read = {relation: frozenset(scanned[relation] | named[relation]) for relation in inputs}
    only = {
        relation: tuple(column for column in columns if column.name in read[relation]) or (ODD,)
        for relation, columns in inputs.items()
    }
    return read if _plan(connection, place, sql, only, views) == plan else everything


def _plan(
    connection: duckdb.DuckDBPyConnection, place: Place, sql: str, inputs: Inputs, views: Mapping[RelationName, str]
) -> str | None:
    """The statement's plan and result columns as text, or None if DuckDB cannot tell."""
    connection.execute("BEGIN")
    try:
        for schema in {str(place.full(relation).schema) for relation in [*inputs, *views]}:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {place.quote_schema(schema)}")
        for relation, columns in inputs.items():
            parts = [f"{quote_name(c.name)} {c.type}{'' if c.nullable else ' NOT NULL'}" for c in columns]
            connection.execute(f"CREATE TABLE {place.quote(relation)} ({', '.join(parts)})")
        for relation, text in views.items():
            connection.execute(f"CREATE VIEW {place.quote(relation)} AS\n{place.in_view(relation, text)}")
        rows: Any = connection.execute(f"EXPLAIN (FORMAT JSON) {sql}").fetchall()
        result: Any = connection.execute(f"DESCRIBE {sql}").fetchall()
        return json.dumps({"plan": json.loads(rows[0][1]), "result": result})
    except (duckdb.Error, ValueError, IndexError):
        return None
    finally:
        connection.execute("ROLLBACK")


def switch_off_optimizers(connection: duckdb.DuckDBPyConnection) -> None:
    """Make plans tell what they read, whatever the data."""
    names = [str(name) for (name,) in connection.execute("FROM duckdb_optimizers()").fetchall()]
    off = ",".join(name for name in names if name not in KEPT_OPTIMIZERS)
    connection.execute(f"SET disabled_optimizers = '{off}'")


def _scanned(plan: Any, place: Place, inputs: Inputs) -> dict[RelationName, set[str]] | None:
    """The columns of each input that the plan's scans show, or None if the plan has a part that is not understood."""
    read: dict[RelationName, set[str]] = {relation: set() for relation in inputs}
    for node in _nodes(plan):
        name = str(node.get("name", "")).strip()
        if not node.get("children") and name not in LEAVES:
            return None
        if name != "SEQ_SCAN":
            continue
        info = node.get("extra_info")
        table = info.get("Table") if isinstance(info, dict) else None
        # 1.4 gives the bare name: what is scanned then counts for each input that is called so.
        tables = [relation for relation in inputs if table in _spellings(place.full(relation))]
        shown = info.get("Projections", "") if isinstance(info, dict) else ""
        for text in [shown] if isinstance(shown, str) else shown:
            found = [(r, c.name) for r in tables for c in inputs[r] if text == c.name or text.startswith(f"{c.name}.")]
            if text and not found:
                return None
            for relation, column in found:
                read[relation].add(column)
    return read


def _nodes(plan: Any) -> Iterator[dict[str, Any]]:
    for node in plan if isinstance(plan, list) else [plan]:
        yield node
        yield from _nodes(node.get("children") or [])


def _spellings(full: RelationName) -> set[str]:
    return {full.name, f"{full.schema}.{full.name}", f"{full.database}.{full.schema}.{full.name}"}


def _named(column: str, words: set[str], texts: str) -> bool:
    """Whether the text may name the column; a word in a string or a comment counts."""
    if re.fullmatch(r"\w+", column):
        return column.lower() in words
    return column.lower() in texts.lower().replace('""', '"')
