"""Growth, sharing among threads, forks and processes, and compaction."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import Mock

import lmdb
import pytest

from fftcas.errors import StoreError
from fftcas.store.environment import Environment
from fftcas.store.gate import Gate

MEBI = 1 << 20


def putting(key: bytes, size: int) -> Callable[[lmdb.Transaction], bool]:
    return lambda txn: txn.put(key, key * (size // len(key)))


def get(environment: Environment, key: bytes) -> bytes | None:
    def work(txn: lmdb.Transaction) -> bytes | None:
        value = txn.get(key)
        return None if value is None else bytes(value)

    return environment.read(work)


def test_the_map_grows_by_itself_under_many_threads(tmp_path: Path) -> None:
    environment = Environment.open(tmp_path / "e", pytest.fail, map_size=MEBI)
    keys = [b"%08d" % number for number in range(64)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: environment.write(putting(key, MEBI // 2)), keys))
        assert all(pool.map(lambda key: len(get(environment, key) or b"") == MEBI // 2, keys))
    assert environment.size() > 32 * MEBI
    environment.close()


def test_growth_by_another_process_is_followed(tmp_path: Path) -> None:
    environment = Environment.open(tmp_path / "e", pytest.fail, map_size=MEBI)
    code = f"""
from pathlib import Path
from fftcas.store.environment import Environment
environment = Environment.open(Path({str(tmp_path / "e")!r}), print, map_size=1 << 20)
environment.write(lambda txn: txn.put(b"theirs", b"x" * (8 << 20)))
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert len(get(environment, b"theirs") or b"") == 8 * MEBI
    environment.write(putting(b"mine", 16 * MEBI))
    environment.close()


def test_a_path_is_opened_once_per_process(tmp_path: Path) -> None:
    first = Environment.open(tmp_path / "e", pytest.fail)
    (tmp_path / "link").symlink_to(tmp_path / "e")
    second = Environment.open(tmp_path / "link", pytest.fail)
    assert first is second
    first.close()
    second.write(putting(b"a", 10))
    second.close()
    with pytest.raises(StoreError, match="closed"):
        get(first, b"a")


def test_a_forked_child_opens_its_own(tmp_path: Path) -> None:
    environment = Environment.open(tmp_path / "e", pytest.fail)
    environment.write(putting(b"parent", 100))
    child = os.fork()
    if child == 0:
        environment.write(putting(b"child", 100))
        os._exit(0 if get(environment, b"parent") else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert get(environment, b"child") is not None
    environment.write(putting(b"again", 100))
    environment.close()


def test_the_end_of_a_forked_child_takes_nothing_from_its_parent(tmp_path: Path) -> None:
    environment = Environment.open(tmp_path / "e", pytest.fail)
    environment.write(putting(b"a", 100))
    assert get(environment, b"a") is not None  # its slot in the table of readers is kept for the next time
    child = os.fork()
    if child == 0:
        environment.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert get(environment, b"a") is not None
    environment.close()


def test_a_process_of_the_same_number_in_another_container_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Environment.open(tmp_path / "e", pytest.fail).close()
    monkeypatch.setattr("fftcas.store.environment._PATIENCE", 0.0)
    monkeypatch.setattr("fftcas.store.environment._NAMESAKE_SECONDS", 0.3)
    number, (held, holding), said = os.getpid(), os.pipe(), list[str]()
    namesake = os.fork()
    if namesake == 0:
        with (tmp_path / "e" / "lock.mdb").open("r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX, 1, number)  # as LMDB does, each process at its own number
            os.write(holding, b"x")
            signal.pause()
    os.read(held, 1)
    with pytest.raises(StoreError, match="is in use") as error:
        Environment.open(tmp_path / "e", said.append)
    assert f"another container has it open, which has the number {number}, too" in str(error.value)
    assert len(said) == 1
    monkeypatch.setattr("fftcas.store.environment._NAMESAKE_SECONDS", 60)
    threading.Timer(0.2, os.kill, (namesake, signal.SIGKILL)).start()
    Environment.open(tmp_path / "e", said.append).close()
    os.waitpid(namesake, 0)


def test_forks_beside_writing_threads(tmp_path: Path) -> None:
    environment = Environment.open(tmp_path / "e", pytest.fail)
    stop = threading.Event()

    def write() -> int:
        count = 0
        while not stop.is_set():
            environment.write(putting(b"%d-%d" % (threading.get_ident(), count), 100))
            count += 1
        return count

    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(write) for _ in range(2)]
        children = []
        for number in range(5):
            child = os.fork()
            if child == 0:
                environment.write(putting(b"child-%d" % number, 100))
                os._exit(0)
            children.append(child)
        results = [os.waitpid(child, 0)[1] for child in children]
        stop.set()
        assert results == [0] * 5
        assert sum(future.result() for future in futures) > 0
    assert all(get(environment, b"child-%d" % number) is not None for number in range(5))
    environment.close()


def test_no_lock_of_another_thread_stays_locked_in_a_forked_child(tmp_path: Path) -> None:
    environment = Environment.open(tmp_path / "e", pytest.fail)
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            get(environment, b"a")

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads are then stopped wherever they are, also while they hold a lock
    try:
        with ThreadPoolExecutor(6) as pool:
            for _ in range(6):
                pool.submit(read)
            results = []
            for _ in range(60):
                child = os.fork()
                if child == 0:
                    get(environment, b"a")
                    os._exit(0)
                killer = threading.Timer(10, os.kill, (child, signal.SIGKILL))
                killer.start()
                results.append(os.waitpid(child, 0)[1])
                killer.cancel()
                if results[-1]:
                    break
            stop.set()
    finally:
        sys.setswitchinterval(interval)
    assert results == [0] * 60
    environment.close()


@pytest.mark.parametrize("closed", [True, False])
def test_a_fork_that_something_came_between_leaves_nothing_locked(
    tmp_path: Path, closed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (Environment.open(tmp_path / name, pytest.fail) for name in "ab")
    trouble = Mock(side_effect=OSError)
    if closed:
        monkeypatch.setattr(Gate, "close_for_fork", trouble)
    else:
        monkeypatch.setattr(first, "_stop", trouble)
    with monkeypatch.context() as quiet:
        quiet.setattr(sys, "unraisablehook", lambda trouble: None)
        child = os.fork()
        if child == 0:
            os._exit(0)
    monkeypatch.undo()
    assert os.waitpid(child, 0)[1] == 0
    for environment in (first, second):
        environment.write(putting(b"a", 100))
        environment.close()


def test_compaction_gives_space_back(tmp_path: Path) -> None:
    environment = Environment.open(tmp_path / "e", pytest.fail)
    environment.write(putting(b"keep", 1000))
    environment.write(putting(b"drop", 8 * MEBI))
    environment.write(lambda txn: txn.delete(b"drop"))
    assert environment.free_bytes() > 7 * MEBI
    assert environment.compact()
    assert environment.size() < MEBI
    assert get(environment, b"keep") is not None
    environment.close()


def test_compaction_waits_for_a_time_when_nobody_else_has_it_open(tmp_path: Path) -> None:
    environment = Environment.open(tmp_path / "e", pytest.fail)
    code = f"""
import sys
from pathlib import Path
from fftcas.store.environment import Environment
environment = Environment.open(Path({str(tmp_path / "e")!r}), print)
print("open", flush=True)
sys.stdin.read()
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        assert not environment.compact()
        environment.write(putting(b"a", 100))
    assert environment.compact()
    assert get(environment, b"a") is not None
    environment.close()


def test_the_gate_lets_one_change_in_when_nobody_is_inside() -> None:
    gate = Gate()
    order = []
    inside = threading.Event()

    def change() -> None:
        inside.set()
        with gate.exclusive():
            order.append("change")

    with gate:
        thread = threading.Thread(target=change)
        thread.start()
        inside.wait()
        order.append("read")
    thread.join()
    assert order == ["read", "change"]
