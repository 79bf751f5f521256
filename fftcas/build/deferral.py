"""What need not be in the database yet: known outputs stay in store or remote until a node that runs reads them.

Those that nobody asked for stay there for good. Small ones that were asked for wait for the end, when many are put in
place at once: a transaction costs more than their rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence, Set
from dataclasses import replace
from threading import Lock

from fftcas.build.decide import Decider, Decision, Verdict
from fftcas.build.options import Materialize
from fftcas.build.outcome import Identity, Outcome, Status
from fftcas.build.reads import is_view, reads
from fftcas.build.realise import SMALL
from fftcas.build.sharing import Sharing
from fftcas.errors import FftcasError, NodeError
from fftcas.label import Label
from fftcas.project.nodes import Node
from fftcas.project.project import Project
from fftcas.store import MissingBlob

TOGETHER = 64
"""Tables that are put in place at once."""


class Deferral:
    """Nodes of one run whose outputs are known, and not put in place unless `bring` has to. Threads may share it."""

    def __init__(self, decider: Decider, sharing: Sharing, wanted: Set[Label], needed: Collection[Label]) -> None:
        self.wanted = wanted
        self.needed = needed
        self.brought: dict[Label, Outcome] = {}
        self._decider = decider
        self._sharing = sharing
        self._deferred: dict[Label, Decision] = {}
        self._owed: dict[Label, None] = {}
        self._locks: defaultdict[Label, Lock] = defaultdict(Lock)

    def defer(self, decision: Decision) -> Outcome | None:
        """The outcome of a node that can be left where it is; None if it has to be in the database, or to run."""
        node, derivation = decision.node, decision.derivation
        if derivation is None or not self._decider.may_read(node):
            return None
        if node.label in self.needed:
            return self._postpone(decision)
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

    def left(self, label: Label) -> bool:
        """Whether a node's output is left where it is, so that it has to stay there while the run lasts."""
        return label in self._deferred

    def owes(self, label: Label) -> bool:
        """Whether a node's table has to be put in place before the run ends."""
        return label in self._owed

    def settle(
        self, together: Callable[[Sequence[Decision]], Sequence[Outcome]], put: Callable[[Decision], Outcome]
    ) -> Iterator[Outcome]:
        """Put in place what is owed, in build order, many tables at once; one by one where `together` raises."""
        level = self._decider.project.graph.level
        owed, self._owed = sorted(self._owed, key=lambda label: (level[label], label)), {}
        yield from (self.brought[label] for label in owed if label in self.brought)
        waiting = [self._deferred[label] for label in owed if label in self._deferred]
        for start in range(0, len(waiting), TOGETHER):
            some = waiting[start : start + TOGETHER]
            try:
                outcomes: Iterable[Outcome] = together(some)
            except (MissingBlob, FftcasError):
                outcomes = (self._checked(decision, put(decision)) for decision in some)
            for outcome in outcomes:
                if outcome.ok:  # else what reads it must not be built of whatever is in its place
                    del self._deferred[outcome.label]
                yield outcome

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
        outcome = self._checked(decision, put(decision))
        if outcome.error is not None:
            raise outcome.error
        self.brought[label] = outcome
        del self._deferred[label]

    def _postpone(self, decision: Decision) -> Outcome | None:
        """The outcome, for the time being, of a table that is put back in the end."""
        manifest = decision.identity.manifest if decision.identity else None
        if decision.verdict is not Verdict.RESTORE or manifest is None or manifest.size > SMALL:
            return None
        self._deferred[decision.node.label] = decision
        self._owed[decision.node.label] = None
        return Outcome(decision.node.label, Status.RESTORED, decision.reason, identity=decision.identity)

    def _checked(self, decision: Decision, outcome: Outcome) -> Outcome:
        """The outcome, a failure if readers were told of another one."""
        assert decision.identity is not None
        same = outcome.identity is not None and outcome.identity.output == decision.identity.output
        if same or not outcome.ok or self.wanted.isdisjoint(self._decider.project.graph.readers[outcome.label]):
            return outcome
        error = NodeError(
            f"the output of {outcome.label} is gone, and it was built into another one",
            hint="build again: what reads it will see the new one",
        )
        return replace(outcome, status=Status.FAILED, reason=error.what, error=error)


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
