"""Verify every value of an environment, in a child process that may die of a damaged file.

`python -m fftcas.store.examine DIR` prints the bad keys in hexadecimal, one a line, and the count of all at the end.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import lmdb

from fftcas.store.blobs import BLOB, HOLD, verify
from fftcas.store.records import sealed_well


@dataclass(frozen=True)
class Findings:
    """`died` tells how the child ended if it could not read the file to its end."""

    values: int
    bad: tuple[bytes, ...]
    died: str | None = None


def examine(directory: Path) -> Findings:
    """Verify the environment in `directory` in a child process."""
    command = [sys.executable, "-m", "fftcas.store.examine", str(directory)]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    *bad, count = child.stdout.splitlines() or [""]
    if child.returncode == 0 and count.isdecimal():
        return Findings(int(count), tuple(bytes.fromhex(key) for key in bad))
    last = child.stderr.strip().splitlines()[-1:] or [f"it ended with {child.returncode}"]
    died = f"reading it ends with signal {-child.returncode}" if child.returncode < 0 else last[0]
    return Findings(0, (), died)


def walk(directory: str) -> None:
    """The child's part."""
    good = _good_blob if Path(directory).name == "blobs" else sealed_well
    count = 0
    with lmdb.open(directory, readonly=True, map_size=1 << 40, create=False) as env, env.begin(buffers=True) as txn:
        for key, value in txn.cursor():
            count += 1
            if not good(bytes(key), bytes(value)):
                print(bytes(key).hex())
    print(count)


def _good_blob(key: bytes, value: bytes) -> bool:
    if key.startswith(HOLD):
        return True
    try:
        verify(key.removeprefix(BLOB).hex(), value)
    except ValueError:
        return False
    return len(key) == 33


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    walk(sys.argv[1])
