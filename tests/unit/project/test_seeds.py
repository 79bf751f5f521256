"""Seeds: files, schema.yml, links."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fftcas.errors import FftcasError, ProjectError, UsageError
from fftcas.label import Label
from fftcas.project.nodes import Seed
from fftcas.project.seed_schema import logical_type
from fftcas.project.seeds import read_seeds
from fftcas.relation import RelationName

HELLO = "ea8f163db38682925e4491c5e58d4bb3506ef8c14eb78a86e908c5624a67200f"
"""blake3 of b"hello"."""


def write(root: Path, *names: str, schema: str | None = None) -> Path:
    for name in names:
        file = root / "seeds" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("hello")
    if schema is not None:
        (root / "seeds" / "schema.yml").write_text(schema)
    return root


def read(root: Path, engine: str = "duckdb") -> tuple[Seed, ...]:
    return read_seeds(root, {}, engine)


def test_no_seeds(tmp_path: Path) -> None:
    assert read(tmp_path) == ()


def test_seeds_are_found_in_order(tmp_path: Path) -> None:
    root = write(tmp_path, "users.csv", "raw/a.pq", "notes.txt", ".#users.csv", ".git/x.csv", "__pycache__/y.csv")
    assert read(root) == (
        Seed(
            Label("seeds/raw", "a"),
            "raw/a",
            "seeds/raw/a.pq",
            RelationName("a"),
            recipe={"file": HELLO, "format": "parquet", "types": {}, "reader": 1},
        ),
        Seed(
            Label("seeds", "users"),
            "users",
            "seeds/users.csv",
            RelationName("users"),
            recipe={"file": HELLO, "format": "csv", "types": {}, "reader": 1},
        ),
    )


SCHEMA = """
targets:
  raw/users: {schema: raw, table: people}
  raw.orders: {schema: a, schema_by_engine: {duckdb: b, postgres: c}}
  items: {schema: stock}
dtypes:
  items: {id: int64, name: string, price: float32}
columns:
  people: {id: integer, born: {type: date, engines: {postgres: string}}}
  items: {price: "decimal( 10 , 2 )"}
"""


def test_schema(tmp_path: Path) -> None:
    root = write(tmp_path, "raw/users.csv", "raw/orders.csv", "raw/items.csv", schema=SCHEMA)
    assert {seed.name: (seed.relation, seed.types) for seed in read(root)} == {
        "raw/items": (
            RelationName("items", "stock"),
            {"id": "BIGINT", "name": "VARCHAR", "price": "DECIMAL(10,2)"},
        ),
        "raw/orders": (RelationName("orders", "b"), {}),
        "raw/users": (RelationName("people", "raw"), {"id": "BIGINT", "born": "DATE"}),
    }
    postgres = {seed.name: seed for seed in read(root, "postgres")}
    assert postgres["raw/orders"].relation == RelationName("orders", "c")
    assert postgres["raw/users"].recipe["types"] == {"id": "BIGINT", "born": "VARCHAR"}


def test_the_path_beats_the_name(tmp_path: Path) -> None:
    root = write(tmp_path, "users.csv", "raw/users.csv", schema="targets: {users: {table: x}, raw.users: {table: y}}")
    assert [seed.relation.name for seed in read(root)] == ["y", "x"]


@pytest.mark.parametrize(
    ("word", "type"),
    [
        ("string", "VARCHAR"),
        ("Int", "BIGINT"),
        ("double", "DOUBLE"),
        ("numeric", "DECIMAL(18,3)"),
        ("NUMERIC(5)", "DECIMAL(5,0)"),
        ("varchar(20)", "VARCHAR"),
        ("bool", "BOOLEAN"),
        ("timestamp", "TIMESTAMP_NS"),
        ("timestamptz", "TIMESTAMP WITH TIME ZONE"),
        ("TIMESTAMP  WITH TIME ZONE", "TIMESTAMP WITH TIME ZONE"),
        ("date", "DATE"),
        ("UUID", "UUID"),
        ("integer[]", "BIGINT[]"),
        ("integer(3)", None),
        ("x); drop table y; --", None),
        ("strin", None),
        ("", None),
    ],
)
def test_types(word: str, type: str | None) -> None:
    assert logical_type(word) == type


@pytest.mark.parametrize(
    ("files", "schema", "message"),
    [
        (
            ["a.csv", "a.parquet"],
            "",
            "two files are the seed 'a'\n  at seeds/a.parquet\n  the other one is seeds/a.csv\n"
            "  hint: rename one of them",
        ),
        (
            ["x/a.csv", "y/A.csv"],
            "",
            "two seeds would fill the table 'A'\n  at seeds/y/A.csv\n  the other one is seeds/x/a.csv\n"
            "  hint: give one of them another table under 'targets' in schema.yml",
        ),
        (
            ["my users.csv"],
            "",
            "label '//seeds:my users' has a character that is not allowed: ' '\n  at seeds/my users.csv\n"
            "  in 'my users', at position 3\n"
            "  hint: package and name parts are letters, digits, '_', '.', '-', "
            "and start with a letter, a digit or '_'",
        ),
        (["a.csv"], "target: {}", "unknown key 'target'\n  at seeds/schema.yml:1\n  hint: did you mean 'targets'?"),
        (
            ["users.csv"],
            "targets:\n  user: {table: x}",
            "targets names an unknown seed 'user'\n  at seeds/schema.yml:2\n  hint: did you mean 'users'?",
        ),
        (
            ["x/a.csv", "y/a.csv"],
            "targets:\n  a: {table: x}",
            "'a' in targets may be any of the seeds x/a, y/a\n  at seeds/schema.yml:2\n"
            "  hint: write the path of one of them",
        ),
        (
            ["a.csv"],
            "targets:\n  a: {tabel: x}",
            "unknown key 'tabel' in targets.a\n  at seeds/schema.yml:2\n  hint: did you mean 'table'?",
        ),
        (
            ["a.csv"],
            "columns:\n  a:\n    b: strin",
            "unknown type 'strin' in columns.a.b\n  at seeds/schema.yml:3\n  hint: did you mean 'string' or 'str'?",
        ),
        (
            ["a.csv"],
            "columns:\n  a:\n    b: {typ: string}",
            "unknown key 'typ' in columns.a.b\n  at seeds/schema.yml:3\n  hint: did you mean 'type'?",
        ),
        (
            ["a.csv"],
            "dtypes:\n  a:\n    b: booleam",
            "unknown type 'booleam' in dtypes.a.b\n  at seeds/schema.yml:3\n  hint: did you mean 'boolean' or 'bool'?",
        ),
        (["a.csv"], "columns: {a: [b]}", "'columns.a' must be a mapping, not a list\n  at seeds/schema.yml:1"),
    ],
)
def test_mistakes(tmp_path: Path, files: list[str], schema: str, message: str) -> None:
    with pytest.raises(ProjectError) as error:
        read(write(tmp_path, *files, schema=schema))
    assert str(error.value) == message


def test_another_folder(tmp_path: Path) -> None:
    inside, outside = tmp_path / "project" / "data", tmp_path / "shared"
    for folder in (inside, outside):
        folder.mkdir(parents=True)
        (folder / "a.csv").write_text("hello")
    (outside / "schema.yml").write_text("targets: {a: {table: x}}")
    root = tmp_path / "project"
    assert [(s.path, s.relation.name) for s in read_seeds(root, {"FFT_SEEDS_DIR": "data"}, "duckdb")] == [
        ("data/a.csv", "a")
    ]
    for chosen in ("../shared", str(outside)):
        seeds = read_seeds(root, {"FFT_SEEDS_DIR": chosen}, "duckdb")
        assert [(s.path, s.relation.name, s.label.text) for s in seeds] == [(f"{outside}/a.csv", "x", "//seeds:a")]
    with pytest.raises(UsageError, match="FFT_SEEDS_DIR names no directory"):
        read_seeds(root, {"FFT_SEEDS_DIR": "none"}, "duckdb")


def test_links_inside_the_project_are_followed(tmp_path: Path) -> None:
    root = write(tmp_path, "a.csv", "x/b.csv")
    (root / "data").mkdir()
    (root / "data" / "c.csv").write_text("hello")
    (root / "seeds" / "linked").symlink_to("../data")
    (root / "seeds" / "x" / "loop").symlink_to("..")
    assert [seed.name for seed in read(root)] == ["a", "linked/c", "x/b"]


@pytest.mark.parametrize("link", ["seeds", "seeds/out", "seeds/a.csv"])
def test_links_out_of_the_project_are_refused(tmp_path: Path, link: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.csv").write_text("hello")
    place = tmp_path / "project" / link
    place.parent.mkdir(parents=True)
    place.symlink_to(outside / "a.csv" if link.endswith(".csv") else outside)
    with pytest.raises(ProjectError, match=f"{link} is a link that leads out of the project"):
        read(tmp_path / "project")


@pytest.mark.parametrize("target", ["none.csv", "a.csv"])
def test_broken_links(tmp_path: Path, target: str) -> None:
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "a.csv").symlink_to(target)
    with pytest.raises(ProjectError, match=r"seeds/a\.csv is not a file"):
        read(tmp_path)


def test_seeds_that_are_a_file(tmp_path: Path) -> None:
    (tmp_path / "seeds").write_text("x")
    with pytest.raises(ProjectError, match="cannot read seeds"):
        read(tmp_path)


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "seeds").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/seeds/\xff.csv")).write_text("hello")
    with pytest.raises(FftcasError) as error:
        read(tmp_path)
    assert str(error.value.where) == "seeds/\\xff.csv"
