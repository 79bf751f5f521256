"""The remote of a run: outputs that others have built, and a place for one's own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from fftcas.digest import Digest
from fftcas.errors import RemoteError
from fftcas.store.realisation import Realisation
from fftcas.store.remote import layout
from fftcas.store.remote.answers import Given, SharedAnswers
from fftcas.store.remote.belief import Belief
from fftcas.store.remote.claim import Claim
from fftcas.store.remote.fetch import Fetcher, Responses
from fftcas.store.remote.find import Finder
from fftcas.store.remote.intake import Intake
from fftcas.store.remote.keys import Signer, Trust
from fftcas.store.remote.layout import MAIN
from fftcas.store.remote.probe import Probe, RemoteMode, count, probe, reach_for
from fftcas.store.remote.publish import Published, Publisher
from fftcas.store.remote.reach import Reach, said
from fftcas.store.remote.troubles import Troubles
from fftcas.store.store import Store


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
    """Use `Remote.open`. Threads may share it. `summary` says in one line what it can be used for.

    `finder` looks for claims, `intake` takes outputs over, `answers` are what engines elsewhere have said;
    `publisher` is None where nothing may be written.
    """

    def __init__(
        self,
        reach: Reach,
        found: Probe,
        namespace: str,
        trust: Trust,
        responses: Responses | None = None,
        signer: Signer | None = None,
    ) -> None:
        self.reach = reach
        self.reads = found.reads
        self._responses = responses or Responses()
        self._troubles = Troubles(reach)
        self._giving: threading.Thread | None = None
        belief = Belief(namespace, trust, signer.public if signer else None)
        self.finder = Finder(reach, found.reads, belief, self._troubles, self._known_at)
        self.answers = SharedAnswers(reach, belief, self._troubles)
        self.intake = Intake(reach, self.finder, Fetcher(reach, self._responses), self._troubles)
        note = found.note
        if self.reads:
            try:
                belief.learn_signers(reach)
            except OSError as error:  # what is signed is found with 'trust' only
                note = note or f"its keys cannot be listed: {said(error)}"
        self.publisher: Publisher | None = None
        if found.writes:
            self.publisher = Publisher(reach, self._responses, namespace, signer, self._troubles)
        words = "off" if not found.reads else "read-write" if found.writes else "read-only"
        counted = count(reach, MAIN) if found.reads else ""
        where = f" as {namespace}" if namespace != MAIN and found.writes else ""
        self.summary = f"remote: {reach.transport.url}, {words}{where}{f' ({note})' if note else ''}{counted}"

    @staticmethod
    def check(url: str, trust: Sequence[str], namespace: str | None) -> None:
        """Raises UsageError for what cannot be opened, or RemoteError if an extra is missing; nothing is read yet."""
        layout.check_namespace(namespace or MAIN)
        Trust.of(trust)
        reach_for(url)

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
        """Find out what the remote can be used for. `offline`: no connection is opened.

        Raises UsageError for a wrong argument, and RemoteError if `mode` is `required` and the remote cannot be used.
        """
        own, believed = layout.check_namespace(namespace or MAIN), Trust.of(trust)
        reach = reach_for(url, mode is RemoteMode.REQUIRED, warn)
        found = probe(reach, mode, offline)
        if found.writes and believed and own == MAIN and (signer is None or believed.key(signer.public.id) is None):
            note = "there is no key to sign with" if signer is None else "its key is not one of those in 'trust'"
            if mode is RemoteMode.REQUIRED:
                raise RemoteError(
                    f"nothing can be published at {reach.transport.url}: {note}", hint="set FFTCAS_REMOTE_KEY"
                )
            found = replace(found, writes=False, note=note)
        return cls(reach, found, own, believed, responses, signer)

    @property
    def signs(self) -> bool:
        """Whether what is published is vouched for with a key: then it should be what this very run has built."""
        return self.publisher is not None and self.publisher.signer is not None

    def newer(self, here: Realisation, store: Store) -> bool:
        """Whether the remote has an output of the same derivation that rests on newer HTTP responses."""
        claim = self.finder.claim(here.derivation)
        if claim is None:
            return False
        notes = [note for _, note in self._responses.collect(store, dict(here.http))]
        return self._known_at(claim) > self._responses.known_at(here, notes)

    def publish(self, derivation: Digest, store: Store) -> None:
        """Give an output of the local store away, in the background. It is not one that was fetched, or no more."""
        self.intake.forget(derivation)
        if self.publisher is not None:
            self.publisher.publish(derivation, store)

    def publish_answers(self, scope: Digest, asked: Given) -> None:
        """Give away what this run has asked its engine, in the background."""
        if self.publisher is None:
            return
        signer = self.publisher.signer

        def add() -> None:
            try:
                trouble = self.answers.add(scope, asked, signer)
            except Exception as error:  # whatever it is: outputs do not depend on it
                trouble = f"what the engine answered was not published: {error}"
            self._troubles.problems += [trouble] if trouble else []

        self._giving = threading.Thread(target=add, name="fftcas-answers", daemon=True)
        self._giving.start()

    def finish(self) -> RemoteReport:
        """Wait for what is under way; tell what was done. Raises RemoteError if the remote is required and failed."""
        self.intake.wait()
        published = self.publisher.finish(self.intake.used) if self.publisher else Published()
        if self._giving is not None:
            self._giving.join()
        self.reach.close()
        problems = tuple(dict.fromkeys([*self._troubles.problems, *published.problems]))
        if self.reach.required and (published.failed or self.reach.failed):
            raise RemoteError(
                f"the remote {self.reach.transport.url} is required and failed",
                why="\n".join(problems[:5]) or None,
            )
        return RemoteReport(
            url=self.reach.transport.url,
            asked=len(self.finder.asked),
            found=len(self.finder.claims),
            fetched=len(self.intake.fetched),
            fetched_bytes=self.intake.bytes,
            saved_seconds=sum(realisation.seconds for realisation in self.intake.fetched.values()),
            published=published,
            bad=len(self._troubles.bad),
            degraded=not self.reach.reading,
            problems=problems,
        )

    def _known_at(self, claim: Claim) -> float:
        return self._responses.known_at(claim.realisation, [response.note for response in claim.responses])
