"""The remote of a run: outputs that others have built, and a place for one's own."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fftcas.digest import Digest
from fftcas.errors import RemoteError
from fftcas.store.blobs import MissingBlob
from fftcas.store.realisation import Realisation
from fftcas.store.remote import layout
from fftcas.store.remote.claim import Claim
from fftcas.store.remote.decoded import Decoded
from fftcas.store.remote.fetch import Bad, Fetcher, Responses
from fftcas.store.remote.find import Finder
from fftcas.store.remote.flights import Flights
from fftcas.store.remote.keys import Signer, Trust
from fftcas.store.remote.layout import MAIN
from fftcas.store.remote.passing import passes, passing
from fftcas.store.remote.probe import RemoteMode, count, probe, reach_for
from fftcas.store.remote.publish import Published, Publisher
from fftcas.store.remote.reach import Reach, said
from fftcas.store.store import Store
from fftcas.table import Table

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH = 128
_BATCH_BYTES = 64 << 20
"""Bytes that the tables of a batch become: all of them are in memory."""


@dataclass(frozen=True)
class RemoteReport:
    """What a run did with its remote. `problems` are lines for people; `degraded` says that it was given up."""

    url: str
    asked: int
    found: int
    fetched: int
    fetched_bytes: int
    saved_seconds: float
    published: Published
    bad: int
    degraded: bool
    problems: tuple[str, ...]


class Remote:
    """Use `Remote.open`. Threads may share it."""

    def __init__(
        self, reach: Reach, namespace: str, trust: Trust, responses: Responses, signer: Signer | None = None
    ) -> None:
        self.reach = reach
        self.summary = ""
        self.reads = False
        self.publisher: Publisher | None = None
        self.fetched: dict[Digest, Realisation] = {}
        self.decoded = Decoded()
        self._fetcher = Fetcher(reach, responses)
        self._finder = Finder(
            reach, namespace, trust, self._report, self._denied, self._known_at, signer.public if signer else None
        )
        self._bad: set[str] = set()
        self._some_denied = False
        self._problems: list[str] = []
        self._bytes = 0
        self._lock = threading.Lock()
        self._flights = Flights()
        self._ahead: deque[Claim] = deque()
        self._fetching = False

    @classmethod
    def open(
        cls,
        url: str,
        mode: RemoteMode,
        *,
        trust: Sequence[str] = (),
        namespace: str | None = None,
        signer: Signer | None = None,
        responses: Responses | None = None,
        warn: Callable[[str], None] | None = None,
        offline: bool = False,
    ) -> Remote:
        """Find out what the remote can be used for; `summary` says it in one line. `offline`: no connection is opened.

        Raises UsageError for a wrong argument, and RemoteError if `mode` is `required` and the remote cannot be used.
        """
        own, believed = layout.check_namespace(namespace or MAIN), Trust.of(trust)
        reach = reach_for(url, mode is RemoteMode.REQUIRED, warn)
        place = reach.transport
        remote = cls(reach, own, believed, responses or Responses(), signer)
        found = probe(reach, mode, offline)
        remote.reads, note = found.reads, found.note
        writes = found.writes
        if writes and believed and own == MAIN and (signer is None or believed.key(signer.public.id) is None):
            writes = False
            note = "there is no key to sign with" if signer is None else "its key is not one of those in 'trust'"
            if mode is RemoteMode.REQUIRED:
                raise RemoteError(f"nothing can be published at {place.url}: {note}", hint="set FFTCAS_REMOTE_KEY")
        if writes:
            remote.publisher = Publisher(reach, remote._fetcher.responses, own, signer, lambda: remote._bad)
        if remote.reads:
            try:
                remote._finder.learn_signers()
            except OSError as error:  # what is signed is found with 'trust' only
                note = note or f"its keys cannot be listed: {said(error)}"
        words = "off" if not found.reads else "read-write" if writes else "read-only"
        counted = count(reach, MAIN) if found.reads else ""
        where = f" as {own}" if own != MAIN and writes else ""
        remote.summary = f"remote: {place.url}, {words}{where}{f' ({note})' if note else ''}{counted}"
        return remote

    @property
    def signs(self) -> bool:
        """Whether what is published is vouched for with a key: then it should be what this very run has built."""
        return self.publisher is not None and self.publisher.signer is not None

    def find(self, keys: Iterable[Digest]) -> set[Digest]:
        """The derivations of which there is a claim that may be believed. Nothing but the claims is read."""
        return self._finder.find(keys) if self.reads else set()

    def known(self, derivation: Digest) -> Claim | None:
        """A derivation's claim, if one was found already."""
        return self._finder.claims.get(derivation)

    def has_fetched(self, derivation: Digest) -> bool:
        return derivation in self.fetched

    def claim(self, derivation: Digest) -> Claim | None:
        """A derivation's claim, if there is one that may be believed."""
        self.find([derivation])
        return self._finder.claims.get(derivation)

    def newer(self, here: Realisation, store: Store) -> bool:
        """Whether the remote has an output of the same derivation that rests on newer HTTP responses."""
        claim = self.claim(here.derivation)
        if claim is None:
            return False
        responses = self._fetcher.responses
        notes = [note for _, note in responses.collect(store, dict(here.http))]
        return self._known_at(claim) > responses.known_at(here, notes)

    def fetch(self, derivation: Digest, store: Store) -> Realisation | None:
        """Take an output over into the local store, verified; None if that is not possible."""
        while (flight := self._flights.take_off(derivation)) is not None:
            flight.wait()
        try:
            if derivation not in self.fetched and (claim := self.claim(derivation)) is not None:
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
        quick = self.reach.quick
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
        claim = self.claim(derivation)
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

    def _passes(self, claim: Claim) -> bool:
        return passes(claim, self.reach.transport.network)

    @contextlib.contextmanager
    def _refusing(self, claim: Claim) -> Iterator[None]:
        """What goes wrong with a claim's table is kept for the report; who reads it sees that it is missing."""
        try:
            yield
        except Bad as bad:
            self._refuse(claim, bad)
            raise MissingBlob(claim.realisation.output) from bad
        except OSError as error:
            self._problems.append(said(error))
            raise MissingBlob(claim.realisation.output) from error

    def refuse(self, derivation: Digest, why: str) -> None:
        """An output that was taken over turned out to be none; it may be published anew."""
        claim = self._finder.claims.get(derivation)
        if claim is not None:
            self._refuse(claim, Bad(claim.name.path, why.splitlines()[0]))
        with self._lock:
            self.fetched.pop(derivation, None)

    def publish(self, derivation: Digest, store: Store) -> None:
        """Give an output of the local store away, in the background. It is not one that was fetched, or no more."""
        with self._lock:
            self.fetched.pop(derivation, None)
        if self.publisher is not None:
            self.publisher.publish(derivation, store)

    def finish(self) -> RemoteReport:
        """Wait for what is under way; tell what was done. Raises RemoteError if the remote is required and failed."""
        self._flights.wait()
        published = self.publisher.finish() if self.publisher else Published()
        self.reach.close()
        problems = tuple(dict.fromkeys([*self._problems, *published.problems]))
        if self.reach.required and (published.failed or self.reach.failed):
            raise RemoteError(
                f"the remote {self.reach.transport.url} is required and failed",
                why="\n".join(problems[:5]) or None,
            )
        return RemoteReport(
            url=self.reach.transport.url,
            asked=len(self._finder.asked),
            found=len(self._finder.claims),
            fetched=len(self.fetched),
            fetched_bytes=self._bytes,
            saved_seconds=sum(realisation.seconds for realisation in self.fetched.values()),
            published=published,
            bad=len(self._bad),
            degraded=not self.reach.reading,
            problems=problems,
        )

    def near(self, label: str, limit: int = 20) -> list[Claim]:
        """Claims of other derivations that a label had, the newest first: what a miss may be compared with."""
        return self._finder.near(label, limit) if self.reads else []

    def _known_at(self, claim: Claim) -> float:
        return self._fetcher.responses.known_at(claim.realisation, [response.note for response in claim.responses])

    def _took_off(self, claims: Sequence[Claim]) -> list[Claim]:
        """Those of the claims that nobody else fetches."""
        return [claim for claim in claims if self._flights.take_off(claim.realisation.derivation) is None]

    def _prefetch(self, store: Store) -> None:
        while batch := self._next():
            self._bring(batch, store)

    def _bring(self, claims: Sequence[Claim], store: Store) -> None:
        """Fetch what was taken off with, and let it land, whatever becomes of it."""
        try:
            self._fetch(claims, store)
        except Exception as error:  # who needs the table tries again, and says it
            self._problems.append(str(error) or type(error).__name__)
        finally:
            self._flights.land([claim.realisation.derivation for claim in claims])

    def _next(self) -> list[Claim]:
        """What is to be fetched next. Nothing: the thread ends."""
        with self._lock:
            batch = _batch(self._ahead)
            self._fetching = bool(batch)
        return batch

    def _fetch(self, claims: Sequence[Claim], store: Store) -> None:
        small = [claim for claim in claims if claim.small]
        try:
            for claim, answer in zip(small, self._fetcher.together(small, store), strict=True):
                if isinstance(answer, Bad):
                    self._refuse(claim, answer)
                elif isinstance(answer, OSError):
                    self._problems.append(said(answer))
                    self.reach.failure(answer, write=False)
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
            self._problems.append(said(error))

    def _keep(self, claim: Claim, read: int) -> None:
        with self._lock:
            self.fetched[claim.realisation.derivation] = claim.realisation
            self._bytes += read
        if self.publisher is not None:
            self.publisher.used.append(claim.name.path)

    def _refuse(self, claim: Claim, bad: Bad) -> None:
        if bad.gone:
            self._problems.append(f"{bad.name} is missing")
        else:
            self._report(bad.name, bad.why)
        self._finder.claims.pop(claim.realisation.derivation, None)
        if self.publisher is not None:
            self._bad.add(self.publisher.name(claim.realisation.derivation).path)  # to be published anew

    def _denied(self, name: str, why: str) -> None:
        """Say once that claims may not be read: a bucket may answer that for every one that is missing."""
        with self._lock:
            first, self._some_denied = not self._some_denied, True
            self._bad.add(name)
        if first:
            missing = ", as missing ones where one may not list them" if self.reach.transport.network else ""
            self.reach.warn(f"the remote's object {name} may not be read{missing} ({why}); of others that is not said")

    def _report(self, name: str, why: str) -> None:
        """Say once that an object is bad; it will be replaced when its output is published."""
        with self._lock:
            new = name not in self._bad
            self._bad.add(name)
        if new:
            self.reach.warn(f"the remote's object {name} was not used: {why}")


def _batch(waiting: deque[Claim]) -> list[Claim]:
    """Take what is fetched together from those that wait: small tables, or a large one."""
    batch, unpacked = list[Claim](), 0
    while waiting and len(batch) < _BATCH:
        unpacked += waiting[0].unpacked
        if batch and not (batch[0].small and waiting[0].small and unpacked <= _BATCH_BYTES):
            break
        batch.append(waiting.popleft())
    return batch
