"""The law of the whole: whatever is edited, dropped or reverted, a cached build's tables equal a clean build's, and
nothing runs whose ingredients had been seen before.

A small random project is edited step by step. After each step it is built with the cache, and once more without one
in a fresh directory. What a node's ingredients are is worked out here, independently of fftcas's keys: its definition,
and the rows of the columns that it reads.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from worlds import OUTSIDE, SEEDS, SQL, Model, Rows, Seen, World, ingredients, read_tables

from fftcas.build.options import BuildOptions, CacheMode
from fftcas.build.outcome import Status
from fftcas.build.run import Run, build
from fftcas.project.load import load_project
from fftcas.store import Store

COUNTS: Counter[str] = Counter()
"""What the machine did, for the report at the end."""


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
        self.expected: dict[str, dict[str, Rows]] = {}

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
        return st.sampled_from([*SEEDS, OUTSIDE, *readable])

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

    @rule(data=st.data(), extra=st.integers(0, 2), jobs=st.integers(1, 4))
    def change_an_extra_column(self, data: st.DataObject, extra: int, jobs: int) -> None:
        self.edit_model(data, extra=extra)
        self.check(jobs)

    @rule(data=st.data(), table=st.sampled_from([*SEEDS, "outside", "file"]), jobs=st.integers(1, 4))
    def edit_rows(self, data: st.DataObject, table: str, jobs: int) -> None:
        rows = list(self.world.seeds[table] if table in SEEDS else getattr(self.world, table))
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
            rows[0] = (*old[:place], "z" if what == "note" else old[2] + 1, *old[place + 1 :])
        changed = {**self.world.seeds, table: tuple(rows)} if table in SEEDS else tuple(rows)
        self.edit(**{"seeds" if table in SEEDS else table: changed})
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

    def clean_build(self) -> dict[str, Rows]:
        """What a build without cache gives in a fresh directory; done once for each state of the project."""
        state = repr(self.world)
        if state not in self.expected:
            COUNTS["clean builds"] += 1
            with tempfile.TemporaryDirectory(prefix="fftcas-clean-") as folder:
                clean = Path(folder) / "elsewhere"
                clean.mkdir()
                self.world.write(clean)
                assert run_build(clean, Path(folder) / "store", CacheMode.OFF, 1).exit_code == 0
                self.expected[state] = read_tables(clean / "db.duckdb")
        return self.expected[state]

    def check(self, jobs: int) -> None:
        """Build with the cache and without it: equal tables, and nothing ran that had been seen."""
        COUNTS["steps"] += 1
        self.world.write(self.root)
        run = run_build(self.root, self.store, CacheMode.RW, jobs)
        assert run.exit_code == 0, [str(o.error) for o in run.outcomes if o.error]
        expected = self.clean_build()
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


class BuildsAndKills(Builds):
    """The same, with processes that are killed while they build."""

    @rule(delay=st.floats(0.1, 1.0), jobs=st.integers(1, 4))
    def kill_a_build(self, delay: float, jobs: int) -> None:
        self.world.write(self.root)
        command = [sys.executable, "-m", "fftcas", "build", "-q", "--jobs", str(jobs), "-C", str(self.root)]
        with clean_environment(self.store), subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            try:
                process.wait(delay)
            except subprocess.TimeoutExpired:
                COUNTS["kills"] += 1
                process.kill()
        self.check(jobs)


def prove(machine: type[Builds], examples: int, steps: int) -> None:
    COUNTS.clear()
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            print_blob=True,
        ),
    )
    print(
        f"\n{COUNTS['steps']} steps, {COUNTS['nodes']} nodes brought up to date, {COUNTS['built']} runs of a node, "
        f"{COUNTS['clean builds']} clean builds, {COUNTS['kills']} kills"
    )


def test_a_cached_build_equals_a_clean_build() -> None:
    prove(Builds, examples=10, steps=15)


@pytest.mark.long
def test_a_cached_build_equals_a_clean_build_for_long() -> None:
    prove(BuildsAndKills, examples=80, steps=25)


def test_a_node_that_its_twin_has_built_is_known_by_what_its_relation_holds() -> None:
    """Of two models with one recipe only one is ever built; both notice that a seed's rows were only put in order."""
    one, two = (1, "g", 0, "x"), (2, "g", 0, "x")
    models = [Model("table", body, ("s0", "s0")) for body in ("count", "file", "count", "file")]
    builds = Builds()
    try:
        builds.world = World({"s0": (one, two, one, one), "s1": (one,) * 4}, tuple(models))
        builds.check(1)
        builds.edit(file=(*builds.world.file, one))
        builds.check(1)
        builds.edit(seeds={**builds.world.seeds, "s0": (one, one, two, one)})
        builds.check(2)
    finally:
        builds.teardown()
