"""profiles.yml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from duckdb import connect

from fftcas.errors import ProjectError
from fftcas.project.profiles import Profile, duckdb_name, read_profile

DEMO = """\
# one profile per engine
dev_duckdb:
  engine: duckdb
  duckdb:
    path: "{{ env('FF_DUCKDB_PATH', '.local/demo.duckdb') }}"

dev_postgres:
  engine: postgres
  postgres:
    dsn: "{{ env('FF_PG_DSN') }}"
    db_schema: "{{ env('FF_PG_SCHEMA', 'public') }}"
"""


def read(root: Path, text: str, name: str = "dev", **environ: str) -> Profile:
    (root / "profiles.yml").write_text(text)
    return read_profile(root, name, environ)


def duckdb(root: Path, section: str, **environ: str) -> dict[str, Any]:
    return dict(read(root, f"dev:\n  engine: duckdb\n  duckdb: {section}\n", **environ).options)


def test_a_variable_that_another_profile_needs_may_be_missing(tmp_path: Path) -> None:
    profile = read(tmp_path, DEMO, "dev_duckdb", FF_DUCKDB_SCHEMA="demo")
    assert (profile.name, profile.engine) == ("dev_duckdb", "duckdb")
    assert profile.options == {"path": f"{tmp_path}/.local/demo.duckdb", "schema": "demo"}


def test_a_variable_that_this_profile_needs_may_not(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as error:
        read(tmp_path, DEMO, "dev_postgres")
    assert str(error.value) == (
        "the environment variable 'FF_PG_DSN' is not set\n"
        "  at profiles.yml:10\n"
        "  'dev_postgres.postgres.dsn' needs it\n"
        "  hint: set it, or write a default: env('FF_PG_DSN', '...')"
    )


def test_options_are_not_shown(tmp_path: Path) -> None:
    profile = read(tmp_path, DEMO, "dev_postgres", FF_PG_DSN="postgres://me:hunter2@x")
    assert profile.options == {"dsn": "postgres://me:hunter2@x", "schema": "public"}
    assert "hunter2" not in repr(profile)


@pytest.mark.parametrize("text", [None, "", "# nothing\n"])
def test_without_profiles_there_is_a_database_in_memory(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "profiles.yml").write_text(text)
    profile = read_profile(tmp_path, "dev", {})
    assert (profile.name, profile.engine, profile.options) == ("dev", "duckdb", {"path": ":memory:"})


def test_default_is_the_fallback(tmp_path: Path) -> None:
    profile = read(tmp_path, "default:\n  engine: duckdb\n  duckdb: {db_schema: s}\n", "ci")
    assert (profile.name, profile.options) == ("ci", {"path": ":memory:", "schema": "s"})


def test_the_environment_beats_the_file(tmp_path: Path) -> None:
    section = "{path: '{{ env(\"NONE\") }}', schema: a, catalog: c}"
    options = duckdb(tmp_path, section, FF_DUCKDB_PATH="/x.duckdb", FF_DUCKDB_SCHEMA="b", FF_DUCKDB_CATALOG="")
    assert options == {"path": "/x.duckdb", "schema": "b", "catalog": "c"}


@pytest.mark.parametrize("path", [":memory:", ":memory:x", "md:shop", "s3://b/x.duckdb", "/a/x.duckdb"])
def test_paths_that_stay(tmp_path: Path, path: str) -> None:
    assert duckdb(tmp_path, f"{{path: '{path}'}}") == {"path": path}


def test_paths_that_start_somewhere(tmp_path: Path) -> None:
    assert duckdb(tmp_path, "{path: a/x.duckdb}") == {"path": f"{tmp_path}/a/x.duckdb"}
    assert duckdb(tmp_path, "{path: ~/x.duckdb}", HOME="/home/me") == {"path": "/home/me/x.duckdb"}
    assert duckdb(tmp_path, "{path: '{{ project_dir() }}/x.duckdb'}") == {"path": f"{tmp_path}/x.duckdb"}


def test_anchors_defaults_and_comments_work(tmp_path: Path) -> None:
    text = "base: &b {engine: duckdb}\ndev:\n  <<: *b\n  duckdb: {schema: \"{{ env('A') | default('d') }}\"}{# x #}\n"
    assert read(tmp_path, text).options == {"path": ":memory:", "schema": "d"}


def test_other_engines(tmp_path: Path) -> None:
    text = "dev:\n  engine: bigquery\n  bigquery: {project: p, dataset: d, use_bigframes: 'no'}\n"
    assert read(tmp_path, text, FF_BQ_ALLOW_CREATE_DATASET="1").options == {
        "project": "p",
        "dataset": "d",
        "use_bigframes": False,
        "allow_create_dataset": True,
    }
    spark = read(tmp_path, "dev:\n  engine: databricks_spark\n  databricks_spark: {extra_conf: {a: b}}\n")
    assert (spark.options["extra_conf"], spark.options["table_format"]) == ({"a": "b"}, "parquet")


def test_the_same_engine_in_the_environment_is_fine(tmp_path: Path) -> None:
    assert read(tmp_path, DEMO, "dev_duckdb", FF_ENGINE="duckdb").engine == "duckdb"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (
            "prod:\n  engine: duckdb\ndevel: {engine: duckdb}\n",
            None,
            "known profiles: devel, prod\n  hint: did you mean 'devel'?",
        ),
        ("ci: {engine: duckdb}\ndev:\n", 2, "profile 'dev' is empty\n  at profiles.yml:2\n  hint: it needs `engine:`"),
        ("dev:\n  duckdb: {}\n", 1, "dev has no 'engine'"),
        ('dev:\n  engine: duckdb\n  duckdb:\n    path: "a\\0b"\n', 4, "'dev.duckdb.path' has a NUL character"),
        ("dev:\n  engine: duckdbb\n", 2, "unknown engine 'duckdbb'"),
        ("dev:\n  engine: x\n", 2, "engines: duckdb, postgres, bigquery, databricks_spark, snowflake_snowpark"),
        ("dev:\n  engine: '{{ env(\"E\") }}'\n", 2, "the environment variable 'E' is not set"),
        ("dev: [1]\n", 1, "'dev' must be a mapping, not a list"),
        ("dev:\n  engine: duckdb\n  postgres: {dsn: x}\n", 3, "unknown key 'postgres' in dev"),
        ("dev:\n  engine: duckdb\n  vars: {}\n", 3, "unknown key 'vars' in dev"),
        (
            "dev:\n  engine: duckdb\n  duckdb:\n    pth: x\n",
            4,
            "unknown key 'pth' in dev.duckdb\n  at profiles.yml:4\n  hint: did you mean 'path'?",
        ),
        (
            "dev:\n  engine: duckdb\n  duckdb:\n    db_schema: PG_catalog\n",
            4,
            "the schema 'PG_catalog' is DuckDB's own",
        ),
        ("dev:\n  engine: duckdb\n  duckdb: {schema: a, db_schema: b}\n", 3, "has both 'schema' and 'db_schema'"),
        ("dev:\n  engine: duckdb\n  duckdb:\n    path: 12345\n", 4, "'dev.duckdb.path' must be text, not a number"),
        (
            "dev:\n  engine: postgres\n",
            1,
            "dev.postgres has no 'dsn'\n  at profiles.yml:1\n  hint: write it there, or set FF_PG_DSN",
        ),
        (
            "dev:\n  engine: bigquery\n  bigquery:\n    use_bigframes: maybe\n    project: p\n    dataset: d\n",
            4,
            "must be true or false",
        ),
        ("a: b: c\n", 1, "not valid YAML"),
        ("dev:\n  engine: {{ env('X' }}\n", 2, "not a valid template"),
        ("dev:\n  a: 1\n  engine: {{ environ('X') }}\n", 3, "'environ' is undefined"),
        ("dev:\n  engine: {{ env() }}\n", 2, "\n  env() missing 1 required positional argument"),
        ("{% if env('CI') %}\na: b\n{% endif %}\n", 1, "the environment variable 'CI' is not set"),
        ("a:\n  {{ env('A') + 1 }}\n", 2, "the environment variable 'A' is not set"),
        ("a: {{ ''.__class__.__mro__ }}\n", 1, "unsafe"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, line: int | None, words: str) -> None:
    with pytest.raises(ProjectError) as error:
        read(tmp_path, text)
    assert words in str(error.value)
    assert error.value.where is not None
    assert (error.value.where.path, error.value.where.line) == ("profiles.yml", line)


def test_an_engine_that_is_not_the_profiles(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as error:
        read(tmp_path, DEMO, "dev_duckdb", FF_ENGINE="postgres")
    assert str(error.value) == (
        "the environment says FF_ENGINE=postgres, and the profile's engine is duckdb\n"
        "  at profiles.yml:3\n"
        "  hint: choose a profile for postgres with --env, or unset FF_ENGINE"
    )


def test_a_wrong_flag_in_the_environment(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="FF_BQ_USE_BIGFRAMES must be true or false"):
        read(tmp_path, "dev: {engine: bigquery, bigquery: {project: p, dataset: d}}", FF_BQ_USE_BIGFRAMES="2")


@pytest.mark.parametrize("secret", ["*hunter2", "!hunter2", "&hunter2 *hunter2", "'hunter2", "%hunter2", "[hunter2"])
def test_an_unquoted_secret_is_not_shown(tmp_path: Path, secret: str) -> None:
    with pytest.raises(ProjectError) as error:
        read(tmp_path, "dev:\n  engine: postgres\n  postgres:\n    dsn: {{ env('PW') }}\n", PW=secret)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    "file", ["shop.v2.duckdb", "main.duckdb", "temp", ".db.duckdb", "...", "a b?c.Db", ":memory:x"]
)
def test_a_database_is_called_as_duckdb_calls_it(tmp_path: Path, file: str) -> None:
    path = file if file.startswith(":") else str(tmp_path / file)
    with connect(path) as connection:
        assert connection.execute("SELECT current_database()").fetchall() == [(duckdb_name({"path": path}),)]
