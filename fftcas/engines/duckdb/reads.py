"""What a query reads by name, from its parse tree, or from its tokens where DuckDB gives no tree."""

from __future__ import annotations

import json
import re
from typing import Any

import duckdb

from fftcas.engines.base import EngineError, Reads
from fftcas.engines.duckdb.built_in import BuiltIn
from fftcas.engines.duckdb.loose_references import loose_names
from fftcas.engines.duckdb.references import File, Opaque, names_columns, names_in
from fftcas.relation import RelationName

FILE_NAME = re.compile(r".*\.(parquet|csv|tsv|json|jsonl|ndjson)(\.gz|\.zst)?|.*://.*", re.IGNORECASE)
CATALOGUES = frozenset({"information_schema", "pg_catalog"})


def parse_tree(connection: duckdb.DuckDBPyConnection, sql: str) -> Any:
    """DuckDB's parse tree of a query, or of the error. Raises duckdb.Error."""
    rows: Any = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchall()
    return json.loads(rows[0][0])


def reads(tree: Any, sql: str, built_in: BuiltIn) -> Reads:
    """The relations and files that a query names, from its parse tree. Raises EngineError.

    DuckDB gives no tree for what is no single SELECT to it, as PIVOT without IN: there, the text's tokens have to do.
    """
    if tree.get("error") and tree.get("error_type") != "not implemented":
        raise EngineError(str(tree.get("error_message", "the statement does not parse")))
    names = set(loose_names(sql) if tree.get("error") else names_in(tree))
    relations: set[RelationName] = set()
    files: set[str] = set()
    opaque: set[str] = set()
    for name in names:
        if isinstance(name, RelationName) and name.schema is None and FILE_NAME.fullmatch(name.name):
            name = File(name.name)
        if isinstance(name, Opaque):
            opaque.add(name.words)
        elif isinstance(name, File):
            (opaque if "://" in name.path else files).add(name.path)
        elif str(name.schema).lower() in CATALOGUES or (name.schema is None and name.name.lower() in built_in.views):
            opaque.add(str(name))
        else:
            relations.add(name)
    named = not opaque and names_columns(tree)
    return Reads(frozenset(relations), frozenset(files), frozenset(opaque), named)
