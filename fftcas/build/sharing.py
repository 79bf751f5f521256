"""A run's use of its remote: what others have built is taken from there, what this run builds is put there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from copy import copy
from dataclasses import replace
from functools import cached_property
from itertools import groupby
from threading import Lock
from typing import TYPE_CHECKING

from fftcas.build.decide import Decider, manifest_of
from fftcas.build.outcome import Identity
from fftcas.build.reads import is_built, is_view
from fftcas.derivation import Derivation
from fftcas.digest import Digest
from fftcas.errors import FftcasError, RemoteError
from fftcas.label import Label
from fftcas.project.nodes import Node, Source
from fftcas.store import Realisation, Store
from fftcas.table import Manifest, Table

if TYPE_CHECKING:
    from fftcas.store.remote import Remote, RemoteReport
    from fftcas.store.remote.answers import Given
    from fftcas.store.remote.claim import Claim


class Sharing:
    """`opened` is called when something is missing for the first time: a run with nothing to do needs no remote."""

    def __init__(self, store: Store, opened: Callable[[], Remote | None] = lambda: None) -> None:
        self.store = store
        self._opened = opened
        self._used = False
        self._looked = False
        self._opening = Lock()

    @property
    def remote(self) -> Remote | None:
        with self._opening:  # several workers may miss something first, and no cached property makes them wait
            return self._remote

    @cached_property
    def _remote(self) -> Remote | None:
        self._used = True
        return self._opened()

    def look_ahead(self, decider: Decider, wanted: Collection[Label], needed: Collection[Label]) -> None:
        """Find out, level by level, which outputs the remote has, and begin to take over those that are needed.

        Inputs are taken to be what store or remote say that they will be. To be called in the run's own thread, at
        every miss; it acts at the first.
        """
        if self._looked:
            return
        self._looked = True
        if self.remote is not None and self.remote.reads:
            for level in _expected(decider, self.store, self.remote, wanted):
                self.remote.intake.prefetch([key for label, key in level if label in needed], self.store)

    def claim(self, derivation: Derivation) -> Claim | None:
        """What the remote claims about a derivation, as far as it was asked."""
        return None if self.remote is None else self.remote.finder.known(derivation.key)

    def take(self, derivation: Derivation, stale: Realisation | None = None) -> Claim | None:
        """Take an output over into the store, if the remote has it; returns the claim that vouches for it.

        Of a derivation whose output is here and `stale`, only one that rests on newer HTTP responses is taken.
        """
        if self.remote is None or not self.remote.reads:
            return None
        if stale is not None and not self.remote.newer(stale, self.store):
            return None
        if self.remote.intake.fetch(derivation.key, self.store) is not None:
            return self.remote.finder.known(derivation.key)
        exact = as_stored(derivation, self.store)
        if stale is not None or exact.key == derivation.key:
            return None
        found = self.remote.intake.fetch(exact.key, self.store)
        if found is None:
            return None
        self._commit_as(found, derivation)
        return self.remote.finder.known(exact.key)

    def stored(self, manifest: Manifest) -> Table:
        """A table of the store's; from memory, if it has only just been taken over. Raises MissingBlob."""
        decoded = self.remote.intake.decoded.take(manifest.output) if self._used and self.remote is not None else None
        return self.store.read_table(manifest) if decoded is None else decoded

    def passing(self, derivation: Derivation) -> Table | None:
        """A large table of the remote's as a stream, at whose end it is in the store, too; see `Intake.passing`."""
        return None if self.remote is None else self.remote.intake.passing(derivation.key, self.store)

    def give(self, derivation: Derivation) -> None:
        """Publish what this run has committed: under its key, and under that which a machine would look for that does
        not know of the equalities that were proven here."""
        if self.remote is None:
            return
        self.remote.publish(derivation.key, self.store)
        exact = as_stored(derivation, self.store)
        realisation = self.store.realisation(derivation.key)
        if exact.key != derivation.key and realisation is not None:
            self._commit_as(realisation, exact)
            self.remote.publish(exact.key, self.store)

    def give_restored(self, realisation: Realisation, derivation: Derivation) -> None:
        """Publish what the store held already, under a key that was found to mean the same.

        Not with a signature: a key vouches for what this run has built, or what other keys vouched for.
        """
        if self.remote is None or (self.remote.signs and not self.remote.intake.has(realisation.derivation)):
            return
        if self.store.realisation(derivation.key) is None:
            self._commit_as(realisation, derivation)
        self.remote.publish(derivation.key, self.store)

    def answers(self, scope: Digest) -> Given:
        """What others' engines have answered, as far as the remote has it."""
        with suppress(RemoteError):  # a required one that fails is told of when an output is looked for
            if self.remote is not None and self.remote.reads:
                return self.remote.answers.read(scope)
        return {}

    def give_answers(self, scope: Digest, asked: Given) -> None:
        """Publish what this run has asked its engine, if it had something to do with the remote."""
        if asked and self._used and self.remote is not None:
            self.remote.publish_answers(scope, asked)

    def source(self, derivation: Digest) -> str:
        """Where an output that is put back came from."""
        return "remote" if self._used and self.remote is not None and self.remote.intake.has(derivation) else "local"

    def told(self, derivation: Digest, reason: str) -> str:
        """The reason, for a node that the remote has spared its run."""
        return "from the remote" if self.source(derivation) == "remote" else reason

    def refuse(self, derivation: Digest, error: FftcasError) -> bool:
        """Give up an output that came from the remote and cannot be put in place; False if it did not."""
        if self.source(derivation) != "remote" or self.remote is None:
            return False
        self.remote.intake.refuse(derivation, error.what)
        self.store.disown(derivation)
        return True

    def finish(self) -> RemoteReport | None:
        """Wait until all is published. Raises RemoteError if the remote is required and failed."""
        return self.remote.finish() if self._used and self.remote is not None else None

    def _commit_as(self, realisation: Realisation, derivation: Derivation) -> None:
        """Keep a realisation under another derivation, too, that was found to mean the same."""
        manifest = self.store.manifest(realisation.output) if realisation.rows is not None else None
        output = manifest.output if manifest else derivation.key
        known = self.store.derivation(realisation.derivation)
        notes = known.notes if known else {}
        self.store.commit(
            replace(realisation, derivation=derivation.key, output=output),
            replace(derivation, notes=notes).to_json(),
            manifest,
        )


def as_stored(derivation: Derivation, store: Store) -> Derivation:
    """The derivation without what was proven about the order of rows: every input is just what it is."""

    def exact(output: Digest, names: Iterable[str], content: Digest) -> Digest:
        manifest = store.manifest(output)
        return content if manifest is None else manifest.projection(names)

    inputs = tuple(
        replace(read, content=exact(read.output, [name for name, _ in read.columns], read.content))
        for read in derivation.inputs
    )
    return replace(derivation, inputs=inputs)


def _expected(
    decider: Decider, store: Store, remote: Remote, wanted: Collection[Label]
) -> Iterator[list[tuple[Label, Digest]]]:
    """The derivations that the remote has and the store does not, level by level."""
    scout = copy(decider)
    scout.identities = dict(decider.identities)
    project = decider.project
    order = sorted((label for label in project.graph if label in wanted), key=project.graph.level.__getitem__)
    for _, level in groupby(order, key=project.graph.level.__getitem__):
        asked: dict[Label, Digest] = {}
        for node, derivation in _derived(scout, [project.nodes[label] for label in level]):
            if is_view(node):
                scout.identities[node.label] = Identity(derivation.key)
            if not decider.may_read(node):
                continue
            held = _held(decider, store, node, derivation)
            if held is not None:
                scout.identities.setdefault(node.label, held)
            else:
                asked[node.label] = derivation.key
        found, expected = remote.finder.find(asked.values()), []
        for label, key in asked.items():
            claim = remote.finder.claim(key) if key in found else None
            if claim is not None:
                expected.append((label, key))
                if claim.manifest is not None:
                    scout.identities[label] = Identity.of(claim.manifest)
        yield expected


def _derived(scout: Decider, level: Iterable[Node]) -> Iterator[tuple[Node, Derivation]]:
    """The derivations of those nodes of a level of which all that they read is known."""
    known = []
    for node in level:
        if isinstance(node, Source):
            with suppress(FftcasError):  # it is said when the node's turn comes
                scout.identities[node.label] = scout.target.source(node)
        elif is_built(node) and all(table in scout.identities for table in scout.definition(node).reads.tables):
            known.append(node)
    for node, derivation in zip(known, scout.derive_all(known), strict=True):
        if isinstance(derivation, Derivation):
            yield node, derivation


def _held(decider: Decider, store: Store, node: Node, derivation: Derivation) -> Identity | None:
    """What is known of the node's output without the remote."""
    stamp = decider.target.stamps().get(node.relation)
    if stamp is not None and stamp.fingerprint == derivation.key and (manifest := manifest_of(stamp)) is not None:
        return Identity.of(manifest)
    realisation = store.realisation(derivation.key)
    if realisation is not None and is_view(node):
        return Identity(derivation.key)
    manifest = store.manifest(realisation.output) if realisation else None
    return Identity.of(manifest) if manifest is not None and store.holds(manifest) else None
