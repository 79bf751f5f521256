"""What is wrong with a remote: each bad object is said once, and is published anew when its output is."""

from __future__ import annotations

import threading

from fftcas.digest import Digest
from fftcas.store.remote.reach import Reach


class Bad(Exception):
    """An object of the remote that is missing (`gone`) or is not what its name says."""

    def __init__(self, name: str, why: str, gone: bool = False) -> None:
        super().__init__(why)
        self.name = name
        self.why = why
        self.gone = gone


class Troubles:
    """What a run found: `bad`, the names of bad objects, and `problems`, lines for people. Threads may share it."""

    def __init__(self, reach: Reach) -> None:
        self.bad: set[str] = set()
        self.problems: list[str] = []
        self._reach = reach
        self._refused: set[Digest] = set()
        self._some_denied = False
        self._lock = threading.Lock()

    def report(self, name: str, why: str) -> None:
        """An object is bad."""
        if self._is_new(name):
            self._reach.warn(f"the remote's object {name} was not used: {why}")

    def denied(self, name: str, why: str) -> None:
        """A claim may not be read: a bucket may answer that for every one that is missing, so the first is said."""
        self._is_new(name)
        with self._lock:
            first, self._some_denied = not self._some_denied, True
        if first:
            missing = ", as missing ones where one may not list them" if self._reach.transport.network else ""
            self._reach.warn(f"the remote's object {name} may not be read{missing} ({why}); of others that is not said")

    def refuse(self, derivation: Digest, bad: Bad) -> None:
        """A derivation's output cannot be had, because of an object of it."""
        with self._lock:
            self._refused.add(derivation)
        if bad.gone:
            self.problems.append(f"{bad.name} is missing")
        else:
            self.report(bad.name, bad.why)

    def doubts(self, derivation: Digest, claim: str) -> bool:
        """Whether a derivation is to be published anew, although there is a claim of that name."""
        return derivation in self._refused or claim in self.bad

    def mended(self, name: str) -> None:
        """A good object was put in a bad one's place."""
        with self._lock:
            self.bad.discard(name)

    def _is_new(self, name: str) -> bool:
        with self._lock:
            new = name not in self.bad
            self.bad.add(name)
        return new
