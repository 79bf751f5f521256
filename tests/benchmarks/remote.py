"""What a remote saves and costs: `python tests/benchmarks/remote.py [TABLES] [ROWS]`.

Prints ratios within one run. A project of many small tables: fetching and materialising it from a warm directory
against building it cold, and the time to learn what the remote has. One large table: fetching it into the store and
reading it against copying the compressed bytes with `cp`, both with DuckDB's own insert; and the peak of memory.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PROFILE = """dev:
  engine: duckdb
  duckdb: {path: "{{ project_dir() }}/.local/db.duckdb", db_schema: bench}
"""


def project(folder: Path, tables: int) -> Path:
    """Small tables in layers of fifty, each reading one of the layer before."""
    (folder / "models" / "m").mkdir(parents=True)
    (folder / "project.yml").write_text("name: bench\n")
    (folder / "profiles.yml").write_text(PROFILE)
    for number in range(tables):
        source = f"{{{{ ref('t{number - 50}') }}}}" if number >= 50 else "range(100) r(i)"
        column = "i" if number >= 50 else "i, 'name ' || i as name, i * 1.5 as amount"
        more = ", name, amount" if number >= 50 else ""
        (folder / "models" / "m" / f"t{number}.ff.sql").write_text(
            f"{{{{ config(materialized='table') }}}}\nselect {column}{more}, {number} as n{number} from {source}\n"
        )
    return folder


def run(folder: Path, store: Path, *arguments: str) -> tuple[float, str]:
    environment = {**os.environ, "FFTCAS_STORE": str(store), "PYTHONPATH": str(REPOSITORY), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "fftcas", "build", "-C", str(folder), "-e", "dev", *arguments]
    started = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(done.stdout[-2000:] + done.stderr)
    return seconds, done.stdout


def many(folder: Path, tables: int) -> None:
    first, second = project(folder / "one", tables), project(folder / "two", tables)
    place = folder / "remote"
    place.mkdir()
    cold, _ = run(first, folder / "cold")
    shutil.rmtree(first / ".local")
    publishing, said = run(first, folder / "publishing", "--remote", str(place))
    warm, told = run(second, folder / "second", "--remote", str(place), "--remote-mode", "ro")
    objects = sum(path.is_file() for path in place.rglob("*"))
    print(f"{tables:,} tables: cold build {cold:.1f} s")
    print(f"  publishing as well   {publishing:.1f} s   {publishing / cold:.2f} of cold    {said.splitlines()[-1]}")
    print(f"  from a warm remote   {warm:.1f} s   {warm / cold:.2f} of cold    {told.splitlines()[-1]}")
    print(f"  objects per table    {objects / tables:.1f}")
    sys.path.insert(0, str(REPOSITORY))
    from fftcas.store.remote import Remote, RemoteMode

    results = json.loads((second / ".fftcas" / "target" / "run_results.json").read_text())["results"]
    keys = [result["derivation"] for result in results]
    opening = time.perf_counter()
    remote = Remote.open(str(place), RemoteMode.RO)
    asking = time.perf_counter()
    found = len(remote.find(keys))
    print(f"  open {asking - opening:.3f} s, metadata of {found:,} nodes {time.perf_counter() - asking:.3f} s")


LARGE = """
import sys, threading, time
from pathlib import Path
sys.path.insert(0, {repository!r})
from fftcas.store import Store
from fftcas.store.remote import Remote, RemoteMode
import pyarrow.ipc
def memory():  # what the process itself has allocated, without pages of files
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) // 1024
base = peak = memory()
done = False
def watch():
    global peak
    while not done:
        peak = max(peak, memory())
        time.sleep(0.01)
threading.Thread(target=watch).start()
started = time.perf_counter()
remote = Remote.open({place!r}, RemoteMode.RO, trust={trust!r})
with Store.open(Path({store!r})) as store:
    realisation = remote.fetch({key!r}, store)
    fetched = time.perf_counter() - started
    done = True
    manifest = store.manifest(realisation.output)
    rows = sum(batch.num_rows for batch in store.read_table(manifest).batches)
    read = time.perf_counter() - started - fetched
print(fetched, read, peak, base)
"""


def large(folder: Path, rows: int) -> None:
    """One table of several columns; about 50 bytes a row."""
    sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests" / "unit" / "remote")]
    import duckdb
    from remote_cases import derivation, publish, realisation
    from store import MAKE, read

    from fftcas.store import Store
    from fftcas.store.remote import Signer

    place, database = folder / "remote", folder / "made.duckdb"
    place.mkdir()
    with duckdb.connect(str(database)) as connection, Store.open(folder / "a") as store:
        connection.execute(MAKE.format(rows=rows))
        made = realisation(store, derivation(1), read(connection, "from a"))
        started = time.perf_counter()
        signer = Signer.new("bench")
        report = publish(place, store, [made.derivation], signer)
        publishing = time.perf_counter() - started
    print(f"{rows:,} rows, {made.bytes / 1e6:,.0f} MB, compressed {report.published.bytes / 1e6:,.0f} MB")
    print(f"  published in {publishing:.1f} s, {report.published.objects} objects")
    started = time.perf_counter()
    subprocess.run(["cp", "-r", place / "packs", folder / "copy"], check=True)
    subprocess.run(["sync", "-f", folder / "copy"], check=True)
    copying = time.perf_counter() - started
    with duckdb.connect(str(folder / "insert.duckdb")) as connection:
        connection.execute(f"attach '{database}' as made (read_only)")
        started = time.perf_counter()
        connection.execute("create table a as from made.a")
        connection.execute("checkpoint")
        inserting = time.perf_counter() - started
    for trust in ([], [str(signer.public)]):
        words = "signed and trusted" if trust else "everybody is believed"
        script = LARGE.format(
            repository=str(REPOSITORY), place=str(place), store=str(folder / words), key=made.derivation, trust=trust
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        tell(words, done.stdout, copying, inserting)


def tell(words: str, measured: str, copying: float, inserting: float) -> None:
    fetching, reading, peak, base = (float(word) for word in measured.split())
    print(f"  {words}: fetch {fetching:.1f} s, read {reading:.1f} s; cp {copying:.1f} s, insert {inserting:.1f} s")
    ratio = (copying + inserting) / (fetching + reading + inserting)
    print(f"  speed of fetch, read and insert: {ratio:.2f} of cp and insert")
    print(f"  memory while fetching: {peak:.0f} MiB, {base:.0f} of them before")


if __name__ == "__main__":
    tables_wanted, rows_wanted = (int(text) for text in (*sys.argv[1:], "1000", "20000000")[:2])
    with tempfile.TemporaryDirectory() as scratch:
        if tables_wanted:
            many(Path(scratch), tables_wanted)
    with tempfile.TemporaryDirectory() as scratch:
        if rows_wanted:
            large(Path(scratch), rows_wanted)
