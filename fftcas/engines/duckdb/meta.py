"""`_ff_meta`: the table in the target database that says what its relations hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb

from fftcas.engines.duckdb.names import Place, quote_name
from fftcas.relation import META, RelationKind, RelationName, Stamp
from fftcas.table import Manifest

COLUMNS = {
    "node_name": "VARCHAR",
    "relation": "VARCHAR",
    "fingerprint": "VARCHAR",
    "engine": "VARCHAR",
    "built_at": "TIMESTAMP",
    "schema_name": "VARCHAR",
    "kind": "VARCHAR",
    "output": "VARCHAR",
    "manifest": "VARCHAR",
    "definition": "VARCHAR",
    "view_text": "VARCHAR",
}


def create(connection: duckdb.DuckDBPyConnection, place: Place) -> None:
    """Create the table of stamps, or give an older or foreign one the columns that it lacks; its rows stay."""
    name = place.quote(META)
    found = _columns(connection, place)
    if not found:
        connection.execute(f"CREATE TABLE {name} ({', '.join(f'{c} {t}' for c, t in COLUMNS.items())})")
        return
    if all(found.get(column) == kind for column, kind in COLUMNS.items()):
        return
    # Made anew rather than altered: a foreign table may have constraints that our rows would break.
    theirs = [quote_name(column) for column in found if column not in COLUMNS]
    connection.execute("BEGIN")
    connection.execute(f"CREATE TEMP TABLE __fftcas_meta AS SELECT {', '.join([_ours(found), *theirs])} FROM {name}")
    connection.execute(f"DROP TABLE {name}")
    connection.execute(f"CREATE TABLE {name} AS FROM __fftcas_meta")
    connection.execute("DROP TABLE __fftcas_meta")
    connection.execute("COMMIT")


def _ours(found: Mapping[str, str]) -> str:
    """COLUMNS, selected from a table that has those that were found."""
    return ", ".join(
        f"try_cast({quote_name(column) if column in found else 'NULL'} AS {kind}) AS {column}"
        for column, kind in COLUMNS.items()
    )


def stamped(connection: duckdb.DuckDBPyConnection, place: Place) -> list[RelationName]:
    """The relations for which stamps are kept, be they there or not."""
    found = _columns(connection, place)
    if not found:
        return []
    ours = f"(SELECT {_ours(found)} FROM {place.quote(META)})"
    rows = connection.execute(f"SELECT relation, schema_name FROM {ours} WHERE kind IS NOT NULL")
    return [RelationName(name, schema) for name, schema in rows.fetchall() if name is not None]


def write(
    connection: duckdb.DuckDBPyConnection, place: Place, stamps: Sequence[Stamp], replaced: Sequence[Stamp]
) -> None:
    """Write stamps within the caller's transaction; of the relations of `replaced` there may be older ones."""
    name = place.quote(META)
    if replaced:
        relations = [(stamp.relation.name, place.full(stamp.relation).schema) for stamp in replaced]
        connection.execute(
            f"DELETE FROM {name} WHERE kind IS NOT NULL AND (lower(relation), lower(coalesce(schema_name, ?))) "
            f"IN ({', '.join(['(lower(?), lower(?))'] * len(relations))})",  # 1.4 counts the ? of VALUES first
            [place.schema, *(part for relation in relations for part in relation)],
        )
    # One parameter for each column: one for each value takes four times as long.
    values = ", ".join(["unnest(?::VARCHAR[])"] * len(COLUMNS))
    rows = [_row(place, stamp) for stamp in stamps]
    connection.execute(
        f"INSERT INTO {name} ({', '.join(COLUMNS)}) SELECT {values}",
        [list(column) for column in zip(*rows, strict=True)],
    )


def _row(place: Place, stamp: Stamp) -> list[str | None]:
    """A stamp's values in the order of COLUMNS."""
    row = {
        "node_name": stamp.node_name,
        "relation": stamp.relation.name,
        "fingerprint": stamp.fingerprint,
        "engine": stamp.engine,
        "built_at": stamp.built_at,
        "schema_name": place.full(stamp.relation).schema,
        "kind": str(stamp.kind),
        "output": stamp.output,
        "manifest": stamp.manifest,
        "definition": stamp.definition,
        "view_text": None,
    }
    return [row[column] for column in COLUMNS]


def keep_texts(connection: duckdb.DuckDBPyConnection, place: Place, views: Sequence[RelationName]) -> None:
    """Keep the texts of views that were made, as the database has them. It is not asked when they are made: it would
    look through all views for each.
    """
    names = [(place.full(view).name.lower(), str(place.full(view).schema).lower()) for view in views]
    for start in range(0, len(names), 200):
        some = names[start : start + 200]
        rows = ", ".join(["(?, ?)"] * len(some))  # 1.4 counts the ? of VALUES first
        connection.execute(
            f"""
            UPDATE {place.quote(META)} m SET view_text = v.sql FROM duckdb_views() v
            WHERE m.kind = 'view' AND v.database_name = ? AND lower(v.view_name) = lower(m.relation)
                AND lower(v.schema_name) = lower(m.schema_name)
                AND (lower(m.relation), lower(m.schema_name)) IN ({rows})
            """,
            [place.database, *(part for name in some for part in name)],
        )


def read(connection: duckdb.DuckDBPyConnection, place: Place) -> dict[RelationName, Stamp]:
    """The stamps whose relation is there as it was stamped: its kind; for a table its columns in order and its row
    count. The stamp of a view with another text than the one that was kept names no output.
    """
    found = _columns(connection, place)
    if not found:
        return {}
    rows = connection.execute(
        f"""
        SELECT m.node_name, m.relation, m.schema_name, m.kind, m.fingerprint, m.output, m.engine,
            strftime(m.built_at, '%Y-%m-%dT%H:%M:%S.%f+00:00'), m.manifest, m.definition, c.columns,
            coalesce(m.view_text = r.text, false)
        FROM (SELECT {_ours(found)} FROM {place.quote(META)}) m
        JOIN (
            SELECT schema_name, table_name, 'table' AS kind, NULL AS text
            FROM duckdb_tables() WHERE database_name = $database
            UNION ALL
            SELECT schema_name, view_name, 'view', sql
            FROM duckdb_views() WHERE database_name = $database
        ) r ON r.kind = m.kind
            AND lower(r.schema_name) = lower(m.schema_name) AND lower(r.table_name) = lower(m.relation)
        LEFT JOIN (
            SELECT schema_name, table_name, list([column_name, data_type] ORDER BY column_index) AS columns
            FROM duckdb_columns() WHERE database_name = $database GROUP BY ALL
        ) c ON c.schema_name = r.schema_name AND c.table_name = r.table_name
        WHERE m.fingerprint IS NOT NULL AND m.output IS NOT NULL
        """,
        {"database": place.database},
    ).fetchall()
    stamps: dict[RelationName, Stamp] = {}
    tables: dict[RelationName, int] = {}
    for node, name, schema, kind, fingerprint, output, engine, built_at, manifest, definition, columns, same in rows:
        relation = RelationName(name, None if schema.lower() == place.schema.lower() else schema)
        if kind == RelationKind.TABLE:
            try:
                table = Manifest.from_json(manifest or "")
            except ValueError:
                continue
            if [[column.name, column.type] for column in table.columns] != columns:
                continue
            tables[relation] = table.rows
        elif not same:
            fingerprint, output, definition = "", "", None
        stamps[relation] = Stamp(
            node, relation, RelationKind(kind), fingerprint, output, engine, built_at, manifest, definition
        )
    counts = _row_counts(connection, place, list(tables))
    return {name: stamp for name, stamp in stamps.items() if tables.get(name) == counts.get(name)}


def _columns(connection: duckdb.DuckDBPyConnection, place: Place) -> dict[str, str]:
    """Names and types in the table of stamps, nothing if it is not there; no list is made of all columns there are."""
    try:
        rows = connection.execute(f"DESCRIBE {place.quote(META)}").fetchall()
    except (duckdb.CatalogException, duckdb.BinderException):  # 1.4 has the latter for a database that is not there
        return {}
    return {name: kind for name, kind, *_ in rows}


def _row_counts(
    connection: duckdb.DuckDBPyConnection, place: Place, tables: list[RelationName]
) -> dict[RelationName, int]:
    counts: dict[RelationName, int] = {}
    for start in range(0, len(tables), 200):
        some = tables[start : start + 200]
        query = " UNION ALL ".join(f"SELECT {i}, count(*) FROM {place.quote(table)}" for i, table in enumerate(some))
        counts |= {some[i]: rows for i, rows in connection.execute(query).fetchall()}
    return counts
