"""Small random projects, written to disk, and what their models' ingredients are: worked out without fftcas's keys."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

SEEDS = ("s0", "s1")
OUTSIDE = "outside"
"""A source: a table that the project does not build."""

SQL = {
    "plain": "select id, grp, val + {n} as val from {a}",
    "star": "select *, {n} as extra_{n} from {a}",
    "group": "select min(id) as id, grp, sum(val) + {n} as val from {a} group by grp",
    "join": "select x.id, x.grp, x.val + y.val + {n} as val from {a} x join {b} y on x.id = y.id",
    "union": "select id, grp, val from {a} union select id, grp, val + {n} from {b}",
    "count": "select {n} as id, 'all' as grp, count(*) as val from {a}",
    "macro": "select id, grp, {{{{ bump('val') }}}} + {n} as val from {a}",
    "var": "select id, grp, val + {n} as val from {a} where val <> {{{{ var('cut') }}}}",
    "env": "select id, '{{{{ env('REGION') }}}}' as grp, val + {n} as val from {a}",
    "file": "select x.id, x.grp, x.val + f.val + {n} as val from {a} x join 'data/f.csv' f on x.id = f.id",
    "raw": "select id, grp, val + {n} as val from {a} where id in (select id from ext.outside)",
}
READS = {"star": None, "count": (), "env": ("id", "val")}
"""The columns that a shape reads where it is not all of id, grp and val; None: whatever there is."""

OPEN = ("file", "raw")
"""Shapes that read what is no node; with them, all columns of all tables count."""

Row = tuple[int, str, int, str]


@dataclass(frozen=True)
class Model:
    kind: str  # table, view, ephemeral, python
    shape: str
    inputs: tuple[str, str]
    n: int = 0
    style: int = 0  # comments and white space only
    extra: int = 0  # a column more, which only `star` reads


@dataclass(frozen=True)
class World:
    """Everything that a user could edit."""

    seeds: dict[str, tuple[Row, ...]]
    models: tuple[Model, ...]
    outside: tuple[Row, ...] = ((1, "g", 1, "x"),)
    file: tuple[Row, ...] = ((1, "g", 1, "x"),)
    helper: int = 1
    macro: int = 1
    cut: int = 99
    region: str = "eu"
    toggle: str = "0"
    spare_column: bool = False

    def name(self, index: int) -> str:
        return f"m{index}"

    def reference(self, name: str) -> str:
        if name == OUTSIDE:
            return f"{{{{ source('ext', '{name}') }}}}"
        return f"{{{{ source('raw', '{name}') }}}}" if name in SEEDS else f"{{{{ ref('{name}') }}}}"

    def write(self, root: Path) -> None:
        """Write the project's files."""
        shutil.rmtree(root / "models", ignore_errors=True)
        for folder in ("models/a", "models/macros", "seeds", "data"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        (root / "project.yml").write_text(f"name: p\nversion: 1\nvars: {{cut: {self.cut}}}\n")
        (root / "profiles.yml").write_text("dev:\n  engine: duckdb\n  duckdb: {path: db.duckdb, schema: w}\n")
        (root / ".env").write_text(f"REGION={self.region}\nFF_TOGGLE={self.toggle}\n")
        tables = "\n".join(f"      - {{name: {seed}}}" for seed in SEEDS)
        outside = f"  - {{name: ext, schema: ext, tables: [{{name: {OUTSIDE}}}]}}\n"
        (root / "sources.yml").write_text(f"version: 2\nsources:\n  - name: raw\n    tables:\n{tables}\n{outside}")
        lines = [",".join(map(str, row)) for row in self.file]
        (root / "data/f.csv").write_text("\n".join(["id,grp,val,note", *lines]) + "\n")
        self.write_outside(root)
        (root / "helpers.py").write_text(f"BUMP = {self.helper}\n")
        (root / "models/macros/m.sql").write_text(
            f"{{% macro bump(x) %}}({{{{ x }}}} + {self.macro}){{% endmacro %}}\n"
        )
        for seed, rows in self.seeds.items():
            head = "id,grp,val,note" + (",spare" if self.spare_column else "")
            lines = [",".join(map(str, row)) + (",7" if self.spare_column else "") for row in rows]
            (root / f"seeds/{seed}.csv").write_text("\n".join([head, *lines]) + "\n")
        for index, model in enumerate(self.models):
            self.write_model(root, self.name(index), model)

    def write_outside(self, root: Path) -> None:
        """Load the table of the source, if it is not there as it should be."""
        known, now = root / ".outside", repr(self.outside)
        if (root / "db.duckdb").exists() and known.exists() and known.read_text() == now:
            return
        with duckdb.connect(str(root / "db.duckdb")) as connection:
            connection.execute("create schema if not exists ext")
            rows = ", ".join(map(str, self.outside))
            connection.execute(f"create or replace table ext.outside as from (values {rows}) t(id, grp, val, note)")
        known.write_text(now)

    def write_model(self, root: Path, name: str, model: Model) -> None:
        a, b = model.inputs
        if model.kind == "python":
            needs = [a] if a.startswith("m") else []
            body = f"out = a[['id', 'grp', 'val']].copy()\n    out['val'] = out['val'] + BUMP + {model.n}"
            frame = "a" if needs else ""
            made = "" if needs else "a = pd.DataFrame({'id': [1], 'grp': ['g'], 'val': [1]})\n    "
            comment = f"# style {model.style}\n" * model.style
            (root / f"models/a/{name}.ff.py").write_text(
                f"import pandas as pd\nfrom fftcas import model\nfrom helpers import BUMP\n\n{comment}\n"
                f"@model(name='{name}', deps={needs})\ndef build({frame}):\n    {made}{body}\n    return out\n"
            )
            return
        text = SQL[model.shape].format(a=self.reference(a), b=self.reference(b), n=model.n)
        if model.extra:
            text = f"select *, {model.extra} as extra from ({text}) q"
        if model.style:
            text = f"-- style {model.style}\n" + text.replace("select", "SELECT\n   ").replace(" from ", "\nFROM  ")
        (root / f"models/a/{name}.ff.sql").write_text(f"{{{{ config(materialized='{model.kind}') }}}}\n{text}\n")


Rows = tuple[tuple[str, ...], tuple[str, ...], tuple[tuple[Any, ...], ...]]


@dataclass
class Seen:
    """Ingredients that have been built, and not been lost since."""

    keys: set[object] = field(default_factory=set)


def ingredients(world: World, tables: dict[str, Rows], index: int, everything: bool = False) -> object:
    """A model's definition and the rows that it reads; views and ephemerals are looked through.

    `everything`: all columns count.
    """
    model = world.models[index]
    everything = everything or is_open(world, index)
    used: list[object] = [world.toggle, model.kind, model.shape, model.n, model.extra]
    read: dict[str, list[object]] = {"macro": [world.macro], "var": [world.cut], "env": [world.region]}
    read |= {"file": [world.file], "raw": [tuple(sorted(world.outside))]}
    used += read.get(model.shape, [])
    if model.kind == "python":
        used = [world.toggle, "python", model.n, world.helper]
    names = model.inputs[:1] if model.kind == "python" or "{b}" not in SQL[model.shape] else model.inputs
    reads = None if everything or model.kind == "python" else READS.get(model.shape, ("id", "grp", "val"))
    through = False
    for name in names:
        if name in SEEDS or name == OUTSIDE:
            if model.kind != "python":
                rows = projection(tables[name], reads)
                used.append(rows if name in SEEDS else ("source", rows))  # which is known by a fingerprint
        elif world.models[int(name[1:])].kind in ("view", "ephemeral"):
            through = True
            used.append(ingredients(world, tables, int(name[1:]), everything))
        else:
            used.append(projection(tables[name], reads))
    return ("through", tuple(used)) if through else tuple(used)


def is_open(world: World, index: int) -> bool:
    """Whether a model, or what it looks through, reads what is no node."""
    model = world.models[index]
    if model.kind != "python" and model.shape in OPEN:
        return True
    names = model.inputs[:1] if model.kind == "python" or "{b}" not in SQL[model.shape] else model.inputs
    below = [int(name[1:]) for name in names if name.startswith("m")]
    return any(world.models[i].kind in ("view", "ephemeral") and is_open(world, i) for i in below)


def projection(table: Rows, wanted: tuple[str, ...] | None) -> object:
    """Row count, and the wanted columns with types and rows as a multiset."""
    names, types, rows = table
    chosen = [i for i, name in enumerate(names) if wanted is None or name in wanted]
    picked = sorted(tuple(row[i] for i in chosen) for row in rows)
    return (len(rows), tuple((names[i], types[i]) for i in chosen), tuple(picked))


def read_tables(database: Path) -> dict[str, Rows]:
    """Every table and view: names, types, rows in a canonical order."""
    with duckdb.connect(str(database), read_only=True) as connection:
        found = connection.execute(
            "select table_schema, table_name from information_schema.tables "
            "where table_schema in ('w', 'ext') and table_name <> '_ff_meta'"
        ).fetchall()
        tables: dict[str, Rows] = {}
        for schema, name in found:
            described = connection.execute(f'describe {schema}."{name}"').fetchall()
            rows = connection.execute(f'select * from {schema}."{name}"').fetchall()
            tables[name] = (tuple(d[0] for d in described), tuple(d[1] for d in described), tuple(sorted(rows)))
        return tables
