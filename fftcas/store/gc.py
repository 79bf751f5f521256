"""Garbage collection: choose realisations to forget, forget them, and sweep the blobs that nothing needs any more.

Never forgotten: what is pinned, what a running build uses, and what is younger than the grace. The outputs of each
project's last runs, per profile and branch, go only when the store would be larger than its bound without that. A
build may run beside it: see `blobs.py` for how the sweep and the writers agree.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import lmdb

from fftcas.digest import Digest
from fftcas.store import index
from fftcas.store.blobs import BLOB, copied, holding, verify
from fftcas.store.environment import Environment
from fftcas.store.pins import pins
from fftcas.store.place import spare_space
from fftcas.store.realisation import Realisation
from fftcas.store.records import Records, RecordTxn
from fftcas.store.runs import kept_runs, outputs_of
from fftcas.store.store import Store
from fftcas.store.tables import parse_chunks
from fftcas.table import Manifest

PAGE = 4096
GRACE = 3600.0
_STEP = 500  # deletions in one transaction
RESPONSES = "cache:http"
"""Kinds of records that begin so lead to HTTP responses, which may not be had again."""

AHEAD = 86400.0
"""Seconds that a clock may have gone back by: what says that it was built later than that is wrong, and not young."""


@dataclass(frozen=True)
class Policy:
    """What to keep. Sizes in bytes, times in seconds; `keep_runs` per project, profile and branch."""

    max_size: int
    older_than: float | None = None
    grace: float = GRACE
    keep_runs: int = 10


@dataclass(frozen=True)
class Collected:
    """What went, or would go: realisations, blobs and their bytes; what it took to build it (seconds); what stays."""

    forgotten: tuple[Realisation, ...]
    blobs: int
    bytes_freed: int
    seconds: float
    bytes_kept: int
    compacted: bool
    dry_run: bool


def collect(
    store: Store,
    policy: Policy,
    *,
    dry_run: bool = False,
    keep_blobs: Iterable[Digest] = (),
    compact: bool = True,
    now: float | None = None,
) -> Collected:
    """Run a collection. `keep_blobs` are digests that other caches name (HTTP bodies). Raises StoreError.

    `compact` gives the space back to the disk, by a copy of what is left.
    """
    now = time.time() if now is None else now
    blobs, records = store.blobs, store.records
    others = {bytes.fromhex(digest) for digest in keep_blobs}
    candidates = records.read(lambda txn: _candidates(txn, policy, now))
    sizes = dict(blobs.scan(BLOB, lambda key, value: (key[1:], footprint(len(value)))))
    needs = _Needs(records)
    need = {each.realisation.derivation: needs.of(each.realisation, blobs.frame) for each in candidates}
    forgotten = choose(candidates, policy, now, sizes, need, others)
    if dry_run:
        holds = blobs.environment.read(lambda txn: holding(txn, now, policy.grace)[0])
        dead = [digest for digest in _unneeded(sizes, need, forgotten, others) if digest not in holds]
    else:
        sweep = _Sweep(records, policy.grace, now, max([0, *(each.number for each in candidates)]))
        with spare_space(store.path):
            forgotten = _forget(records, forgotten, now)
            _trim_caches(records, min(max(policy.max_size // 10, 64 << 20), 1 << 30))
            dead = _unneeded(sizes, need, forgotten, others)
            steps = [dead[start : start + _STEP] for start in range(0, len(dead), _STEP)]
            dead = [digest for step in steps for digest in blobs.environment.write(partial(sweep.delete, step))]
            blobs.settle()
        for environment in (blobs.environment, records.environment):
            _drop_corpses(environment, now)
    freed = sum(sizes[digest] for digest in dead)
    compacted = compact and not dry_run and any([_compact(blobs.environment), _compact(records.environment)])
    went = tuple(each.realisation for each in forgotten)
    seconds = sum(each.seconds for each in went)
    return Collected(went, len(dead), freed, seconds, sum(sizes.values()) - freed, compacted, dry_run)


@dataclass(frozen=True)
class Candidate:
    """A realisation, when it was last used (seconds since 1970), and how dear it is: the least go first, 2 never."""

    realisation: Realisation
    number: int
    used: float
    rank: int


def choose(
    candidates: Iterable[Candidate],
    policy: Policy,
    now: float,
    sizes: dict[bytes, int],
    needs: Mapping[Digest, frozenset[bytes]],
    others: Iterable[bytes] = (),
) -> list[Candidate]:
    """The realisations to forget: what is too old, then, while the rest is above the bound, the least recently used."""
    order = sorted(candidates, key=lambda each: (each.rank, each.used, each.realisation.seconds))
    uses: Counter[bytes] = Counter(others)
    for each in order:
        uses.update(needs[each.realisation.derivation])
    size = sum(sizes.get(digest, 0) for digest in uses)
    forgotten = []
    for each in order:
        old = each.rank == 0 and policy.older_than is not None and now - each.used > policy.older_than
        if each.rank == 2 or not (old or size > policy.max_size):
            continue
        forgotten.append(each)
        for digest in needs[each.realisation.derivation]:
            uses[digest] -= 1
            if not uses[digest]:
                size -= sizes.get(digest, 0)
    return forgotten


def _unneeded(
    sizes: Iterable[bytes],
    needs: Mapping[Digest, frozenset[bytes]],
    forgotten: Iterable[Candidate],
    others: Iterable[bytes],
) -> list[bytes]:
    """The blobs that nothing needs once some realisations are forgotten."""
    gone = {each.realisation.derivation for each in forgotten}
    live = set(others).union(*(digests for derivation, digests in needs.items() if derivation not in gone))
    return [digest for digest in sizes if digest not in live]


def footprint(size: int) -> int:
    """Bytes of the file that a value takes: above half a page it lies in pages of its own."""
    return size + 48 if size < PAGE // 2 else -(-(size + 16) // PAGE) * PAGE


class _Needs:
    """Which blobs a realisation needs, by manifest and lists of chunks; every output is looked up once."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._outputs: dict[Digest, frozenset[bytes]] = {}

    def of(self, realisation: Realisation, frame: Callable[[Digest], bytes | None]) -> frozenset[bytes]:
        """Digests; `frame` gives what lies under one."""
        if realisation.output not in self._outputs:
            self._outputs[realisation.output] = frozenset(self._output(realisation.output, frame))
        return self._outputs[realisation.output] | {bytes.fromhex(digest) for digest in realisation.http.values()}

    def _output(self, output: Digest, frame: Callable[[Digest], bytes | None]) -> Iterator[bytes]:
        data = self._records.get("manifest", bytes.fromhex(output))
        manifest = Manifest(0, ())
        with contextlib.suppress(ValueError):  # a bad one: nobody can restore that output
            manifest = manifest if data is None else Manifest.from_json(data)
        for column in manifest.columns:
            listed = frame(column.digest)
            if listed is not None:
                yield bytes.fromhex(column.digest)
                with contextlib.suppress(ValueError):  # a bad list: nobody can restore that output
                    yield from (bytes.fromhex(chunk.digest) for chunk in parse_chunks(verify(column.digest, listed)))


def _candidates(txn: RecordTxn, policy: Policy, now: float) -> list[Candidate]:
    used: dict[Digest, float] = {}
    dear = _dear(txn, now)
    last: set[Digest] = set()
    seen: Counter[tuple[str, str, str | None]] = Counter()
    for kept in kept_runs(txn):
        line = (kept.run.project, kept.run.profile, kept.run.branch)
        seen[line] += 1
        outputs = set(outputs_of(txn, kept).values())
        at = _seconds(kept.run.finished or kept.run.started, now)
        used.update({output: max(at, used.get(output, at)) for output in outputs})
        if seen[line] <= policy.keep_runs:
            last |= outputs
    candidates = []
    for number, each in index.every(txn):
        built = _seconds(each.built_at, now)
        at = max(min(built, now), used.get(each.output, 0.0))
        young = now - built < policy.grace and built - now < AHEAD
        rank = 2 if young or each.output in dear else 1 if each.output in last else 0
        candidates.append(Candidate(each, number, at, rank))
    return candidates


def _dear(txn: RecordTxn, now: float) -> set[Digest]:
    """Outputs that are pinned, or that a running build has."""
    pinned = {output for pin in pins(txn) if pin.until is None or pin.until > now for output in pin.outputs}
    return pinned.union(*(outputs_of(txn, kept).values() for kept in kept_runs(txn) if kept.alive))


def _seconds(text: str, otherwise: float) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return otherwise


def _forget(records: Records, forgotten: list[Candidate], now: float) -> list[Candidate]:
    """Those that could be forgotten: neither was one built again meanwhile, nor did a build begin to use it."""

    def work(txn: RecordTxn, part: list[Candidate]) -> list[Candidate]:
        dear = _dear(txn, now)
        same = [each for each in part if index.number_of(txn, each.realisation.derivation) == each.number]
        going = [each for each in same if each.realisation.output not in dear]
        for each in going:
            index.delete(txn, each.realisation.derivation)
        return going

    parts = [forgotten[start : start + _STEP] for start in range(0, len(forgotten), _STEP)]
    return [each for part in parts for each in records.write(partial(work, part=part))]


@dataclass
class _Sweep:
    """Deletes blobs in small transactions; each looks first at what is held, and at what was committed meanwhile."""

    records: Records
    grace: float
    now: float
    number: int
    """Of the last realisation that was counted in."""
    committed: set[bytes] = field(default_factory=set)

    def delete(self, dead: list[bytes], txn: lmdb.Transaction) -> list[bytes]:
        """Those that could be deleted."""
        held, stale = holding(txn, self.now, self.grace)
        for key in stale:
            txn.delete(key)
        needs = _Needs(self.records)
        for number, realisation in self.records.read(lambda other: list(index.since(other, self.number))):
            self.committed |= needs.of(realisation, lambda digest: copied(txn.get(BLOB + bytes.fromhex(digest))))
            self.number = number
        going = [digest for digest in dead if digest not in held and digest not in self.committed]
        return [digest for digest in going if txn.delete(BLOB + digest)]


def _trim_caches(records: Records, limit: int) -> None:
    """Drop the records of all caches that fill again if they have grown above a limit."""

    def found(txn: RecordTxn) -> Iterator[tuple[str, bytes, int]]:
        for kind in txn.kinds("cache:"):
            if not kind.startswith(RESPONSES):
                yield from ((kind, key, len(value)) for key, value in txn.scan(kind))

    def work(txn: RecordTxn) -> None:
        for kind, key, _ in list(found(txn)):
            txn.delete(kind, key)

    if records.read(lambda txn: sum(size for *_, size in found(txn))) > limit:
        records.write(work)


def _drop_corpses(environment: Environment, now: float) -> None:
    """Delete damaged files that were set aside, once there was a week to look at them."""
    for corpse in environment.path.glob("quarantine-*"):
        if now - corpse.stat().st_mtime > 7 * 86400:
            corpse.unlink(missing_ok=True)


def _compact(environment: Environment) -> bool:
    """Give space back if a quarter of the file is free."""
    free, size = environment.free_bytes(), environment.size()
    return free > max(size // 4, 1 << 20) and environment.compact()
