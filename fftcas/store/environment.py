"""One LMDB environment, opened so that it cannot kill the process, and shared by all threads of it.

Traps that are handled here: a truncated or foreign file is set aside before it is mapped; the map grows by itself, and
follows the growth that other processes made; a path is opened once per process; forked children open their own; the
disk that is full is called so. Transactions are functions, so that they can be run again after the map has grown.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import lmdb

from fftcas.errors import StoreError
from fftcas.store.data_file import Warn, damage, set_aside, sync_directory, take_gate
from fftcas.store.gate import Gate
from fftcas.store.header import read_header
from fftcas.store.memory import address_space_left
from fftcas.store.place import cannot_use

Work = TypeVar("Work")

_DAMAGE = (lmdb.CorruptedError, lmdb.PageNotFoundError, lmdb.PanicError, lmdb.InvalidError, lmdb.VersionMismatchError)
_LOCK_SECONDS = 120.0
_NAMESAKE_SECONDS = 600.0
_PATIENCE = 1.0
"""Seconds after which who waits says so."""


class Environment:
    """Read and write transactions on the LMDB files in the directory `path`. Use `Environment.open`."""

    def __init__(self, path: Path, warn: Warn, map_size: int) -> None:
        self.path = path
        self._warn = warn
        self._map_size = map_size
        self._gate = Gate()
        self._env: lmdb.Environment | None = None
        self._lock: int | None = None
        self._users = 0

    @classmethod
    def open(cls, path: Path, warn: Warn, map_size: int = 1 << 30) -> Environment:
        """The process's only environment at `path`; each call needs a `close`. Raises StoreError."""
        with _registry_lock:
            key = os.path.realpath(path)
            environment = _registry.get(key)
            if environment is None:
                environment = cls(path, warn, map_size)
                environment._start()
                _registry[key] = environment
            environment._users += 1
            return environment

    def close(self) -> None:
        with _registry_lock:
            self._users -= 1
            if self._users == 0:
                del _registry[os.path.realpath(self.path)]
                with self._gate.exclusive():
                    self._stop()

    def read(self, work: Callable[[lmdb.Transaction], Work]) -> Work:
        """Run `work` in a read transaction; what it returns must not point into the map. Raises StoreError."""
        return self._run(work, False)

    def write(self, work: Callable[[lmdb.Transaction], Work]) -> Work:
        """Run `work` in a write transaction and commit; it may run several times. Raises StoreError."""
        return self._run(work, True)

    def _run(self, work: Callable[[lmdb.Transaction], Work], write: bool) -> Work:
        mended = False
        while True:
            trouble: Exception | None = None
            with self._gate:
                env = self._env
                if env is not None:
                    try:
                        with env.begin(write=write, buffers=True) as txn:
                            return work(txn)
                    except (lmdb.MapFullError, lmdb.MapResizedError, *_DAMAGE) as error:
                        trouble = error
                    except (lmdb.Error, OSError) as error:
                        raise self._told(error) from error
            if isinstance(trouble, _DAMAGE):
                if mended:
                    raise self._told(trouble) from trouble
                mended = True
            with self._gate.exclusive():
                if self._env is env:  # else another thread has mended it
                    self._mend(trouble)

    def _mend(self, trouble: Exception | None) -> None:
        if self._users == 0:
            raise StoreError(f"the store at {self.path.parent} is closed")
        if self._env is None:
            self._start()  # first use after a fork
        elif isinstance(trouble, lmdb.MapFullError):
            self._resize(self._env.info()["map_size"] * 2)
        elif isinstance(trouble, lmdb.MapResizedError):
            self._resize(0)  # as large as another process made it
        else:
            self._stop()
            set_aside(self.path, str(trouble), self._warn)
            self._start()

    def size(self) -> int:
        """Size of the data file."""
        return (self.path / "data.mdb").stat().st_size

    def free_bytes(self) -> int:
        """Bytes in the data file that hold nothing; a compaction gives them back to the disk."""

        def used(txn: lmdb.Transaction) -> int:
            stat = txn.stat()
            return int(stat["psize"] * (stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"]))

        return max(0, self.size() - self.read(used))

    def compact(self) -> bool:
        """Give free pages back to the disk; False if another process has the store open, or space is short."""
        needed = self.size() - self.free_bytes() + (1 << 20)
        if shutil.disk_usage(self.path).free < needed:
            return False
        with self._gate.exclusive():
            self._stop()
            lock = take_gate(self.path, fcntl.LOCK_EX, 0.0)
            try:
                if lock is not None:
                    self._rewrite()
            except lmdb.Error as error:
                raise self._told(error) from error
            finally:
                if lock is not None:
                    os.close(lock)
                self._start()
            return lock is not None

    def _rewrite(self) -> None:
        fresh = self.path / f"compact-{os.getpid()}"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        try:
            env = self._map(readonly=True)
            try:
                env.copy(str(fresh), compact=True)
            finally:
                env.close()
            with (fresh / "data.mdb").open("rb") as file:
                os.fsync(file.fileno())
            read_header(fresh / "data.mdb")
            (fresh / "data.mdb").replace(self.path / "data.mdb")
            (self.path / "lock.mdb").unlink(missing_ok=True)
            sync_directory(self.path)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def _start(self) -> None:
        try:
            self.path.mkdir(mode=0o700, exist_ok=True)
            while True:
                self._lock = take_gate(self.path, fcntl.LOCK_SH, _LOCK_SECONDS)
                if self._lock is None:
                    raise StoreError(
                        f"the store at {self.path.parent} is busy", why="another process compacts or repairs it"
                    )
                trouble = damage(self.path)
                if trouble is None:
                    break
                self._stop()
                set_aside(self.path, trouble, self._warn)
            self._env = self._map_alone()
            self._env.reader_check()
        except lmdb.Error as error:
            self._stop()
            raise self._told(error) from error
        except OSError as error:
            self._stop()
            raise cannot_use(self.path.parent, error) from error

    def _stop(self) -> None:
        if self._env is not None:
            self._env.close()
            self._env = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _map_alone(self) -> lmdb.Environment:
        """The map, once no other process has it that has this one's number, as one of another container may: LMDB would
        take the two for one."""
        begun, told = time.monotonic(), False
        while True:
            try:
                return self._map()
            except lmdb.LockError:
                waited = time.monotonic() - begun
                if waited > _NAMESAKE_SECONDS:
                    raise
            if waited > _PATIENCE and not told:
                told = True
                self._warn(f"waiting for the store at {self.path.parent}: {_namesake()}")
            time.sleep(0.1)

    def _map(self, readonly: bool = False) -> lmdb.Environment:
        data = self.path / "data.mdb"
        size = data.stat().st_size if data.exists() else 0
        wanted = max(self._map_size, 2 * size)
        left = address_space_left()
        if left is not None and wanted > left // 2:
            wanted = max(size + (1 << 20), left // 2)
            if wanted > left:
                raise self._no_room(wanted)
        options: dict[str, Any] = {
            "map_size": wanted,
            "max_readers": 2048,
            "max_spare_txns": 4,
            "mode": 0o700,
            "readonly": readonly,
            "readahead": False,
        }
        with contextlib.suppress(TypeError):
            return lmdb.open(str(self.path), lib_version=0, **options)  # data format 1, which every py-lmdb reads
        return lmdb.open(str(self.path), **options)

    def _resize(self, size: int) -> None:
        assert self._env is not None
        left = address_space_left()
        if left is not None and size > left:
            size = self._env.info()["map_size"] + left // 2
            if left < 16 << 20:
                raise self._no_room(size)
        try:
            self._env.set_mapsize(size)
        except lmdb.Error as error:
            self._stop()  # the old map is gone: every further use would be a crash
            raise self._no_room(size) from error

    def _no_room(self, size: int) -> StoreError:
        return StoreError(
            f"the store at {self.path.parent} does not fit into the address space",
            why=f"its map needs {size >> 20} MiB, and the process's limit (ulimit -v) leaves less",
            hint="raise the limit, or run `fftcas gc`",
        )

    def _told(self, error: Exception) -> StoreError:
        """LMDB's error as people need to read it; a full disk reaches us as `Input/output error`."""
        number = getattr(error, "code", None) or getattr(error, "errno", None)
        free = shutil.disk_usage(self.path).free if self.path.exists() else 0
        if number in (errno.ENOSPC, errno.EDQUOT) or free < 16 << 20:
            return StoreError(
                f"the disk that holds the store is full: {self.path.parent}",
                why=f"{free >> 20} MiB are free; nothing that was committed is lost",
                hint="free some space, run `fftcas gc`, or set FFTCAS_STORE to another disk",
            )
        if isinstance(error, OSError):
            return cannot_use(self.path.parent, error)
        if isinstance(error, lmdb.LockError):
            return StoreError(
                f"the store at {self.path.parent} is in use",
                why=f"{_namesake()}: LMDB would take the two for one",
                hint="give each container a store of its own (FFTCAS_STORE) and share through a remote, "
                "or start them with process numbers in common (docker run --pid=host)",
            )
        return StoreError(f"the store at {self.path.parent} cannot be used", why=str(error))


def _namesake() -> str:
    return f"a process in another container has it open, which has the number {os.getpid()}, too"


_registry: dict[str, Environment] = {}
_registry_lock = threading.Lock()
_held: list[Gate] = []
"""The gates that are closed for a fork."""


def _before_fork() -> None:
    """Close the files, which are opened again at the next use: a child that closed them would take its parent's slots
    in the table of readers along, and what the parent reads would no longer be protected."""
    _registry_lock.acquire()
    for environment in _registry.values():
        environment._gate.close_for_fork()
        _held.append(environment._gate)
        environment._stop()


def _after_fork() -> None:
    try:
        for gate in [environment._gate for environment in _registry.values()]:
            if gate in _held:
                gate.open_after_fork()
            else:
                gate.open()  # an interrupt came before its turn: Python forks nevertheless
    finally:
        _held.clear()
        _registry_lock.release()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
