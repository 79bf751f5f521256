"""What a writer to a remote does, in a process of its own."""

from __future__ import annotations

import sys
from multiprocessing.connection import Connection
from pathlib import Path

from remote_cases import fill, publish

from fftcas.store import Store


def work(place: Path, path: Path, first: int, count: int, rows: int, ready: Connection) -> None:
    """Fill a store, say so, and publish what is in it."""
    with Store.open(path) as store:
        keys = fill(store, count, rows, first)
        ready.send(True)
        report = publish(place, store, keys)
    sys.exit(1 if report.published.failed else 0)
