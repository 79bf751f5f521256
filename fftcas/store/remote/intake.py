"""What a run takes over from its remote: each output once, whoever asks for it, and what will be needed ahead."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from fftcas.digest import Digest
from fftcas.store.blobs import MissingBlob
from fftcas.store.realisation import Realisation
from fftcas.store.remote.claim import Claim
from fftcas.store.remote.decoded import Decoded
from fftcas.store.remote.fetch import Fetcher
from fftcas.store.remote.find import Finder
from fftcas.store.remote.flights import Flights
from fftcas.store.remote.passing import passes, passing
from fftcas.store.remote.reach import Reach, said
from fftcas.store.remote.troubles import Bad, Troubles
from fftcas.store.store import Store
from fftcas.table import Table

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH = 128
_BATCH_BYTES = 64 << 20
"""Bytes that the tables of a batch become: all of them are in memory."""


class Intake:
    """Takes outputs over into the local store. Threads may share it.

    `fetched` are those that were taken over, `used` the names of their claims, `bytes` what was read for them.
    """

    def __init__(self, reach: Reach, finder: Finder, fetcher: Fetcher, troubles: Troubles) -> None:
        self.fetched: dict[Digest, Realisation] = {}
        self.used: list[str] = []
        self.bytes = 0
        self.decoded = Decoded()
        self._reach = reach
        self._finder = finder
        self._fetcher = fetcher
        self._troubles = troubles
        self._flights = Flights()
        self._ahead: deque[Claim] = deque()
        self._fetching = False
        self._lock = threading.Lock()

    def has(self, derivation: Digest) -> bool:
        """Whether the local store's output of a derivation is one that was taken over."""
        return derivation in self.fetched

    def fetch(self, derivation: Digest, store: Store) -> Realisation | None:
        """Take an output over, verified; None if that is not possible."""
        while (flight := self._flights.take_off(derivation)) is not None:
            flight.wait()
        try:
            if derivation in self.fetched and store.realisation(derivation) is None:
                self.forget(derivation)  # `gc` took it meanwhile: to it, what others built long ago is old
            if derivation not in self.fetched and (claim := self._finder.claim(derivation)) is not None:
                self._fetch([claim], store)
        finally:
            self._flights.land([derivation])
        return self.fetched.get(derivation)

    def prefetch(self, derivations: Sequence[Digest], store: Store) -> None:
        """Begin to take outputs over, in this order; `fetch` waits for those under way.

        That is done in the background, but for small ones at a place that is quick: what else the process does would
        only take turns with it.
        """
        known = map(self._finder.claims.get, derivations)
        claims = [claim for claim in known if claim is not None and not self._passes(claim)]
        quick = self._reach.quick
        soon = deque(claim for claim in claims if quick and claim.small)
        while batch := _batch(soon):
            self._bring(self._took_off(batch), store)
        later = self._took_off([claim for claim in claims if not (quick and claim.small)])
        with self._lock:
            self._ahead += later
            begins = bool(later) and not self._fetching
            self._fetching |= begins
        if begins:
            threading.Thread(target=self._prefetch, args=(store,), name="fftcas-fetch", daemon=True).start()

    def passing(self, derivation: Digest, store: Store) -> Table | None:
        """A large output as a stream, at whose end it is in the local store; None if there is none to be had like that.

        The stream raises MissingBlob if the rest of it cannot be had.
        """
        claim = self._finder.claim(derivation)
        if claim is None or claim.manifest is None or not self._passes(claim):
            return None
        with contextlib.suppress(MissingBlob):
            with self._refusing(claim):
                table, taken = passing(self._fetcher, claim, claim.manifest, store)

            def batches() -> Iterator[pa.RecordBatch]:
                with self._refusing(claim):
                    yield from table.batches
                self._keep(claim, taken.read)

            return replace(table, batches=batches())
        return None

    def refuse(self, derivation: Digest, why: str) -> None:
        """An output that was taken over turned out to be none."""
        claim = self._finder.claims.get(derivation)
        if claim is not None:
            self._refuse(claim, Bad(claim.name.path, why.splitlines()[0]))
        self.forget(derivation)

    def forget(self, derivation: Digest) -> None:
        """What the local store has for a derivation is not what was taken over, or no more."""
        with self._lock:
            self.fetched.pop(derivation, None)

    def wait(self) -> None:
        """Wait for what is under way."""
        self._flights.wait()

    def _passes(self, claim: Claim) -> bool:
        return passes(claim, self._reach.transport.network)

    @contextlib.contextmanager
    def _refusing(self, claim: Claim) -> Iterator[None]:
        """What goes wrong with a claim's table is kept for the report; who reads it sees that it is missing."""
        try:
            yield
        except Bad as bad:
            self._refuse(claim, bad)
            raise MissingBlob(claim.realisation.output) from bad
        except OSError as error:
            self._troubles.problems.append(said(error))
            raise MissingBlob(claim.realisation.output) from error

    def _took_off(self, claims: Sequence[Claim]) -> list[Claim]:
        """Those of the claims that nobody else fetches."""
        return [claim for claim in claims if self._flights.take_off(claim.realisation.derivation) is None]

    def _prefetch(self, store: Store) -> None:
        while batch := self._next():
            self._bring(batch, store)

    def _next(self) -> list[Claim]:
        """What is to be fetched next. Nothing: the thread ends."""
        with self._lock:
            batch = _batch(self._ahead)
            self._fetching = bool(batch)
        return batch

    def _bring(self, claims: Sequence[Claim], store: Store) -> None:
        """Fetch what was taken off with, and let it land, whatever becomes of it."""
        try:
            self._fetch(claims, store)
        except Exception as error:  # who needs the table tries again, and says it
            self._troubles.problems.append(str(error) or type(error).__name__)
        finally:
            self._flights.land([claim.realisation.derivation for claim in claims])

    def _fetch(self, claims: Sequence[Claim], store: Store) -> None:
        small = [claim for claim in claims if claim.small]
        try:
            for claim, answer in zip(small, self._fetcher.together(small, store), strict=True):
                if isinstance(answer, Bad):
                    self._refuse(claim, answer)
                elif isinstance(answer, OSError):
                    self._troubles.problems.append(said(answer))
                    self._reach.failure(answer, write=False)
                else:
                    self._keep(claim, answer.read)
                    if answer.rows is not None:
                        self.decoded.keep(answer.rows)
            for claim in claims:
                if not claim.small:
                    try:
                        self._keep(claim, self._fetcher.one(claim, store))
                    except Bad as bad:
                        self._refuse(claim, bad)
        except OSError as error:
            self._troubles.problems.append(said(error))

    def _keep(self, claim: Claim, read: int) -> None:
        with self._lock:
            self.fetched[claim.realisation.derivation] = claim.realisation
            self.used.append(claim.name.path)
            self.bytes += read

    def _refuse(self, claim: Claim, bad: Bad) -> None:
        self._finder.claims.pop(claim.realisation.derivation, None)
        self._troubles.refuse(claim.realisation.derivation, bad)


def _batch(waiting: deque[Claim]) -> list[Claim]:
    """Take what is fetched together from those that wait: small tables, or a large one."""
    batch, unpacked = list[Claim](), 0
    while waiting and len(batch) < _BATCH:
        unpacked += waiting[0].unpacked
        if batch and not (batch[0].small and waiting[0].small and unpacked <= _BATCH_BYTES):
            break
        batch.append(waiting.popleft())
    return batch
