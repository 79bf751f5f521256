"""Which columns of its inputs a statement reads: asked of DuckDB's own binder, on empty tables in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import duckdb

from fftcas.engines.base import EngineError, Query
from fftcas.engines.duckdb.names import Place, quote_name
from fftcas.engines.duckdb.references import objects, with_objects
from fftcas.engines.duckdb.views import view_text
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


@dataclass(frozen=True)
class Plans:
    """What DuckDB makes of a statement: its pruned plan, its bound plan, and its result columns.

    The pruned plan shows what is scanned, but hides expressions behind their aliases, and shows nothing for scans that
    the pruning did not reach. The bound plan is complete, but holds all that `*` stands for.
    """

    pruned: Any
    bound: Sequence[dict[str, Any]]
    result: Any

    def proof(self) -> Any:
        """What two statements have in common if they differ in nothing but columns that they do not read.

        Constants are part of it because the binder folds what it knows of the schema into them, as with typeof().
        """
        constants = [
            node
            for node in self.bound
            if node.get("expression_class") == "BOUND_CONSTANT" or node.get("type") == "LOGICAL_CHUNK_GET"
        ]
        return [self.pruned, self.result, constants]


def columns_read(connection: duckdb.DuckDBPyConnection, place: Place, query: Query) -> ColumnsRead:
    """The columns that the statement reads of each input, through its views; None stands for all of them.

    Read is what the plan scans. The answer is then proven: the statement must have the same plan, constants and result
    columns on tables that have *only* these columns. So two states of the inputs that agree in the columns read share
    one plan, and with it the result. If it does not even bind there, because the text names columns that the plan then
    drops, those count as read. Where nothing can be proven, all columns of all inputs are read.
    """
    sql, inputs, views = query.sql, query.inputs, query.views
    everything: dict[RelationName, frozenset[str] | None] = dict.fromkeys(inputs)
    texts = "\n".join([sql, *views.values()])
    words = {word.lower() for word in re.findall(r"\w+", texts)}
    if words & {"pivot", "pivot_wider"}:
        return everything
    if any(place.full(relation).database != place.database for relation in [*inputs, *views]):
        return everything
    plans = _plans(connection, place, sql, inputs, views)
    scanned = _scanned(plans, place, inputs) if plans is not None else None
    if plans is None or scanned is None or not bound_columns(plans.bound).keys() <= set(map(place.full, inputs)):
        return everything
    named = {
        relation: scanned[relation] | {column.name for column in columns if _named(column.name, words, texts)}
        for relation, columns in inputs.items()
    }
    bound = bound_columns(plans.bound)
    met = {r: scanned[r] | (names & bound.get(place.full(r), set())) for r, names in named.items()}
    for read in (scanned, met, named):
        only = {
            relation: tuple(column for column in columns if column.name in read[relation]) or (ODD,)
            for relation, columns in inputs.items()
        }
        alone = plans if only == inputs else _plans(connection, place, sql, only, views)
        if alone is not None and alone.proof() == plans.proof():
            return {relation: frozenset(columns) for relation, columns in read.items()}
    return everything


def switch_off_optimizers(connection: duckdb.DuckDBPyConnection) -> None:
    """Make plans tell what they read, whatever the data."""
    names = [str(name) for (name,) in connection.execute("FROM duckdb_optimizers()").fetchall()]
    off = ",".join(name for name in names if name not in KEPT_OPTIMIZERS)
    connection.execute(f"SET disabled_optimizers = '{off}'")


def _plans(
    connection: duckdb.DuckDBPyConnection, place: Place, sql: str, inputs: Inputs, views: Mapping[RelationName, str]
) -> Plans | None:
    """The statement's plans on empty tables, or None if DuckDB cannot tell."""
    connection.execute("BEGIN")
    try:
        create_schemas(connection, place, [*inputs, *views])
        for relation, columns in inputs.items():
            connection.execute(empty_table(place, relation, columns))
        create_views(connection, place, views)
        pruned: Any = connection.execute(f"EXPLAIN (FORMAT JSON) {sql}").fetchall()
        result: Any = connection.execute(f"DESCRIBE {sql}").fetchall()
        bound = bound_plan(connection, sql)
        return None if bound is None else Plans(json.loads(pruned[0][1]), bound, result)
    except (duckdb.Error, EngineError, ValueError, IndexError, RecursionError):
        return None
    finally:
        connection.execute("ROLLBACK")


def _scanned(plans: Plans, place: Place, inputs: Inputs) -> dict[RelationName, set[str]] | None:
    """The columns of each input that the plan's scans show, or None if the plan has a part that is not understood."""
    bound = bound_columns(plans.bound)
    read: dict[RelationName, set[str]] = {relation: set() for relation in inputs}
    for node in objects(plans.pruned):
        name = str(node.get("name", "")).strip()
        if "name" in node and not node.get("children") and name not in LEAVES:
            return None
        if name != "SEQ_SCAN":
            continue
        info = node.get("extra_info") or {}
        # 1.4 gives the bare name: what is scanned then counts for each input that is called so.
        tables = [relation for relation in inputs if info.get("Table") in _spellings(place.full(relation))]
        shown = info.get("Projections") or []
        for relation in tables if not shown else []:  # no columns, or no pruning
            read[relation] |= bound.get(place.full(relation), set())
        for text in [shown] if isinstance(shown, str) else shown:
            found = [(r, c.name) for r in tables for c in inputs[r] if text == c.name or text.startswith(f"{c.name}.")]
            if not found:
                return None
            for relation, column in found:
                read[relation].add(column)
    return read


def create_schemas(connection: duckdb.DuckDBPyConnection, place: Place, relations: Iterable[RelationName]) -> None:
    for schema in dict.fromkeys(str(place.full(relation).schema) for relation in relations):
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {place.quote_schema(schema)}")


def empty_table(place: Place, relation: RelationName, columns: Iterable[Column]) -> str:
    """The statement that makes a table with these columns."""
    parts = [f"{quote_name(c.name)} {c.type}{'' if c.nullable else ' NOT NULL'}" for c in columns]
    return f"CREATE OR REPLACE TABLE {place.quote(relation)} ({', '.join(parts)})"


def create_views(connection: duckdb.DuckDBPyConnection, place: Place, views: Mapping[RelationName, str]) -> None:
    for relation, text in views.items():
        connection.execute(f"CREATE VIEW {place.quote(relation)} AS\n{view_text(connection, place, relation, text)}")


def bound_plan(connection: duckdb.DuckDBPyConnection, sql: str) -> Sequence[dict[str, Any]] | None:
    """What the binder makes of a query, all mappings of its plan, or None if it cannot be told.

    Raises duckdb.Error, and RecursionError for a plan that is nested too deeply.
    """
    (plan,) = bound_plans(connection, [sql])
    return plan


def bound_plans(
    connection: duckdb.DuckDBPyConnection, queries: Sequence[str]
) -> Iterator[Sequence[dict[str, Any]] | None]:
    """`bound_plan` for each of some queries."""
    rows: Any = connection.execute("SELECT json_serialize_plan(unnest(?::VARCHAR[]))", [list(queries)]).fetchall()
    for (text,) in rows:
        plan, parts = with_objects(text)
        yield None if plan.get("error") else parts


def bound_columns(plan: Iterable[dict[str, Any]]) -> dict[RelationName, set[str]]:
    """The columns of each table that the binder came across."""
    bound: dict[RelationName, set[str]] = {}
    for node in plan:
        table = node.get("function_data") if node.get("type") == "LOGICAL_GET" else None
        if table and "table" in table:
            names, indexes = node["names"], [column["index"] for column in node["column_indexes"]]
            columns = {names[index] for index in indexes if index < len(names)}  # beyond are row ids
            bound.setdefault(RelationName(table["table"], table["schema"], table["catalog"]), set()).update(columns)
    return bound


def _spellings(full: RelationName) -> set[str]:
    """How a plan may spell a table: with or without schema and database, each part quoted or not."""
    parts = [(str(part), quote_name(str(part))) for part in (full.database, full.schema, full.name)]
    return {".".join(spelling) for start in range(3) for spelling in product(*parts[start:])}


def _named(column: str, words: set[str], texts: str) -> bool:
    """Whether the text may name the column; a word in a string or a comment counts."""
    if re.fullmatch(r"\w+", column):
        return column.lower() in words
    return column.lower() in texts.lower().replace('""', '"')
