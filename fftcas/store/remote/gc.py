"""Garbage collection of a remote, in two phases, safe beside readers, writers and other collectors, without a lock.

The first phase condemns: it writes a plan that names claims which are old or too many, and packs that no claim needs.
The second, in a later run, when the plan is older than the grace, carries it out: claims that were not used meanwhile
are deleted, then packs that still no claim needs and that nobody has touched. A writer that relies on a pack that is
there touches it. Should one be deleted under a claim all the same, that claim is a miss, and is healed by the next
build that may write.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fftcas.digest import Digest
from fftcas.store.remote import layout
from fftcas.store.remote.believable import parse
from fftcas.store.remote.claim import LIMIT, read_claim
from fftcas.store.remote.keys import Trust
from fftcas.store.remote.layout import ClaimName
from fftcas.store.remote.reach import Reach
from fftcas.store.remote.transport import Entry

GRACE = 24 * 3600.0
_FUTURE = 3600.0  # how far clocks may differ
_PLAN_LIMIT = 256 << 20


@dataclass(frozen=True)
class RemotePolicy:
    """What to keep: outputs used within `older_than` seconds, and of these the latest up to `max_size` bytes."""

    older_than: float | None = None
    max_size: int | None = None
    grace: float = GRACE


@dataclass(frozen=True)
class RemoteCollected:
    """What was deleted now (or would be), what was condemned for a later run, and what stays."""

    deleted: tuple[str, ...]
    bytes_deleted: int
    condemned: int
    bytes_condemned: int
    bytes_kept: int
    claims_kept: int


@dataclass(frozen=True)
class _Listing:
    """A remote at one moment: claims with the packs that they need, and packs. Answers count as claims without any."""

    claims: dict[str, Entry]
    needs: dict[str, dict[Digest, int]]
    packs: dict[Digest, Entry]
    near: dict[str, Entry]
    others: dict[str, Entry]

    def needed(self, claims: Iterable[str]) -> set[Digest]:
        return {pack for claim in claims for pack in self.needs[claim]}


def collect(
    reach: Reach, policy: RemotePolicy, *, dry_run: bool = False, clock: Callable[[], float] = time.time
) -> RemoteCollected:
    """Carry out what was condemned long enough ago, and condemn what the policy does not keep. Raises OSError."""
    now = clock()
    found = _list(reach)
    doomed = _doomed(found, policy, now)
    plans = _plans(reach, found)
    ripe = {name: plan for name, plan in plans.items() if found.others[name].modified <= now - policy.grace}
    delete = _carried_out(found, ripe, doomed, now - policy.grace)
    waiting = {name: entry for name, entry in found.others.items() if name.startswith("tmp/")}
    delete += [name for name in waiting if waiting[name].modified < now - max(policy.grace, 3600.0)]
    gone = set(delete)
    doomed = [name for name in doomed if name not in gone]
    everything = {**found.claims, **{layout.pack(name): entry for name, entry in found.packs.items()}}
    kept = [name for name in found.claims if name not in gone and name not in set(doomed)]
    needed = found.needed(kept)
    condemned = doomed + [
        path for name in found.packs if name not in needed and (path := layout.pack(name)) not in gone
    ]
    if not dry_run:
        transport = reach.transport
        reach.each(transport.delete, [name for name in delete if not name.startswith("packs/")], write=True)
        reach.each(transport.delete, [name for name in delete if name.startswith("packs/")], write=True)
        reach.each(transport.delete, list(ripe), write=True)
        already = {name for plan in plans.values() for name in plan}
        if fresh := [name for name in condemned if name not in already]:
            name = f"gc/{int(now)}-{secrets.token_hex(8)}.json"
            reach.run(lambda: transport.put(name, json.dumps({"fftcas-gc": 1, "delete": fresh}).encode()), write=True)
    counted = {**everything, **waiting}
    return RemoteCollected(
        tuple(name for name in delete if name in counted),
        sum(counted[name].size for name in delete if name in counted),
        len(condemned),
        sum(everything[name].size for name in condemned),
        sum(entry.size for name, entry in everything.items() if name not in gone and name not in set(condemned)),
        sum(ClaimName.parse(name) is not None for name in kept),
    )


def _doomed(found: _Listing, policy: RemotePolicy, now: float) -> list[str]:
    """The claims that the policy does not keep, the oldest first."""
    size, full = 0, False
    counted: set[Digest] = set()
    doomed = []
    for name, entry in sorted(found.claims.items(), key=lambda item: item[1].modified, reverse=True):
        packs = {pack: length for pack, length in found.needs[name].items() if pack not in counted}
        size += entry.size + sum(packs.values())
        too_old = policy.older_than is not None and entry.modified < now - policy.older_than
        full = full or (policy.max_size is not None and size > policy.max_size)
        if too_old or full:
            doomed.append(name)
        else:
            counted.update(packs)
    return doomed[::-1]


def _carried_out(found: _Listing, ripe: dict[str, list[str]], doomed: list[str], before: float) -> list[str]:
    """Of what the plans name, the claims that are still to go, and the packs that nothing needs any more."""
    planned = {name for plan in ripe.values() for name in plan}
    wanted = set(doomed)
    claims = [name for name in planned if name in wanted and found.claims[name].modified <= before]
    left = found.needed(name for name in found.claims if name not in set(claims))
    packs = [
        layout.pack(name)
        for name, entry in found.packs.items()
        if layout.pack(name) in planned and name not in left and entry.modified <= before
    ]
    derivations = {parsed.derivation for name in claims if (parsed := ClaimName.parse(name))}
    others = {parsed.derivation for name in found.claims if name not in claims and (parsed := ClaimName.parse(name))}
    near = [name for name in found.near if name.rpartition("/")[2] in derivations - others]
    return sorted(claims) + sorted(near) + sorted(packs)


def _list(reach: Reach) -> _Listing:
    transport = reach.transport

    def ours(folder: str) -> list[Entry]:
        return [entry for entry in transport.list(folder) if layout.is_ours(entry.name)]

    listings = reach.each(ours, ["claims", "packs", "near", "tmp", "gc", "answers"])
    claims = {entry.name: entry for entry in listings[0] + listings[5] if layout.is_object(entry.name)}
    # Packs are listed after claims were, and claims read after that: a pack that a new claim needs is young.
    needs = dict(zip(claims, reach.each(lambda name: _needs(reach, name), claims), strict=True))
    packs = {digest: entry for entry in listings[1] if (digest := layout.pack_digest(entry.name))}
    near = {entry.name: entry for entry in listings[2]}
    return _Listing(claims, needs, packs, near, {entry.name: entry for entry in listings[3] + listings[4]})


def _needs(reach: Reach, path: str) -> dict[Digest, int]:
    """The packs that a claim needs and their sizes; none if it is not a claim: nobody would believe it."""
    name = ClaimName.parse(path)
    data = reach.transport.get(path, 0, LIMIT + 1) if name else None
    if name is None or data is None:
        return {}
    try:
        claim = read_claim(name, data, Trust(), name.namespace)
    except ValueError:
        return {}
    return {pack.name: pack.size for pack in claim.packs}


def _plans(reach: Reach, found: _Listing) -> dict[str, list[str]]:
    """The plans that earlier runs have left, by name."""
    plans = {}
    for path in [name for name in found.others if name.startswith("gc/")]:
        data = reach.run(lambda path=path: reach.transport.get(path, 0, _PLAN_LIMIT))  # type: ignore[misc]
        try:
            names = parse(data or b"")["delete"]
            plans[path] = [name for name in names if isinstance(name, str)]
        except (ValueError, KeyError, TypeError):
            plans[path] = []
    return plans
