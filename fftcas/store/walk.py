"""Read every page of an environment: `python -m fftcas.store.walk DIR`, in a child process that may die of it."""

from __future__ import annotations

import resource
import sys

import lmdb


def walk(path: str) -> int:
    """Number of values in the environment. Raises lmdb.Error, or dies, if it is damaged."""
    count = 0
    with lmdb.open(path, readonly=True, map_size=1 << 40) as env, env.begin(buffers=True) as txn:
        for key, value in txn.cursor():
            count += bool(len(key)) and (sum(value[::4096]) >= 0)
    return count


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    walk(sys.argv[1])
