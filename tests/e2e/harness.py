"""The real command line, in a process and a home of its own, on a copy of the demo."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from forks import forks

import fftcas

DEMO = Path(__file__).parents[2] / "examples" / "cache_demo"
IMPORTED = [Path(__file__).parent / "query_log", Path(fftcas.__file__).parents[1]]
"""What a command finds first: the query log, and the very fftcas that these tests would import."""

FRAGMENTS = {
    "//seeds_consumers:stg_users": "(trim(email))",
    "//marts:mart_user_orders": "sum(orders.amount)",
}
"""What only the SQL of that table says, in lower case and with single blanks."""


@dataclass(frozen=True)
class EngineLog:
    """The statements that DuckDB itself says it ran, in all processes since the last `clear`."""

    folder: Path

    def statements(self) -> list[str]:
        found: list[tuple[str, str]] = []
        for path in self.folder.glob("*.csv"):
            with path.open(encoding="utf-8", newline="") as lines:
                found += [(row["timestamp"], row["message"]) for row in csv.DictReader(lines)]
        return [" ".join(message.split()) for _, message in sorted(found) if "enable_logging" not in message]

    def models(self) -> list[str]:
        """The labels of the demo's SQL tables whose query ran, sorted, once for each time it ran."""
        looks = re.compile(r"(?i)(explain|describe|create (or replace )?(temp(orary)? )?view)\b")
        ran = [statement.lower() for statement in self.statements() if not looks.match(statement)]
        return sorted(label for label, text in FRAGMENTS.items() for statement in ran if text in statement)

    def clear(self) -> None:
        for path in self.folder.glob("*.csv"):
            path.unlink()


@dataclass(frozen=True)
class Done:
    """A command that has ended, and what `run_results.json` says if it wrote one."""

    exit_code: int
    stdout: str
    stderr: str
    run_results: dict[str, Any]

    @property
    def statuses(self) -> dict[str, str]:
        assert self.run_results, f"no run_results.json; stderr:\n{self.stderr}"
        return {result["label"]: result["status"] for result in self.run_results["results"]}

    @property
    def built(self) -> set[str]:
        return {label for label, status in self.statuses.items() if status == "built"}

    def result(self, label: str) -> dict[str, Any]:
        (found,) = (result for result in self.run_results["results"] if result["label"] == label)
        return dict(found)


@dataclass(frozen=True)
class Demo:
    """A copy of the demo, with a home, a store and a query log of its own."""

    project: Path
    home: Path
    log: EngineLog

    @property
    def database(self) -> Path:
        return self.project / ".local" / "demo.duckdb"

    def environment(self, **more: str) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "FFTCAS_STORE": str(self.home / "store"),
            "PYTHONPATH": os.pathsep.join(map(str, IMPORTED)),
            "QUERY_LOG_FOLDER": str(self.log.folder),
            "NO_COLOR": "1",
            **more,
        }

    def fftcas(self, *arguments: str, **environment: str) -> Done:
        """Run a command on the project from somewhere else; the log then holds this command's statements only."""
        self.log.clear()
        path = self.project / ".fftcas" / "target" / "run_results.json"
        path.unlink(missing_ok=True)
        environment = self.environment(FFTCAS_PROJECT=str(self.project), **environment)
        done = forks(environment["PYTHONPATH"]).run(arguments, self.home, environment)
        return Done(*done, json.loads(path.read_text()) if path.exists() else {})

    def build(self, *arguments: str, **environment: str) -> Done:
        """Build everything that needs no network."""
        return self.fftcas("build", "-e", "dev_duckdb", *arguments, "--", "//...", "-//http/...", **environment)

    def edit(self, path: str, old: str, new: str) -> None:
        file = self.project / path
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    def write(self, path: str, text: str) -> None:
        file = self.project / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.database)) as connection:
            cursor = connection.execute(query)
            return cursor.fetchall()

    def types(self, relation: str) -> list[tuple[str, str]]:
        return [(name, type_) for name, type_, *_ in self.sql(f"describe cache_demo.{relation}")]


def new_demo(folder: Path) -> Demo:
    """A demo that was never built, in an empty folder."""
    for name in ("home", "log"):
        (folder / name).mkdir()
    ignored = shutil.ignore_patterns(".local", ".fftcas", "site", "__pycache__")
    return Demo(
        shutil.copytree(DEMO, folder / "cache_demo", ignore=ignored), folder / "home", EngineLog(folder / "log")
    )


def copy_demo(demo: Demo, folder: Path) -> Demo:
    """A copy of project, database and store, modification times included, but of nothing that is known by its place."""
    (folder / "log").mkdir()
    known = shutil.ignore_patterns("outlines", "unchanged")
    project = shutil.copytree(demo.project, folder / "cache_demo", ignore=known)
    return Demo(project, shutil.copytree(demo.home, folder / "home"), EngineLog(folder / "log"))
