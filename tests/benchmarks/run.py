"""How fast fftcas is, as ratios within one run: `python tests/benchmarks/run.py [--sizes 100,1000] [--rows 5000000]`.

Makes its own projects in a temporary folder, and prints a table and, with `--json FILE`, writes the same as JSON. What
is compared is the processor time of whole processes, which says more than the clock on a machine that has other work;
only what is to run in parallel is measured by the clock. Of several rounds the best counts. Nothing here is a test: no
figure makes it fail.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from bench_projects import heavy, tiny, write, write_project
from slow_api import slow_api

ROOT = Path(__file__).parents[2]
FFTCAS = [sys.executable, "-m", "fftcas"]
NOTHING = [sys.executable, "-c", "pass"]
BUILD = [*FFTCAS, "build", "-q"]
PYTHON_MODEL = """from fftcas import model


@model(name="{name}")
def {name}():
    import pandas as pd

    {work}
    return pd.DataFrame({{"x": [{name!r}]}})
"""
BUSY = "x = sum(i * i % 7 for i in range(30_000_000))"
IDLE = "__import__('time').sleep(3)"
FETCH = "from fftcas.http import get_df; get_df('{url}/{name}')"


@dataclass(frozen=True)
class Cost:
    """What a process took: seconds of processors and of the clock, and its largest resident set in MB."""

    cpu: float
    wall: float
    peak: float


@dataclass(frozen=True)
class Line:
    """A line of the table; `goal` is what issue or documentation promise, None where nothing is promised."""

    what: str
    value: float
    unit: str
    goal: float | None = None


class Bench:
    """Runs commands in projects below `folder`, each with a store of its own."""

    def __init__(self, folder: Path, rounds: int) -> None:
        self.folder = folder
        self.rounds = rounds
        self.lines: list[Line] = []
        # With byte code, as what is installed has it: compiling fftcas anew takes a third of a second.
        self.environment = {"PYTHONPATH": str(ROOT), "FFT_ACTIVE_ENV": "dev", "PYTHONDONTWRITEBYTECODE": ""}

    def run(self, project: Path, command: list[str]) -> Cost:
        os.chdir(project)
        environ = {**os.environ, "FFTCAS_STORE": str(store_of(project)), **self.environment}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or every process compiles fftcas anew, as no installation does
        started = time.monotonic()
        log = self.folder / "output.txt"
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        pid = os.posix_spawn(
            command[0],
            command,
            environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, output, 1), (os.POSIX_SPAWN_DUP2, output, 2)],
        )
        os.close(output)
        _, status, used = os.wait4(pid, 0)
        if status:
            sys.exit(f"{' '.join(command)} failed:\n{log.read_text()}")
        return Cost(used.ru_utime + used.ru_stime, time.monotonic() - started, used.ru_maxrss / 1024)

    def best(self, project: Path, command: list[str], before: Callable[[], object] = lambda: None) -> Cost:
        costs = []
        for _ in range(self.rounds if command != NOTHING else 10):
            before()
            costs.append(self.run(project, command))
        return Cost(*(min(getattr(cost, name) for cost in costs) for name in ("cpu", "wall", "peak")))

    def add(self, what: str, value: float, unit: str = "x", goal: float | None = None) -> None:
        self.lines.append(Line(what, value, unit, goal))
        promised = "" if goal is None else f"{goal:10.2f} {unit:3} {'ok' if value <= goal else 'MISSED'}"
        print(f"{what:58} {value:10.2f} {unit:3} {promised}", flush=True)


def store_of(project: Path) -> Path:
    return project.with_suffix(".store")


def forget(project: Path, *, store: bool) -> None:
    """Delete the database, what runs have left, and the store."""
    for path in (project / "bench.duckdb", project / "plain.duckdb"):
        path.unlink(missing_ok=True)
    for folder in (project / ".fftcas", *([store_of(project)] if store else [])):
        shutil.rmtree(folder, ignore_errors=True)


def many(bench: Bench, count: int) -> tuple[float, float, float, float]:
    """Goals 1, 3, 4, 6 and 8 for tiny models; returns seconds of no-op, one leaf, cold and restored."""
    project = bench.folder / f"tiny{count}"
    write_project(project, tiny(count))
    nothing = bench.best(project, NOTHING)
    plain = bench.best(project, [sys.executable, "plain.py"], lambda: forget(project, store=True))
    cold = bench.best(project, [*BUILD, "--jobs", "1"], lambda: forget(project, store=True))
    restored = bench.best(project, BUILD, lambda: forget(project, store=False))
    time.sleep(2.5)  # files that have just been written are not trusted
    bench.run(project, BUILD)
    no_op = bench.best(project, BUILD)
    leaf = sorted((project / "models/mart").iterdir())[0]
    one = bench.best(project, BUILD, lambda: leaf.write_text(leaf.read_text().rstrip() + ", 1\n"))
    bench.add(
        f"no-op, {count} models / python -c pass", no_op.cpu / nothing.cpu, goal={1000: 6, 10_000: 12}.get(count, 5)
    )
    bench.add(f"no-op, {count} models: memory", no_op.peak, "MB", 150)
    bench.add(f"one leaf of {count}, above the no-op", one.cpu - no_op.cpu, "s", 0.5)
    bench.add(f"cold build, {count} tiny models / plain script", cold.cpu / plain.cpu, goal=2)
    bench.add(f"all restored, {count} tiny models / plain script", restored.cpu / plain.cpu, goal=0.8)
    shutil.rmtree(project)
    return no_op.cpu, one.cpu, cold.cpu, restored.cpu


def growth(bench: Bench, found: dict[int, tuple[float, float, float, float]]) -> None:
    """Goal 9: the exponent with which time grows; 1 is a constant time per node."""
    small, large = min(found), max(found)
    for index, what in enumerate(("no-op", "one leaf", "cold", "restored")):
        slope = math.log(found[large][index] / found[small][index]) / math.log(large / small)
        bench.add(f"growth from {small} to {large}, {what}: exponent", slope, "", 1.05)


def large(bench: Bench, rows: int) -> None:
    """Goals 5, 6 and 8 for large tables."""
    project = bench.folder / "heavy"
    write_project(project, heavy(rows))
    plain = bench.best(project, [sys.executable, "plain.py"], lambda: forget(project, store=True))
    cold = bench.best(project, BUILD, lambda: forget(project, store=True))
    restored = bench.best(project, BUILD, lambda: forget(project, store=False))
    bench.add(f"cold build, 12 models of {rows:,} rows / plain script", cold.cpu / plain.cpu, goal=1.25)
    bench.add("the same by the clock", cold.wall / plain.wall, goal=1.25)
    bench.add("all restored / plain script", restored.cpu / plain.cpu, goal=0.6)
    bench.add("the same by the clock", restored.wall / plain.wall, goal=0.6)
    bench.add("memory above the plain script's, cold", cold.peak - plain.peak, "MB", 300)
    shutil.rmtree(project)


def side_by_side(bench: Bench, rows: int) -> None:
    """Goal 7: two Python models at once take little longer than one, and four jobs no longer than one, by the clock."""
    with slow_api(3) as url:
        for what, work in (("busy", BUSY), ("waiting", IDLE), ("fetching", FETCH)):
            walls = []
            for count in (1, 2):
                project = bench.folder / f"{what}{count}"
                write_project(project, [])
                for name in ("one", "two")[:count]:
                    text = PYTHON_MODEL.format(name=name, work=work.format(url=url, name=name))
                    write(project / f"models/{name}.ff.py", text)
                walls.append(clock(bench, project, jobs=2))
            bench.add(f"two {what} Python models / one, by the clock", walls[1] / walls[0], goal=1.15)
    for what, models in (("200 tiny models", tiny(200)), (f"12 models of {rows:,} rows", heavy(rows))):
        project = bench.folder / f"jobs{len(models)}"
        write_project(project, models)
        ratio = clock(bench, project, jobs=4) / clock(bench, project, jobs=1)
        bench.add(f"--jobs 4 / --jobs 1, {what}, by the clock", ratio, goal=1.05)
        shutil.rmtree(project)


def clock(bench: Bench, project: Path, *, jobs: int) -> float:
    """Seconds that a cold build takes."""
    return bench.best(project, [*BUILD, "--jobs", str(jobs)], lambda: forget(project, store=True)).wall


def start(bench: Bench) -> None:
    """Goals 1 and 2: commands that only tell something, the first time and again; completion; the demo's no-op."""
    project = bench.folder / "start"
    write_project(project, tiny(10))
    time.sleep(2.5)  # files that have just been written are not trusted
    bench.run(project, BUILD)
    for words in (["--help"], ["build", "--help"], ["--version"]):
        times_nothing(bench, project, f"fftcas {' '.join(words)}", [*FFTCAS, *words], 5)
    for words in (["ls"], ["query", "deps(//...)"], ["dag"], ["why-rebuild"]):
        twice(bench, project, f"fftcas {' '.join(words)}", [*FFTCAS, *words], 5)
    line = {"_FFTCAS_COMPLETE": "bash_complete", "COMP_WORDS": "fftcas build //m", "COMP_CWORD": "2"}
    bench.environment |= line
    twice(bench, project, "completion of //m", FFTCAS, 4)
    for name in line:
        del bench.environment[name]
    edited = sorted((project / "models/mart").iterdir())[0]
    command = [*FFTCAS, "ls"]
    times_nothing(
        bench,
        project,
        "fftcas ls, first after an edit",
        command,
        None,
        lambda: edited.write_text(edited.read_text() + "\n"),
    )
    demo(bench)


def twice(bench: Bench, project: Path, what: str, command: list[str], goal: float) -> None:
    """A command that was not given since the project was built, and one that was; no file has changed since.

    What is deleted is what commands have said, and not what the build has kept of the project.
    """
    told = project / ".fftcas" / "unchanged"
    times_nothing(bench, project, f"{what}, first", command, goal, lambda: shutil.rmtree(told, ignore_errors=True))
    bench.run(project, command)
    times_nothing(bench, project, f"{what}, again", command, goal)


def times_nothing(
    bench: Bench,
    project: Path,
    what: str,
    command: list[str],
    goal: float | None,
    before: Callable[[], object] = lambda: None,
) -> None:
    nothing = bench.best(project, NOTHING)
    bench.add(f"{what} / python -c pass", bench.best(project, command, before).cpu / nothing.cpu, goal=goal)


def demo(bench: Bench) -> None:
    """The no-op of the demo, but for its models that need a server."""
    project = bench.folder / "demo"
    shutil.copytree(ROOT / "examples" / "cache_demo", project, ignore=shutil.ignore_patterns(".local", ".fftcas"))
    bench.environment["FFT_ACTIVE_ENV"] = "dev_duckdb"
    command = [*BUILD, "--", "//...", "-//http/..."]
    bench.run(project, command)
    time.sleep(2.5)
    bench.run(project, command)
    times_nothing(bench, project, "no-op, the demo", command, 5)
    bench.environment["FFT_ACTIVE_ENV"] = "dev"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="100,1000", help="numbers of tiny models, e.g. 100,1000,10000")
    parser.add_argument("--rows", type=int, default=5_000_000, help="rows of the large tables")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--folder", type=Path, help="where to make the projects")
    given = parser.parse_args()
    output = given.json.resolve() if given.json else None
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        bench = Bench(Path(folder), given.rounds)
        print(f"{'':58} {'measured':>14} {'goal':>14}")
        start(bench)
        sizes = [int(size) for size in given.sizes.split(",")]
        found = {size: many(bench, size) for size in sizes}
        if len(found) > 1:
            growth(bench, found)
        large(bench, given.rows)
        side_by_side(bench, given.rows)
        os.chdir(ROOT)
    if output:
        output.write_text(json.dumps([asdict(line) for line in bench.lines], indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
