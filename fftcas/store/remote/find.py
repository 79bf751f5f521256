"""Looking for claims: which outputs others vouch for, and whether they may be believed. Only metadata is read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from fftcas.digest import Digest
from fftcas.store.remote import layout
from fftcas.store.remote.belief import Belief
from fftcas.store.remote.claim import LIMIT, Claim, read_claim
from fftcas.store.remote.layout import ClaimName
from fftcas.store.remote.reach import Reach, said
from fftcas.store.remote.transport import Denied, Entry
from fftcas.store.remote.troubles import Troubles

_AT_ONCE = 1024
_NEAR = 1000


class Finder:
    """The claims that a build may believe. Each is read once; where it cannot read there are none.

    `known_at` says when the HTTP responses that a claim rests on were last known to be current.
    """

    def __init__(
        self,
        reach: Reach,
        reads: bool,
        belief: Belief,
        troubles: Troubles,
        known_at: Callable[[Claim], float],
    ) -> None:
        self.claims: dict[Digest, Claim] = {}
        self.asked: set[Digest] = set()
        self._reach = reach
        self._reads = reads
        self._belief = belief
        self._troubles = troubles
        self._known_at = known_at
        self._lock = threading.Lock()

    def find(self, keys: Iterable[Digest]) -> set[Digest]:
        """The derivations of which there is a claim that may be believed."""
        if not self._reads:
            return set()
        keys = list(dict.fromkeys(keys))
        wanted = [key for key in keys if key not in self.asked]
        for start in range(0, len(wanted), _AT_ONCE):
            part = wanted[start : start + _AT_ONCE]
            try:
                found = self._reach.each(self._read, part)
            except OSError:
                break  # said by the reach; what was not found is a miss
            with self._lock:
                self.asked.update(part)
                self.claims.update({key: claim for key, claim in zip(part, found, strict=True) if claim is not None})
        return {key for key in keys if key in self.claims}

    def claim(self, derivation: Digest) -> Claim | None:
        """A derivation's claim, if there is one that may be believed."""
        self.find([derivation])
        return self.claims.get(derivation)

    def known(self, derivation: Digest) -> Claim | None:
        """A derivation's claim, if one was found already."""
        return self.claims.get(derivation)

    def near(self, label: str, limit: int = 20) -> list[Claim]:
        """Claims of other derivations that a label had, the newest first: what a miss may be compared with."""
        if not self._reads:
            return []
        try:
            entries = [entry for namespace in self._belief.namespaces for entry in self._near(namespace, label)]
        except OSError:
            return []
        entries.sort(key=lambda entry: entry.modified, reverse=True)
        names = [entry.name.rpartition("/")[2] for entry in entries]
        keys = [name for name in dict.fromkeys(names) if layout.DIGEST.fullmatch(name)][:limit]
        found = self.find(keys)
        return [self.claims[key] for key in keys if key in found]

    def _near(self, namespace: str, label: str) -> Sequence[Entry]:
        folder = layout.near(namespace, label)
        return self._reach.run(lambda: list(islice(self._reach.transport.list(folder), _NEAR)))

    def _read(self, derivation: Digest) -> Claim | None:
        """The claim that is believed; of several that rest on HTTP responses, the one whose responses are newest."""
        newest: Claim | None = None
        for namespace, signer in self._belief.places():
            name = ClaimName(namespace, derivation, signer)
            try:
                data = self._reach.transport.get(name.path, 0, LIMIT + 1)
            except Denied as error:
                self._troubles.denied(name.path, said(error))
                continue
            if data is None:
                continue
            try:
                if len(data) > LIMIT:
                    raise ValueError("it is too large")
                claim = read_claim(name, data, self._belief.trust(namespace), self._belief.own)
            except ValueError as error:
                self._troubles.report(name.path, str(error))
                continue
            if not claim.realisation.http:
                return claim
            if newest is None or self._known_at(claim) > self._known_at(newest):
                newest = claim
        return newest
