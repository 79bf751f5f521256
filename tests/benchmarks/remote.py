"""What a remote saves and costs: `python tests/benchmarks/remote.py [--tables 1000] [--rows 20000000] [--json FILE]`.

Prints ratios within one run, as `run.py` does: by the processor time of whole processes and by the clock, the best of
several rounds, in which what is compared takes turns. A project of many small tables: taking it over from a warm
directory against building it cold. One large table: taking it over against copying the compressed bytes with `cp` and
inserting the rows with DuckDB, in processes of their own. Nothing here is a test: no figure makes it fail.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from run import ROOT, Cost, Line

FFTCAS = [sys.executable, "-m", "fftcas"]
PROFILE = """dev:
  engine: duckdb
  duckdb: {path: "{{ project_dir() }}/.local/db.duckdb", db_schema: bench}
"""
LARGE = """select i::int as id, (hash(i) % 100000)::bigint as user_id, (i * 7919 % 1000003) / 100.0::double as amount,
    ((i * 31) % 100000 / 100)::decimal(18, 2) as price, 'user' || (hash(i) % 100000) || '@example.com' as email,
    timestamp '2024-01-01' + interval (i % 31536000) second as made_at
from range({rows}) s(i)
"""
INSERT = """import duckdb, sys
made, target = sys.argv[1:]
with duckdb.connect(target) as connection:
    connection.execute(f"attach '{made}' as made (read_only)")
    connection.execute("create table large as from made.bench.large")
    connection.execute("checkpoint")
"""
ASK = """import json, sys, time
from fftcas.store.remote import Remote, RemoteMode
keys = [each["derivation"] for each in json.load(open(sys.argv[2]))["results"]]
started = time.perf_counter()
remote = Remote.open(sys.argv[1], RemoteMode.RO)
found = remote.finder.find(keys)
print(time.perf_counter() - started, len(found))
"""


@dataclass(frozen=True)
class Used(Cost):
    """`peak` is the largest amount of memory that the process itself had allocated, in MB, without pages of files."""

    output: str = ""


class Bench:
    """Runs commands and collects the lines of the table."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[Line] = []

    def run(self, command: Sequence[str | Path], **environ: str) -> Used:
        """What a command uses, when it ends well."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", **environ}
        started = time.perf_counter()
        with tempfile.TemporaryFile(dir=self.folder) as output:
            process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, cwd=self.folder)
            watch = Watch(process.pid)
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            seconds = time.perf_counter() - started
            output.seek(0)
            said = output.read().decode(errors="replace")
        if process.returncode:
            sys.exit(f"{' '.join(map(str, command))} failed:\n{said[-2000:]}")
        return Used(used.ru_utime + used.ru_stime, seconds, watch.peak(), said)

    def build(self, project: Path, store: Path, *arguments: str, **environ: str) -> Used:
        command: list[str | Path] = [*FFTCAS, "build", "-C", project, "-e", "dev", *arguments]
        return self.run(command, FFTCAS_STORE=str(store), **environ)

    def add(self, what: str, value: float, unit: str = "x", goal: float | None = None, least: bool = False) -> None:
        self.lines.append(Line(what, value, unit, goal))
        met = goal is None or (value >= goal if least else value <= goal)
        promised = "" if goal is None else f"{'≥' if least else '≤'} {goal:g} {'ok' if met else 'MISSED'}"
        print(f"{what:66} {value:10.3f} {unit:6} {promised}", flush=True)

    def compare(self, what: str, over: Cost, under: Cost, goal: float | None = None, least: bool = False) -> None:
        self.add(what, over.cpu / under.cpu, goal=goal, least=least)
        self.add("  the same by the clock", over.wall / under.wall, goal=goal, least=least)


class Watch:
    """Looks at a process's memory until it ends."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self._peak = 0
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _look(self) -> None:
        while True:
            try:
                lines = self._status.read_text().splitlines()
            except OSError:
                return
            now = [int(line.split()[1]) for line in lines if line.startswith("RssAnon")]
            if not now:
                return  # a zombie
            self._peak = max(self._peak, *now)
            time.sleep(0.01)

    def peak(self) -> float:
        self._thread.join()
        return self._peak / 1024


def best(rounds: int, *ways: Callable[[], Used]) -> list[Used]:
    """The least that each way used; they take turns."""
    used = [[way() for way in ways] for _ in range(rounds)]
    return [
        replace(column[-1], **{name: min(getattr(each, name) for each in column) for name in ("cpu", "wall", "peak")})
        for column in zip(*used, strict=True)
    ]


def project(folder: Path, models: dict[str, str]) -> Path:
    (folder / "models" / "m").mkdir(parents=True)
    (folder / "project.yml").write_text("name: bench\n")
    (folder / "profiles.yml").write_text(PROFILE)
    for name, sql in models.items():
        (folder / "models" / "m" / f"{name}.ff.sql").write_text(f"{{{{ config(materialized='table') }}}}\n{sql}\n")
    return folder


def small(tables: int) -> dict[str, str]:
    """Tables of a hundred rows in layers of fifty, each reading one of the layer before."""
    models = {}
    for number in range(tables):
        source = f"{{{{ ref('t{number - 50}') }}}}" if number >= 50 else "range(100) r(i)"
        columns = "i, name, amount" if number >= 50 else "i, 'name ' || i as name, i * 1.5 as amount"
        models[f"t{number}"] = f"select {columns}, {number} as n{number} from {source}"
    return models


def forget(folder: Path, store: Path | None) -> None:
    """Delete the database, what runs have left, and a store."""
    for path in (folder / ".local", folder / ".fftcas", *([store] if store else [])):
        shutil.rmtree(path, ignore_errors=True)


def many(bench: Bench, tables: int, rounds: int) -> None:
    one, two = (project(bench.folder / name, small(tables)) for name in ("one", "two"))
    place, store, fresh = (bench.folder / name for name in ("remote", "store", "fresh"))

    def cold() -> Used:
        forget(one, store)
        return bench.build(one, store)

    def publishing() -> Used:
        forget(one, store)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        return bench.build(one, store, f"--remote={place}")

    def restored() -> Used:
        forget(one, None)
        return bench.build(one, store)

    def warm() -> Used:
        forget(two, fresh)
        return bench.build(two, fresh, f"--remote={place}", "--remote-mode=ro")

    built, published, put_back, taken = best(rounds, cold, publishing, restored, warm)
    print(f"# {published.output.splitlines()[-1]}\n# {taken.output.splitlines()[-1]}")
    words = f"{tables:,} small tables"
    bench.compare(f"{words}: from a warm remote / cold build", taken, built, 0.5)
    bench.compare(f"{words}: from a warm remote / from the local store", taken, put_back)
    bench.compare(f"{words}: cold build that publishes / cold build", published, built)
    files = sum(path.is_file() for name in ("claims", "packs", "near") for path in (place / name).rglob("*"))
    bench.add("files in the remote per table", files / tables, "", 3)
    results = two / ".fftcas" / "target" / "run_results.json"
    asked = [bench.run([sys.executable, "-c", ASK, place, results]).output.split() for _ in range(max(3, rounds))]
    assert {int(count) for _, count in asked} == {tables}
    bench.add(f"open the remote, read the metadata of {tables:,} nodes", min(float(s) for s, _ in asked), "s", 0.5)


def large(bench: Bench, rows: int, rounds: int) -> None:
    one, two = (project(bench.folder / name, {"large": LARGE.format(rows=rows)}) for name in ("one", "two"))
    place, store, fresh, copy = (bench.folder / name for name in ("remote", "store", "fresh", "copy"))
    place.mkdir()
    key = bench.folder / "key"
    trust = bench.run([*FFTCAS, "key", "new", "bench", "--out", key]).output.strip()
    made = one / ".local" / "db.duckdb"
    bench.build(one, store, f"--remote={place}", FFTCAS_REMOTE_KEY=str(key))
    (realised,) = json.loads((one / ".fftcas" / "target" / "run_results.json").read_text())["results"]
    packed = sum(path.stat().st_size for path in (place / "packs").rglob("*") if path.is_file())
    print(f"# {rows:,} rows, {realised['bytes'] / 1e6:,.0f} MB, compressed {packed / 1e6:,.0f} MB")

    def copied() -> Used:
        shutil.rmtree(copy, ignore_errors=True)
        return bench.run(["sh", "-c", f"cp -r '{place / 'packs'}' '{copy}' && sync -f '{copy}'"])

    def inserted() -> Used:
        (bench.folder / "insert.duckdb").unlink(missing_ok=True)
        return bench.run([sys.executable, "-c", INSERT, made, bench.folder / "insert.duckdb"])

    def taken(**environ: str) -> Used:
        forget(two, fresh)
        return bench.build(two, fresh, f"--remote={place}", "--remote-mode=ro", **environ)

    def restored() -> Used:
        forget(two, None)
        return bench.build(two, fresh)

    used = best(rounds, copied, inserted, taken, lambda: taken(FFTCAS_REMOTE_TRUST=trust), restored)
    copying, inserting, believed, trusted, put_back = used
    plain = Cost(copying.cpu + inserting.cpu, copying.wall + inserting.wall, inserting.peak)
    for words, each in (("signed and trusted", trusted), ("everybody is believed", believed)):
        bench.compare(f"a large table: speed of cp and insert kept, {words}", plain, each, 0.8, least=True)
        added = Cost(each.cpu - put_back.cpu, each.wall - put_back.wall, 0)
        bench.add("  what the remote adds to restoring it locally", added.cpu / put_back.cpu)
        bench.add("    the same by the clock", added.wall / put_back.wall)
        bench.add("  memory above the engine's own", each.peak - inserting.peak, "MB", 300)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=1000, help="small tables; 0 for none")
    parser.add_argument("--rows", type=int, default=20_000_000, help="rows of the large table, some 70 bytes each")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--folder", type=Path, help="where to make the projects")
    given = parser.parse_args()
    lines: list[Line] = []
    for work, size in ((many, given.tables), (large, given.rows)):
        if size:
            with tempfile.TemporaryDirectory(dir=given.folder) as folder:
                bench = Bench(Path(folder))
                work(bench, size, given.rounds)
                lines += bench.lines
    if given.json:
        given.json.write_text(json.dumps([asdict(line) for line in lines], indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
