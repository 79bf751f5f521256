"""Engines for tests, and stamps for the tables that they make."""

from __future__ import annotations

from fftcas.engines import open_engine
from fftcas.engines.base import Session, Staged
from fftcas.engines.duckdb.engine import DuckDBEngine
from fftcas.relation import RelationKind, RelationName, Stamp
from fftcas.table import Manifest, StoredColumn


def stamp(relation: RelationName, staged: Staged | None = None, output: str = "o" * 64) -> Stamp:
    manifest = None
    if staged is not None:
        columns = tuple(StoredColumn(c.name, c.type, c.nullable, "0" * 64, 1) for c in staged.columns)
        manifest = Manifest(staged.rows, columns).json
    return Stamp(
        node_name=f"{relation.name}.ff",
        relation=relation,
        kind=RelationKind.TABLE if staged else RelationKind.VIEW,
        fingerprint="f" * 64,
        output=output,
        engine="duckdb",
        built_at="2026-01-02T03:04:05.678900+00:00",
        manifest=manifest,
        definition=None if staged else "d" * 64,
    )


def build(session: Session, relation: RelationName, sql: str) -> Stamp:
    staged = session.stage_query(relation, sql)
    made = stamp(relation, staged)
    session.publish(staged, made)
    return made


def publish(session: Session, staged: Staged) -> None:
    session.publish(staged, stamp(staged.relation, staged))


def start(path: str, schema: str = "s") -> DuckDBEngine:
    engine = open_engine("duckdb", {"path": path, "schema": schema})
    assert isinstance(engine, DuckDBEngine)
    engine.prepare(["other"])
    return engine
