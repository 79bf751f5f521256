"""Processes are killed at random moments: whatever can be read is right, and nothing that was committed is lost."""

from __future__ import annotations

import os
import random
import signal
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import store_worker

from fftcas.store import Store, gc


@pytest.fixture(scope="module", autouse=True)
def _warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Import here what the forked workers need."""
    with Store.open(tmp_path_factory.mktemp("warm")) as store:
        store_worker.realise(store, 5)
        store_worker.verify(store, 5)


class Worker:
    """A forked process that runs `store_worker.work`: forked, because importing pyarrow takes longer than a round."""

    def __init__(self, folder: Path, seed: int, kind: str = "write") -> None:
        self.journal = folder / f"journal-{seed}-{kind}"
        self.journal.unlink(missing_ok=True)
        self.pid = forked(lambda: store_worker.work(folder / "s", self.journal, seed, kind))

    def wait(self) -> None:
        """Until it has opened the store."""
        while not (self.journal.exists() and self.journal.stat().st_size):
            assert os.waitpid(self.pid, os.WNOHANG) == (0, 0)
            time.sleep(0.005)

    def kill(self) -> set[int]:
        """The numbers of the tables that it committed before it was killed."""
        kill(self.pid)
        lines = self.journal.read_text().splitlines(keepends=True)[1:]
        return {int(line) for line in lines if line.endswith("\n")}


def forked(work: Callable[[], None]) -> int:
    """The process id of a child that does `work`."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    return child


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


@pytest.mark.parametrize("rounds", [25, pytest.param(2000, marks=pytest.mark.long)])
def test_kill_writers_and_the_collector_at_random_moments(tmp_path: Path, rounds: int) -> None:
    """Three writers and a collector: what can be read is right, and what is younger than the grace is there."""
    chance = random.Random(rounds)
    commits = reads = 0
    for number in range(rounds):
        began = time.monotonic()
        workers = [Worker(tmp_path, number * 10 + each) for each in range(3)]
        collector = Worker(tmp_path, number * 10, "gc")
        for worker in [*workers, collector]:
            worker.wait()
        time.sleep(chance.random() * 0.3)
        committed = set[int]().union(*(worker.kill() for worker in workers))
        collector.kill()
        commits += len(committed)
        with Store.open(tmp_path / "s", warn=pytest.fail) as store:
            some = committed | set(chance.sample(range(400), 40))
            found = {each for each in some if store_worker.verify(store, each)}
        reads += len(found)
        if time.monotonic() - began < store_worker.GRACE:
            assert committed <= found
    print(f"{rounds} rounds of kill -9 beside a collector: {commits} commits, {reads} tables verified, 0 lost")
    assert commits


@pytest.mark.parametrize("rounds", [15, pytest.param(500, marks=pytest.mark.long)])
def test_kill_writers_at_random_moments(tmp_path: Path, rounds: int) -> None:
    """Without a collector nothing may ever go."""
    chance = random.Random(rounds)
    committed: set[int] = set()
    for number in range(rounds):
        workers = [Worker(tmp_path, number * 10 + each) for each in range(2)]
        for worker in workers:
            worker.wait()
        time.sleep(chance.random() * 0.3)
        committed = committed.union(*(worker.kill() for worker in workers))
    with Store.open(tmp_path / "s", warn=pytest.fail) as store:
        assert all(store_worker.verify(store, each) for each in committed)
    print(f"{rounds} rounds of kill -9: {len(committed)} tables committed, 0 lost")
    assert committed


def test_eight_processes_and_eight_threads_write_the_same_tables(tmp_path: Path) -> None:
    workers = [Worker(tmp_path, seed) for seed in range(8)]
    for worker in workers:
        worker.wait()
    with Store.open(tmp_path / "s", warn=pytest.fail) as store, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda each: store_worker.realise(store, each), range(40)))
        committed = set[int]().union(*(worker.kill() for worker in workers))
        assert all(pool.map(lambda each: store_worker.verify(store, each), committed | set(range(40))))
    print(f"8 processes and 8 threads: {len(committed)} tables committed and verified")
    assert committed


def test_a_killed_reader_does_not_make_the_file_grow(tmp_path: Path) -> None:
    def read() -> None:
        with Store.open(tmp_path / "s") as store:
            store.blobs.environment.read(sleep_inside)

    def sleep_inside(_: object) -> None:
        (tmp_path / "ready").touch()
        time.sleep(60)

    with Store.open(tmp_path / "s") as store:
        store_worker.realise(store, 5)
    reader = forked(read)
    while not (tmp_path / "ready").exists():
        time.sleep(0.01)
    kill(reader)
    with Store.open(tmp_path / "s") as store:
        for _ in range(10):
            store.put_blob(os.urandom(4 << 20))
            store.blobs.release()
            gc.collect(store, gc.Policy(max_size=0, grace=0))
            size = store.blobs.environment.size()
        assert size < 12 << 20


def test_clocks_that_go_backwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store.open(tmp_path / "s") as store:
        now = time.time()
        for number in range(6):
            monkeypatch.setattr(time, "time", lambda number=number: now - number * 3600)
            store_worker.realise(store, number, datetime.fromtimestamp(now - number * 3600, UTC).isoformat())
        gc.collect(store, gc.Policy(max_size=0, grace=7200))
        held = [number for number in range(6) if store_worker.verify(store, number)]
        assert held[:2] == [0, 1]
        labels = {store_worker.derivation(number): f"//t:t{number}" for number in range(3)}
        order = [each.label for recipe, label in labels.items() for each in store.realisations_of(recipe, label)]
        assert order == [f"//t:t{number}" for number in range(3) if number in held]
