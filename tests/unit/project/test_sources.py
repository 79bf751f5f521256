"""sources.yml."""

from __future__ import annotations

from pathlib import Path

import pytest

from fftcas.errors import ProjectError
from fftcas.project.sources import SourceTable, read_sources
from fftcas.relation import RelationName


def read(root: Path, text: str, engine: str = "duckdb") -> tuple[SourceTable, ...]:
    (root / "sources.yml").write_text(text)
    return read_sources(root, engine)


@pytest.mark.parametrize("text", [None, "", "version: 1\n", "version: 2\nsources: []\n", "sources: [{name: crm}]\n"])
def test_no_sources(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "sources.yml").write_text(text)
    assert read_sources(tmp_path, "duckdb") == ()


def test_a_table(tmp_path: Path) -> None:
    text = """
version: 2
sources:
  - name: crm
    schema: raw
    tables:
      - name: users
        description: people
        loaded_by: someone else
      - name: orders
        identifier: seed_orders
        schema: other
        catalog: lake
"""
    assert read(tmp_path, text) == (
        SourceTable("crm", "users", RelationName("users", "raw"), "content", "people", "sources.yml", 7),
        SourceTable("crm", "orders", RelationName("seed_orders", "other", "lake"), "content", "", "sources.yml", 10),
    )


def test_a_table_without_a_schema_is_in_the_profiles_own(tmp_path: Path) -> None:
    assert read(tmp_path, "sources: [{name: a, tables: [{name: t}]}]")[0].relation == RelationName("t")


@pytest.mark.parametrize(
    ("engine", "relation"),
    [
        ("duckdb", RelationName("t_duck", "table_base", "any_db")),
        ("postgres", RelationName("t", "group_pg", "any_db")),
        ("bigquery", RelationName("t", "bq_table", "any_db")),
        ("snowflake_snowpark", RelationName("t", "table_base", "any_db")),
    ],
)
def test_overrides(tmp_path: Path, engine: str, relation: RelationName) -> None:
    text = """
sources:
  - name: a
    schema: group_base
    overrides:
      postgres: {schema: group_pg}
      bigquery: {schema: bq_group}
      "*": {database: star_db}
      any: {database: any_db}
    tables:
      - name: t
        schema: table_base
        overrides:
          duckdb: {identifier: t_duck}
          bigquery: {schema: bq_table}
"""
    assert read(tmp_path, text, engine)[0].relation == relation


def test_fingerprints(tmp_path: Path) -> None:
    text = """
sources:
  - {name: a, fingerprint: version, tables: [{name: t}, {name: u, fingerprint: updated_at}]}
  - {name: b, tables: [{name: t, fingerprint: none}, {name: u}]}
"""
    assert [table.fingerprint for table in read(tmp_path, text)] == ["version", "updated_at", "none", "content"]


LOCATION = "sources:\n- name: a\n  tables:\n  - name: t\n    overrides:\n      duckdb:\n        location: s3://x\n"


def test_a_location_is_fine_on_another_engine(tmp_path: Path) -> None:
    assert len(read(tmp_path, LOCATION, "databricks_spark")) == 1


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        (LOCATION, "sources.yml:7", "source 'a.t' has a 'location', which DuckDB cannot read as a source"),
        ("version: 3\n", "sources.yml:1", "must be 1 or 2"),
        ("version: x\n", "sources.yml:1", "'version' must be a whole number, not text"),
        ("source: []\n", "sources.yml:1", "did you mean 'sources'?"),
        ("sources:\n- nam: a\n", "sources.yml:2", "has no 'name'"),
        ("sources:\n- name: a\n  shema: b\n", "sources.yml:3", "did you mean 'schema'?"),
        ("sources:\n- name: a\n  tables:\n  - identifier: t\n", "sources.yml:4", "has no 'name'"),
        ("sources:\n- name: a\n- name: a\n", "sources.yml:3", "the first one is at sources.yml:2"),
        ("sources:\n- name: a\n  tables:\n  - name: t\n  - name: t\n", "sources.yml:5", "two tables called 't'"),
        ("sources:\n- name: a\n  tables: [t]\n", "sources.yml:3", "must be a list of mappings"),
        ("sources:\n- name: a\n  tables: [{name: t, schema: 1}]\n", "sources.yml:3", "must be text, not a number"),
        (
            "sources:\n- name: a\n  overrides:\n    duckbd: {schema: x}\n  tables: [{name: t}]\n",
            "sources.yml:4",
            "did you mean 'duckdb'?",
        ),
        (
            "sources:\n- name: a\n  overrides:\n    duckdb: {shema: x}\n  tables: [{name: t}]\n",
            "sources.yml:4",
            "did you mean 'schema'?",
        ),
    ],
)
def test_mistakes(tmp_path: Path, text: str, where: str, words: str) -> None:
    with pytest.raises(ProjectError) as error:
        read(tmp_path, text)
    assert str(error.value.where) == where
    assert words in str(error.value)
