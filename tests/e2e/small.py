"""A small project of a test's own, built in this process, with a store and an environment of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from fftcas.build.looking import looking
from fftcas.build.options import BuildOptions
from fftcas.build.outcome import Outcome, Status
from fftcas.build.run import Run, build
from fftcas.build.why import Explanation, explain
from fftcas.project.load import load_project
from fftcas.project.project import Project
from fftcas.store import Store

PROFILES = """
dev:
  engine: duckdb
  duckdb: {path: warehouse.duckdb, schema: w}
prod:
  engine: duckdb
  duckdb: {path: prod.duckdb, schema: marts}
"""


@dataclass(frozen=True)
class Small:
    """`folder` holds the project, in `root`, and the store."""

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "project"

    @property
    def database(self) -> Path:
        return self.root / "warehouse.duckdb"

    def write(self, path: str, text: str | None) -> None:
        """Write a file of the project; None removes it."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            file.unlink()
        else:
            file.write_text(text)

    def models(self, **texts: str) -> None:
        """Write `models/NAME.ff.sql`."""
        for name, text in texts.items():
            self.write(f"models/{name}.ff.sql", text)

    def python(self, **texts: str) -> None:
        """Write `models/NAME.ff.py`, a module below its imports."""
        for name, text in texts.items():
            head = "import pandas as pd\nfrom fftcas import model, env, var\n"
            self.write(f"models/{name}.ff.py", head + text)

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """Run statements in the target database from outside."""
        with duckdb.connect(str(self.database)) as connection:
            return connection.execute(query).fetchall()

    def load(self, profile: str = "dev", environ: dict[str, str] | None = None, **variables: Any) -> Project:
        return load_project(
            self.root, profile, environ={**os.environ, **(environ or {})}, cwd=self.root, cli_vars=variables
        )

    def run(
        self,
        profile: str = "dev",
        options: BuildOptions | None = None,
        environ: dict[str, str] | None = None,
        **variables: Any,
    ) -> Run:
        project = self.load(profile, environ, **variables)
        with self.store() as store:
            return build(project, tuple(project.graph), store, options or BuildOptions())

    def build(self, **how: Any) -> dict[str, str]:
        """What became of each node, by its bare name; nothing may fail."""
        run = self.run(**how)
        assert run.exit_code == 0, [str(outcome.error) for outcome in run.outcomes if outcome.error]
        return {outcome.label.name: outcome.status.value for outcome in run.outcomes}

    def built(self, **how: Any) -> set[str]:
        """The names of the nodes that ran."""
        return {name for name, status in self.build(**how).items() if status == Status.BUILT}

    def outcome(self, name: str, **how: Any) -> Outcome:
        (found,) = (outcome for outcome in self.run(**how).outcomes if outcome.label.name == name)
        return found

    def why(self, name: str) -> Explanation:
        project = self.load()
        with self.store() as store, looking(project, store) as decider:
            explained = explain(decider, tuple(project.graph))
        (found,) = (each for each in explained if each.label.name == name)
        return found

    @contextmanager
    def store(self) -> Iterator[Store]:
        with Store.open(self.folder / "store") as store:
            yield store


def forced(options: BuildOptions, project: Project, *names: str) -> BuildOptions:
    """The options, with these nodes to be rebuilt."""
    return replace(options, forced=frozenset(project.find(name).label for name in names))


def new_small(folder: Path) -> Small:
    """An empty project."""
    small = Small(folder)
    small.write("project.yml", "name: small\nversion: 1\n")
    small.write("profiles.yml", PROFILES)
    small.write("seeds/numbers.csv", "id,grp,val,note\n1,a,10,x\n2,a,20,y\n3,b,30,z\n")
    (small.root / "models").mkdir()
    return small
