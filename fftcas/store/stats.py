"""What the store holds, how much smaller that is than what was put in, and what it saved."""

from __future__ import annotations

from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass

from fftcas.store import index
from fftcas.store.blobs import BLOB
from fftcas.store.frame import raw_size
from fftcas.store.records import RecordTxn
from fftcas.store.runs import RunRecord, kept_runs
from fftcas.store.store import Store
from fftcas.table import Manifest


@dataclass(frozen=True)
class Day:
    """The runs of a day: how many, their nodes by status, and the seconds that hits saved."""

    date: str
    runs: int
    nodes: dict[str, int]
    saved: float


@dataclass(frozen=True)
class Stats:
    """Sizes in bytes: `logical` of all realised tables, `raw` of blobs, `stored` compressed, `disk` of files."""

    realisations: int
    tables: int
    blobs: int
    logical: int
    raw: int
    stored: int
    disk: int
    free: int
    projects: tuple[str, ...]
    days: tuple[Day, ...]

    @property
    def dedup(self) -> float:
        """How many times what is stored once is used."""
        return self.logical / self.raw if self.raw else 1.0

    @property
    def compression(self) -> float:
        return self.raw / self.stored if self.stored else 1.0

    @property
    def saved(self) -> float:
        return sum(day.saved for day in self.days)


def measure(store: Store) -> Stats:
    """Count it all. Raises StoreError."""
    sizes = list(store.blobs.scan(BLOB, lambda key, value: (raw_size(value), len(value))))
    realisations, logical, tables, runs = store.records.read(_count)
    environments = (store.blobs.environment, store.records.environment)
    return Stats(
        realisations=realisations,
        tables=tables,
        blobs=len(sizes),
        logical=logical,
        raw=sum(raw for raw, _ in sizes),
        stored=sum(stored for _, stored in sizes),
        disk=sum(environment.size() for environment in environments),
        free=sum(environment.free_bytes() for environment in environments),
        projects=tuple(sorted({run.project for run in runs})),
        days=tuple(_days(runs)),
    )


def _count(txn: RecordTxn) -> tuple[int, int, int, list[RunRecord]]:
    sizes = {}
    for key, value in txn.scan("manifest"):
        with suppress(ValueError):
            sizes[key] = Manifest.from_json(value).size
    outputs = [bytes.fromhex(realisation.output) for _, realisation in index.every(txn)]
    logical = sum(sizes.get(output, 0) for output in outputs)
    return len(outputs), logical, len(sizes), [kept.run for kept in kept_runs(txn)]


def _days(runs: list[RunRecord]) -> list[Day]:
    by_date: defaultdict[str, list[RunRecord]] = defaultdict(list)
    for run in runs:
        by_date[run.started[:10]].append(run)
    days = []
    for date, some in sorted(by_date.items()):
        nodes: Counter[str] = Counter()
        for run in some:
            nodes.update(run.summary)
        days.append(Day(date, len(some), dict(nodes), sum(run.saved for run in some)))
    return days
