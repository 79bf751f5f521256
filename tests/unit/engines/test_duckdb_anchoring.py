"""The whole paths that views get for the files that they read."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from fftcas.engines.duckdb.anchoring import anchored
from fftcas.engines.duckdb.reads import parse
from fftcas.relation import RelationName


@pytest.mark.parametrize(
    "text",
    [
        "select 'd/a.csv', 'ä' as \"d/a.csv\" from '@d/a.csv' where p = 'd/a.csv'",
        'from "@d/a.csv" as "d/a.csv", (table "@d.tsv")',
        "from read_csv('@d/a.csv', nullstr = 'd/a.csv'), read_parquet(['@d', '/b', '~/c', 's3://d'])",
        "from '@d/x.duckdb', '@y.db', \"@g.geojson\", tables, information_schema.tables, d.csv",
        "from (summarize '@d/a.csv'), (describe \"@d/a.csv\"), glob('@it''s*')",
        "from (pivot '@a.csv' on y in ('a.csv') using count(*))",
        'with "e.csv" as (select (select max(x) from \'@a.csv\')) from "e.csv"',
        "from \"t.csv\", t.csv, t, 't.parquet'.x, repeat('a.csv', 2), query('from \"a.csv\"'), '~/a.csv', '/a.csv'",
    ],
)
def test_paths_are_whole_where_a_file_is_read_and_nowhere_else(text: str) -> None:
    assert with_whole_paths(text.replace("@", "")) == text.replace("@", "/p q/")
    assert with_whole_paths(text.replace("@", ""), "/p[1]") == text.replace("@", "/p[[]1]/"), "it is no pattern"


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("from read_csv(e'd/a.csv'), read_text($$d$$)", "from read_csv('/p q/d/a.csv'), read_text('/p q/d')"),
        ("from read_csv('d/'\n'a.csv', sep=';')", "from read_csv('/p q/d/a.csv', sep=';')"),
        ('from d.csv join "d" . csv on true', 'from "/p q/d.csv" join "/p q/d.csv" on true'),
        ("from (describe d.csv)", 'from (describe "/p q/d.csv")'),
    ],
)
def test_paths_in_other_spellings_are_whole_too(tmp_path: Path, sql: str, text: str) -> None:
    root = tmp_path / "p q"
    root.mkdir()
    (root / "d.csv").touch()
    assert with_whole_paths(sql, str(root)) == text.replace("/p q", str(root))


def with_whole_paths(sql: str, root: str = "/p q") -> str:
    with duckdb.connect() as connection:
        (parsed,) = parse(connection, [sql])
    return anchored(parsed, Path(root), {RelationName("t.csv"), RelationName("csv", "t")}.__contains__)
