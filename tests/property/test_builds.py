"""The law of the whole: whatever is edited, dropped or reverted, a cached build's tables equal a clean build's, and
nothing runs whose ingredients had been seen before.

A small random project is edited step by step. After each step it is built with the cache, and once more without one
in a fresh directory. What a node's ingredients are is worked out here, independently of fftcas's keys: its definition,
and the rows of the columns that it reads.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from fftcas.build.options import BuildOptions, CacheMode
from fftcas.build.outcome import Status
from fftcas.build.run import Run, build
from fftcas.project.load import load_project
from fftcas.store import Store

SEEDS = ("s0", "s1")
COUNTS: Counter[str] = Counter()
"""What the machine did, for the report at the end."""

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
}
READS = {"star": None, "count": (), "env": ("id", "val")}
"""The columns that a shape reads where it is not all of id, grp and val; None: whatever there is."""


@dataclass(frozen=True)
class Model:
    kind: str  # table, view, ephemeral, python
    shape: str
    inputs: tuple[str, str]
    n: int = 0
    style: int = 0  # comments and white space only


@dataclass(frozen=True)
class World:
    """Everything that a user could edit."""

    seeds: dict[str, tuple[tuple[int, str, int, str], ...]]
    models: tuple[Model, ...]
    helper: int = 1
    macro: int = 1
    cut: int = 99
    region: str = "eu"
    toggle: str = "0"
    spare_column: bool = False

    def name(self, index: int) -> str:
        return f"m{index}"

    def reference(self, name: str) -> str:
        return f"{{{{ source('raw', '{name}') }}}}" if name in SEEDS else f"{{{{ ref('{name}') }}}}"

    def write(self, root: Path) -> None:
        """Write the project's files."""
        shutil.rmtree(root / "models", ignore_errors=True)
        for folder in ("models/a", "models/macros", "seeds"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        (root / "project.yml").write_text(f"name: p\nversion: 1\nvars: {{cut: {self.cut}}}\n")
        (root / "profiles.yml").write_text("dev:\n  engine: duckdb\n  duckdb: {path: db.duckdb, schema: w}\n")
        (root / ".env").write_text(f"REGION={self.region}\nFF_TOGGLE={self.toggle}\n")
        tables = "\n".join(f"      - {{name: {seed}}}" for seed in SEEDS)
        (root / "sources.yml").write_text(f"version: 2\nsources:\n  - name: raw\n    tables:\n{tables}\n")
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
        if model.style:
            text = f"-- style {model.style}\n" + text.replace("select", "SELECT\n   ").replace(" from ", "\nFROM  ")
        (root / f"models/a/{name}.ff.sql").write_text(f"{{{{ config(materialized='{model.kind}') }}}}\n{text}\n")


Rows = tuple[tuple[str, ...], tuple[str, ...], tuple[tuple[Any, ...], ...]]


@dataclass
class Seen:
    """Ingredients that have been built, and not been lost since."""

    keys: set[object] = field(default_factory=set)


def ingredients(world: World, tables: dict[str, Rows], index: int) -> object:
    """A model's definition and the rows that it reads; views and ephemerals are looked through."""
    model = world.models[index]
    used: list[object] = [world.toggle, model.kind, model.shape, model.n]
    read: dict[str, list[object]] = {"macro": [world.macro], "var": [world.cut], "env": [world.region]}
    used += read.get(model.shape, [])
    if model.kind == "python":
        used = [world.toggle, "python", model.n, world.helper]
    names = model.inputs[:1] if model.kind == "python" or "{b}" not in SQL[model.shape] else model.inputs
    through = False
    for name in names:
        if name in SEEDS:
            if model.kind != "python":
                used.append(projection(tables[name], READS.get(model.shape, ("id", "grp", "val"))))
        elif world.models[int(name[1:])].kind in ("view", "ephemeral"):
            through = True
            used.append(ingredients(world, tables, int(name[1:])))
        else:
            wanted = None if model.kind == "python" else READS.get(model.shape, ("id", "grp", "val"))
            used.append(projection(tables[name], wanted))
    return ("through", tuple(used)) if through else tuple(used)


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
            "select table_name from information_schema.tables where table_schema = 'w' and table_name <> '_ff_meta'"
        ).fetchall()
        tables: dict[str, Rows] = {}
        for (name,) in found:
            described = connection.execute(f'describe w."{name}"').fetchall()
            rows = connection.execute(f'select * from w."{name}"').fetchall()
            tables[name] = (tuple(d[0] for d in described), tuple(d[1] for d in described), tuple(sorted(rows)))
        return tables


@contextmanager
def clean_environment(store: Path) -> Iterator[None]:
    kept = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(("FF_", "FFT", "REGION"))]:
        del os.environ[name]
    os.environ["FFTCAS_STORE"] = str(store)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


def run_build(root: Path, store: Path, mode: CacheMode, jobs: int) -> Run:
    with clean_environment(store):
        project = load_project(root, None, environ=os.environ, cwd=root, cli_vars={})
        with Store.open(store) as opened:
            return build(project, tuple(project.graph), opened, BuildOptions(cache=mode, jobs=jobs))


ROWS = st.tuples(
    st.integers(1, 6), st.sampled_from("ghk"), st.integers(0, 9), st.sampled_from(["x", "y"])
)  # id, grp, val, note

SHARED: list[dict[str, Any]] = [
    *({"macro": 1}, {"macro": 2}, {"helper": 1}, {"helper": 2}, {"cut": 3}, {"cut": 99}),
    *({"region": "eu"}, {"region": "us"}, {"toggle": "0"}, {"toggle": "1"}),
    *({"spare_column": False}, {"spare_column": True}),
]
"""Edits of what several models share."""


class Builds(RuleBasedStateMachine):
    """Edits, and after each of them a cached build held against a clean one."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="fftcas-property-"))
        self.root = self.folder / "project"
        self.root.mkdir()
        self.store = self.folder / "store"
        self.seen = Seen()
        self.past: list[World] = []

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        seeds = {seed: tuple(data.draw(st.lists(ROWS, min_size=2, max_size=4))) for seed in SEEDS}
        models: list[Model] = []
        for _ in range(data.draw(st.integers(3, 6))):
            kind = data.draw(st.sampled_from(["table", "table", "view", "ephemeral", "python"]))
            inputs = data.draw(st.tuples(*(self.inputs(kind, models),) * 2))
            models.append(Model(kind, data.draw(st.sampled_from(sorted(SQL))), inputs))
        self.world = World(seeds, tuple(models))
        self.check(1)

    def inputs(self, kind: str, models: list[Model]) -> st.SearchStrategy[str]:
        """What a new model may read: Python models cannot read what has no relation."""
        readable = [f"m{i}" for i, m in enumerate(models) if kind != "python" or m.kind != "ephemeral"]
        return st.sampled_from([*SEEDS, *readable])

    def edit(self, **changes: Any) -> None:
        self.past.append(self.world)
        self.world = replace(self.world, **changes)

    def edit_model(self, data: st.DataObject, **changes: Any) -> None:
        index = data.draw(st.integers(0, len(self.world.models) - 1))
        models = list(self.world.models)
        models[index] = replace(models[index], **changes)
        self.edit(models=tuple(models))

    @rule(jobs=st.integers(1, 4))
    def touch_everything(self, jobs: int) -> None:
        before = COUNTS["built"]
        self.check(jobs)
        assert COUNTS["built"] == before

    @rule(data=st.data(), style=st.integers(0, 2), jobs=st.integers(1, 4))
    def reformat(self, data: st.DataObject, style: int, jobs: int) -> None:
        before = COUNTS["built"]
        self.edit_model(data, style=style)
        self.check(jobs)
        assert COUNTS["built"] == before

    @rule(data=st.data(), n=st.integers(0, 3), jobs=st.integers(1, 4))
    def change_a_constant(self, data: st.DataObject, n: int, jobs: int) -> None:
        self.edit_model(data, n=n)
        self.check(jobs)

    @rule(data=st.data(), jobs=st.integers(1, 4))
    def change_a_shape(self, data: st.DataObject, jobs: int) -> None:
        self.edit_model(data, shape=data.draw(st.sampled_from(sorted(SQL))))
        self.check(jobs)

    @rule(data=st.data(), jobs=st.integers(1, 4))
    def flip_table_and_view(self, data: st.DataObject, jobs: int) -> None:
        flips = [i for i, m in enumerate(self.world.models) if m.kind in ("table", "view")]
        if flips:
            models = list(self.world.models)
            index = data.draw(st.sampled_from(flips))
            models[index] = replace(models[index], kind="view" if models[index].kind == "table" else "table")
            self.edit(models=tuple(models))
        self.check(jobs)

    @rule(data=st.data(), seed=st.sampled_from(SEEDS), jobs=st.integers(1, 4))
    def edit_rows(self, data: st.DataObject, seed: str, jobs: int) -> None:
        rows = list(self.world.seeds[seed])
        what = data.draw(st.sampled_from(["add", "remove", "permute", "note", "cell"]))
        if what == "add" or len(rows) < 2:
            rows.append(data.draw(ROWS))
        elif what == "remove":
            rows.pop()
        elif what == "permute":
            rows = data.draw(st.permutations(rows))
        else:
            place = {"note": 3, "cell": 2}[what]
            old = rows[0]
            rows[0] = (*old[:place], "z" if what == "note" else old[2] + 1, *old[place + 1 :])  # type: ignore[assignment]
        self.edit(seeds={**self.world.seeds, seed: tuple(rows)})
        self.check(jobs)

    @rule(
        change=st.sampled_from(SHARED),
        jobs=st.integers(1, 4),
    )
    def change_what_models_share(self, change: dict[str, Any], jobs: int) -> None:
        self.edit(**change)
        self.check(jobs)

    @rule(data=st.data(), jobs=st.integers(1, 4))
    def go_back(self, data: st.DataObject, jobs: int) -> None:
        if self.past:
            self.world = data.draw(st.sampled_from(self.past))
        self.check(jobs)

    @rule(data=st.data(), jobs=st.integers(1, 4))
    def drop_a_relation(self, data: st.DataObject, jobs: int) -> None:
        with duckdb.connect(str(self.root / "db.duckdb")) as connection:
            found = connection.execute(
                "select table_name, table_type from information_schema.tables "
                "where table_schema = 'w' and table_name <> '_ff_meta' order by 1"
            ).fetchall()
            name, kind = data.draw(st.sampled_from(found))
            connection.execute(f'drop {"view" if kind == "VIEW" else "table"} w."{name}"')
        self.check(jobs)

    @rule(jobs=st.integers(1, 4))
    def drop_the_database(self, jobs: int) -> None:
        (self.root / "db.duckdb").unlink()
        self.check(jobs)

    @rule(jobs=st.integers(1, 4))
    def drop_the_store(self, jobs: int) -> None:
        shutil.rmtree(self.store)
        self.seen.keys.clear()
        self.check(jobs)

    @rule(jobs=st.integers(1, 4))
    def build_without_cache(self, jobs: int) -> None:
        self.world.write(self.root)
        assert run_build(self.root, self.store, CacheMode.OFF, jobs).exit_code == 0
        self.check(jobs)

    def check(self, jobs: int) -> None:
        """Build with the cache and without it: equal tables, and nothing ran that had been seen."""
        COUNTS["steps"] += 1
        self.world.write(self.root)
        run = run_build(self.root, self.store, CacheMode.RW, jobs)
        assert run.exit_code == 0, [str(o.error) for o in run.outcomes if o.error]
        with tempfile.TemporaryDirectory(prefix="fftcas-clean-") as folder:
            clean = Path(folder) / "elsewhere"
            clean.mkdir()
            self.world.write(clean)
            assert run_build(clean, Path(folder) / "store", CacheMode.OFF, 1).exit_code == 0
            expected = read_tables(clean / "db.duckdb")
        tables = read_tables(self.root / "db.duckdb")
        for name, rows in expected.items():
            assert tables.get(name) == rows, name
        status = {outcome.label.name: outcome.status for outcome in run.outcomes}
        built = {name for name, became in status.items() if became is Status.BUILT}
        now = []
        for index, model in enumerate(self.world.models):
            if model.kind in ("table", "python"):
                key = ingredients(self.world, expected, index)
                # What was fresh may be known from its stamp alone, after the store was dropped or not used.
                if status[self.world.name(index)] is not Status.FRESH:
                    now.append(key)
                if self.world.name(index) in built and key in self.seen.keys:
                    reasons = {outcome.label.name: outcome.reason for outcome in run.outcomes}
                    raise AssertionError(f"m{index} ran although its ingredients had been seen: {reasons}")
        self.seen.keys.update(now)
        COUNTS["built"] += len(built)
        COUNTS["nodes"] += len(run.outcomes)


def prove(examples: int, steps: int) -> None:
    COUNTS.clear()
    run_state_machine_as_test(
        Builds,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            print_blob=True,
        ),
    )
    print(f"\n{COUNTS['steps']} steps, {COUNTS['nodes']} nodes brought up to date, {COUNTS['built']} runs of a node")


def test_a_cached_build_equals_a_clean_build() -> None:
    prove(examples=10, steps=15)


@pytest.mark.long
def test_a_cached_build_equals_a_clean_build_for_long() -> None:
    prove(examples=100, steps=25)
