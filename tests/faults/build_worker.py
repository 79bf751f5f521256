"""Builds of a small project in processes of their own, which may kill themselves at named points.

Production code has no hooks for this: the process wraps the functions in question before it builds. Processes are
forked from a server that has imported everything.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import sys
from dataclasses import dataclass
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any

import duckdb

FILES = {
    "project.yml": "name: crashes\n",
    "profiles.yml": (
        "dev:\n  engine: duckdb\n  duckdb: {path: \"{{ env('FF_DUCKDB_PATH', 'db.duckdb') }}\", schema: s}\n"
    ),
    "seeds/users.csv": "id,name\n" + "".join(f"{i},user {i}\n" for i in range(300)),
    "models/orders.sql": (
        "select i as id, i % 300 as user_id, i * 0.01::decimal(9, 2) as amount from range(70000) r(i)\n"
    ),
    "models/big_orders.sql": "{{ config(materialized='view') }}\nselect * from {{ ref('orders') }} where amount > 1\n",
    "models/spend.sql": (
        "select u.name, sum(o.amount) as amount from {{ ref('users') }} u\n"
        "join {{ ref('big_orders') }} o on o.user_id = u.id group by u.name order by u.name\n"
    ),
    "models/names.py": (
        "from fftcas import model\nimport pandas as pd\n\n\n@model(deps=['users'])\n"
        "def names(users: pd.DataFrame) -> pd.DataFrame:\n"
        "    return users[['name']].assign(size=users['name'].str.len())\n"
    ),
    "models/longest.sql": "select max(size) as size, count(*) as names from {{ ref('names') }}\n",
}
TABLES = ("users", "orders", "big_orders", "spend", "names", "longest")

POINTS = {
    "record_run": ("fftcas.store.store", "Store", "record_run"),
    "blobs.put": ("fftcas.store.blobs", "Blobs", "put"),
    "commit": ("fftcas.store.store", "Store", "commit_all"),
    "put_records": ("fftcas.store.store", "Store", "put_records"),
    "prepare": ("fftcas.engines.duckdb.engine", "DuckDBEngine", "prepare"),
    "stage_query": ("fftcas.engines.duckdb.session", "DuckDBSession", "stage_query"),
    "stage_arrow": ("fftcas.engines.duckdb.session", "DuckDBSession", "stage_arrow"),
    "stage_table": ("fftcas.engines.duckdb.session", "DuckDBSession", "stage_table"),
    "publish": ("fftcas.engines.duckdb.session", "DuckDBSession", "publish"),
    "publish_tables": ("fftcas.engines.duckdb.session", "DuckDBSession", "publish_tables"),
    "fill": ("fftcas.engines.duckdb.session", None, "fill_at_once"),
    "publish_view": ("fftcas.engines.duckdb.session", "DuckDBSession", "publish_view"),
    "stamp": ("fftcas.engines.duckdb.meta", None, "write"),
    "close": ("fftcas.build.target", "Target", "close"),
    "artifacts": ("fftcas.report.artifacts", None, "write_json"),
}
"""Module, class and function, by the name under which tests speak of them."""

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    ["fftcas.cli.main", "fftcas.cli.execute", "fftcas.engines.duckdb.engine", "fftcas.project.load", "pandas"]
)


@dataclass(frozen=True)
class Place:
    """A project and its database, and the store that it uses."""

    project: Path
    store: Path

    @property
    def database(self) -> Path:
        return self.project / "db.duckdb"

    def edit(self, edition: int) -> None:
        """Make it the `edition`-th of the project: two nodes, and what reads them, have to be built."""
        seed = self.project / "seeds" / "users.csv"
        seed.write_text(FILES["seeds/users.csv"].replace("user 7\n", f"user 7 {edition}\n"))
        orders = FILES["models/orders.sql"].replace("* 0.01", f"* 0.01 + {edition}")
        (self.project / "models" / "orders.sql").write_text(orders)

    def start(self, *arguments: str, point: str | None = None, **environment: str) -> Any:
        """Begin a build; the process is told by its `exitcode` how it ended."""
        environment["FFTCAS_STORE"] = str(self.store)
        process = FORKS.Process(target=work, args=(self.project, arguments, environment, point), daemon=False)
        process.start()
        return process

    def build(self, *arguments: str, point: str | None = None, **environment: str) -> int:
        """Build, and wait for it; the exit code, or the negative number of the signal that ended it."""
        (self.project / ".fftcas" / "target" / "run_results.json").unlink(missing_ok=True)
        process = self.start(*arguments, point=point, **environment)
        process.join(120)
        assert process.exitcode is not None, "it hangs"
        return int(process.exitcode)

    def statuses(self) -> dict[str, str]:
        """What the last run did."""
        results = json.loads((self.project / ".fftcas" / "target" / "run_results.json").read_text())
        return {result["name"].removesuffix(".ff"): result["status"] for result in results["results"]}

    def committed(self) -> set[str]:
        """The nodes whose commit was over, in all builds since this was asked for last."""
        journal = self.project / "committed"
        lines = journal.read_text().split() if journal.exists() else []
        journal.unlink(missing_ok=True)
        return {line.rpartition(":")[2] for line in lines}

    def said(self) -> str:
        """What the last build has said."""
        return (self.project / "said").read_text()

    def holds(self, database: Path | None = None) -> dict[str, Any]:
        """All that a reader of the database can see of the project's relations."""
        with duckdb.connect(str(database or self.database), read_only=True) as connection:
            return {
                name: (
                    connection.execute(f"describe s.{name}").fetchall(),
                    connection.execute(f"from s.{name}").fetchall(),
                )
                for name in TABLES
            }

    def copy(self, folder: Path) -> Place:
        return Place(shutil.copytree(self.project, folder / "p"), shutil.copytree(self.store, folder / "store"))


def new_place(folder: Path) -> Place:
    for name, text in FILES.items():
        path = folder / "p" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Place(folder / "p", folder / "store")


def work(project: Path, arguments: tuple[str, ...], environment: dict[str, str], point: str | None) -> None:
    """The process: it builds, and dies at the point, e.g. `before commit 2`: when that begins for the second time."""
    from fftcas.cli.entry import main

    said = os.open(project / "said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    tell_commits(project / "committed")
    if point is not None:
        die_at(point)
    sys.argv = ["fftcas", "build", "-C", str(project), *arguments]
    sys.exit(main())


def tell_commits(journal: Path) -> None:
    from fftcas.store.store import Store

    commit_all = Store.commit_all

    def telling(self: Store, outputs: Any) -> None:
        commit_all(self, outputs)
        with journal.open("a") as file:
            file.writelines(f"{realisation.label}\n" for realisation, *_ in outputs)

    Store.commit_all = telling  # type: ignore[method-assign]


def die_at(point: str) -> None:
    when, name, number = point.split()
    module, owner, function = POINTS[name]
    place = import_module(module) if owner is None else getattr(import_module(module), owner)
    whole = getattr(place, function)
    calls = iter(range(1, 1000))

    @wraps(whole)
    def dying(*args: Any, **options: Any) -> Any:
        now = next(calls) == int(number)
        if now and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = whole(*args, **options)
        if now:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(place, function, dying)
