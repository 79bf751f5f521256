"""An environment's files on disk: who may swap them, whether they are whole, and what becomes of broken ones."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from fftcas.errors import StoreError
from fftcas.store.header import read_header

Warn = Callable[[str], None]


def take_gate(path: Path, kind: int, seconds: float) -> int | None:
    """A lock on the gate file in `path`: shared for all who have the files open, exclusive for who swaps them.

    Returns a file descriptor, whose closing gives the lock up, or None if the lock was not to be had in `seconds`.
    """
    lock = os.open(path / "gate", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(lock)
                return None
            time.sleep(0.02)
        else:
            return lock


def damage(path: Path) -> str | None:
    """Why the data file in `path` must not be mapped, or None."""
    data = path / "data.mdb"
    try:
        header = read_header(data)
    except ValueError as error:
        return str(error)
    if header is None or header.size <= data.stat().st_size:
        return None
    # Rarely the missing end is unused, and nothing is wrong: a child that may die of SIGBUS finds out.
    child = subprocess.run([sys.executable, "-m", "fftcas.store.examine", str(path)], capture_output=True, check=False)
    if child.returncode == 0:
        with data.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, header.size)  # grows the file and never shrinks it
        return None
    return f"it is cut off: {data.stat().st_size} of {header.size} bytes"


def set_aside(path: Path, why: str, warn: Warn) -> None:
    """Rename a damaged data file, so that a fresh one is begun. Raises StoreError if other processes have it open."""
    lock = take_gate(path, fcntl.LOCK_EX, 10.0)
    if lock is None:
        raise StoreError(
            f"the store at {path.parent} is damaged, and other processes have it open",
            why=f"{path.name}/data.mdb: {why}",
            hint="end the other fftcas processes and run again: a fresh store is begun",
        )
    try:
        aside = path / time.strftime("quarantine-%Y%m%dT%H%M%SZ", time.gmtime())
        (path / "data.mdb").replace(aside)
        (path / "lock.mdb").unlink(missing_ok=True)
        sync_directory(path)
        warn(f"the store's {path.name} were damaged ({why}); kept as {aside}, and begun afresh")
    except FileNotFoundError:
        pass  # another process was faster
    finally:
        os.close(lock)


def sync_directory(path: Path) -> None:
    """Make renames in a directory last."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
