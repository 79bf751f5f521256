"""What need not be in the database: known outputs stay in store or remote until a node that runs reads them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import replace
from threading import Lock

from fftcas.build.decide import Decider, Decision, Verdict
from fftcas.build.options import Materialize
from fftcas.build.outcome import Identity, Outcome, Status
from fftcas.build.reads import is_view, reads
from fftcas.build.sharing import Sharing
from fftcas.errors import NodeError
from fftcas.label import Label
from fftcas.project.nodes import Node
from fftcas.project.project import Project


class Deferral:
    """Nodes of one run whose outputs are known, and not put in place unless `bring` has to. Threads may share it."""

    def __init__(self, decider: Decider, sharing: Sharing, needed: Collection[Label]) -> None:
        self.needed = needed
        self.brought: dict[Label, Outcome] = {}
        self._decider = decider
        self._sharing = sharing
        self._deferred: dict[Label, Decision] = {}
        self._locks: defaultdict[Label, Lock] = defaultdict(Lock)

    def defer(self, decision: Decision) -> Outcome | None:
        """The outcome of a node that can be left where it is; None if it has to be in the database, or to run."""
        node, derivation = decision.node, decision.derivation
        if node.label in self.needed or derivation is None or not self._decider.may_read(node):
            return None
        realisation, identity, source = decision.realisation, decision.identity, "store"
        if decision.verdict is Verdict.BUILD:
            claim = None if decision.stale is not None else self._sharing.claim(derivation)
            if claim is None or claim.realisation.http:
                return None  # whether responses are current is known only when they are here
            realisation, source = claim.realisation, "remote"
            identity = Identity(derivation.key) if claim.manifest is None else Identity.of(claim.manifest)
        if realisation is None or identity is None:
            return None
        self._deferred[node.label] = replace(decision, identity=identity)
        return Outcome(
            node.label,
            Status.FRESH,
            f"kept in the {source}",
            derivation.key,
            identity,
            rows=realisation.rows,
            bytes=realisation.bytes,
            saved_seconds=realisation.seconds,
            source="local" if source == "store" else source,
        )

    def bring(self, node: Node, put: Callable[[Decision], Outcome]) -> None:
        """Put in place what `node` reads, tables before views. Raises FftcasError if that is not possible any more."""
        read = reads(self._decider.project, node)
        level = self._decider.project.graph.level
        for label in (*read.tables, *sorted(read.views, key=level.__getitem__)):
            if label in self._deferred:
                with self._locks[label]:
                    self._bring(label, put)

    def _bring(self, label: Label, put: Callable[[Decision], Outcome]) -> None:
        decision = self._deferred.get(label)
        if decision is None:
            return
        outcome = put(decision)
        assert decision.identity is not None
        if outcome.identity is None or outcome.identity.output != decision.identity.output:
            raise NodeError(
                f"the output of {label} is gone, and it was built into another one",
                hint="build again: what reads it will see the new one",
            )
        self.brought[label] = outcome
        del self._deferred[label]


def needed(project: Project, mode: Materialize, targets: Collection[Label]) -> Collection[Label]:
    """The nodes that have to be in the database whatever runs; a view needs the tables that are seen through it."""
    if mode is Materialize.ALL:
        return project.nodes.keys()
    if mode is Materialize.NONE:
        return frozenset()
    found = set(targets)
    for node in (project.nodes[label] for label in targets):
        if is_view(node):
            read = reads(project, node)
            found.update(read.tables, read.views)
    return found
