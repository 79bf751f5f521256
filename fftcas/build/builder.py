"""The builder: carries out, for each node of a run, what was decided."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from fftcas.build.budgets import Spent
from fftcas.build.clock import Clock
from fftcas.build.decide import Decider, Decision, Verdict, cached
from fftcas.build.deferral import Deferral
from fftcas.build.differences import Differences
from fftcas.build.equality import prove_equal
from fftcas.build.outcome import Outcome, Status
from fftcas.build.reads import is_view
from fftcas.build.realise import SMALL, Realiser
from fftcas.build.unmade import failure, fresh, over_budget
from fftcas.derivation import Derivation
from fftcas.engines.base import EngineError
from fftcas.errors import FftcasError
from fftcas.label import Label
from fftcas.project.nodes import Node, Seed, SqlModel
from fftcas.store import MissingBlob

SOON = 0.1
"""Seconds that a small node's own code took the last time, at most."""


class Builder:
    """Carries out, for each node of one run, what was decided."""

    def __init__(
        self,
        decider: Decider,
        realiser: Realiser,
        started: Callable[[Label], None],
        wanted: Collection[Label],
        deferral: Deferral,
    ) -> None:
        self.decider = decider
        self.realiser = realiser
        self.sharing = realiser.sharing
        self.started = started
        self.wanted = wanted
        self.deferral = deferral
        self.differences = Differences(decider.store)
        self.root_failures: dict[Label, Label] = {}
        self.stopping = False
        """Whether the run was interrupted: what fails then says nothing."""
        self.unknown: set[Label] = set()
        """Nodes whose output was looked for everywhere, and not found."""
        self.spent = tuple(Spent(budget) for budget in decider.project.budgets.run)

    @property
    def exceeded(self) -> Spent | None:
        """A budget that does not allow another node to run."""
        return next((spent for spent in self.spent if spent.status == "error"), None)

    def spend(self, outcome: Outcome) -> None:
        """Count what a node has cost."""
        self.spent = tuple(spent.plus(outcome) for spent in self.spent)

    def foresee(self, labels: Sequence[Label]) -> None:
        """Find out at once what is asked about each of these nodes next."""
        self.decider.foresee(map(self.decider.project.nodes.__getitem__, labels))

    def start(self, label: Label) -> Outcome | Decision:
        """Answer at once if the node is fresh, else with what has to be carried out."""
        clock = Clock()
        try:
            decision = self.decider.decide(self.decider.project.nodes[label])
            if decision.verdict is Verdict.BUILD:
                self.sharing.look_ahead(self.decider, self.wanted, self.deferral.needed)
        except FftcasError as error:
            return failure(label, error, clock)
        if decision.verdict is Verdict.FRESH:
            return fresh(decision, self.decider.http)
        if (deferred := self.deferral.defer(decision)) is not None:
            return deferred
        if decision.verdict is Verdict.BUILD and (exceeded := self.exceeded) and not self.shared(decision):
            return over_budget(label, exceeded)
        self.started(label)
        return decision

    def small(self, decision: Decision) -> bool:
        """Whether the node is to be run, and is expected to be done before long.

        It reads little and did not take long the last time, if there was one. Its output is kept: should another one
        fail, that is where it comes from again.
        """
        node, derivation = decision.node, decision.derivation
        kept = self.realiser.options.cache.writes and cached(node)
        if decision.verdict is not Verdict.BUILD or derivation is None or is_view(node) or self.spent or not kept:
            return False
        if isinstance(node, Seed):
            with suppress(OSError):  # it is gone: that is told when it runs
                return (self.decider.project.root / node.path).stat().st_size <= SMALL
        if not isinstance(node, SqlModel) or any(each.bytes is None for each in derivation.inputs):
            return False
        if sum(each.bytes or 0 for each in derivation.inputs) > SMALL:
            return False
        seconds = self.decider.store.seconds(node.label.text)
        return bool(derivation.inputs) if seconds is None else seconds < SOON

    def work(self, decisions: Sequence[Decision]) -> tuple[list[Outcome], Sequence[Decision]]:
        """Carry out a decision, or the first of several; the outcomes, and the decisions that are left."""
        if len(decisions) == 1:
            return [self.guarded(decisions[0])], ()
        outcomes: list[Outcome] = []
        unknown: list[Decision] = []
        for decision in decisions:
            found = self.found_or_ready(decision)
            if found is None:
                unknown.append(decision)
            else:
                outcomes.append(found)
        built, failed = self.realiser.build(*unknown) if unknown else ([], None)
        outcomes += [self.told(*each) for each in zip(unknown, built, strict=False)]
        left = unknown[len(built) :]
        if failed is not None:
            outcomes.append(failure(left[0].node.label, *failed))
            left = left[1:]
        return outcomes, left

    def found_or_ready(self, decision: Decision) -> Outcome | None:
        """The outcome of a small node that need not run, or cannot; None when all that it reads is there."""
        clock = Clock()
        try:
            known = self.known(decision, self.deferral.defer)
            if known is None:
                self.deferral.bring(decision.node, self.carry_out)
            return None if known is None else self.warned(known)
        except FftcasError as error:
            return failure(decision.node.label, error, clock)

    def told(self, decision: Decision, outcome: Outcome) -> Outcome:
        """The outcome of a small node that ran, with all that there is to say."""
        try:
            return self.warned(self.reasoned(decision, outcome))
        except FftcasError as error:
            return failure(outcome.label, error, Clock())

    def guarded(self, decision: Decision) -> Outcome:
        clock = Clock()
        try:
            return self.warned(self.carry_out(decision, self.deferral.defer))
        except FftcasError as error:
            return failure(decision.node.label, error, clock)

    def warned(self, outcome: Outcome) -> Outcome:
        """The outcome with what the author of the node's text should know."""
        warnings = self.decider.externals.warnings(self.decider.project.nodes[outcome.label])
        return replace(outcome, warnings=(*outcome.warnings, *warnings)) if warnings else outcome

    def settle(self) -> Iterator[Outcome]:
        """Put in place what was left for the end of the run."""

        def together(decisions: Sequence[Decision]) -> list[Outcome]:
            for decision in decisions:
                self.started(decision.node.label)
            return [self.warned(outcome) for outcome in self.realiser.restore_together(decisions)]

        return self.deferral.settle(together, self.guarded)

    def carry_out(
        self, decision: Decision, defer: Callable[[Decision], Outcome | None] = lambda decision: None
    ) -> Outcome:
        """Restore or run the node. A table that cannot be restored after all is taken from the remote, or built.

        What turns out to be known may be left to `defer`.
        """
        node, derivation = decision.node, decision.derivation
        assert derivation is not None
        known = self.known(decision, defer)
        if known is not None:
            return known
        if isinstance(node, SqlModel) and node.materialized == "view":
            self.deferral.bring(node, self.carry_out)
            return self.reasoned(decision, self.realiser.view(node, decision))
        if decision.realisation is not None:
            try:
                restored = self.realiser.restore(node, derivation, decision.realisation, decision.reason)
                if restored is None and self.sharing.take(derivation):
                    restored = self.realiser.restore(node, derivation, decision.realisation, decision.reason)
            except EngineError as error:
                # What comes from elsewhere may be verified and still no table of this engine.
                if self.stopping or not self.sharing.refuse(derivation.key, error):
                    raise
                restored = None
            lost = replace(decision, reason="its output in the store was no longer whole")
            return restored or self.build(lost)
        return self.reasoned(decision, self.build(decision))

    def build(self, decision: Decision) -> Outcome:
        """Run the node, once what it reads is in the database."""
        self.deferral.bring(decision.node, self.carry_out)
        built, failed = self.realiser.build(decision)
        if failed is not None:
            raise failed[0]
        return built[0]

    def known(self, decision: Decision, defer: Callable[[Decision], Outcome | None]) -> Outcome | None:
        """What becomes of a node that seemed to have to run, and whose output is found after all; else None."""
        if (
            decision.verdict is not Verdict.BUILD
            or decision.derivation is None
            or not self.decider.may_read(decision.node)
        ):
            return None
        if decision.node.label in self.unknown:
            return None  # it was looked for before
        if (passed := self.passed(decision, decision.derivation)) is not None:
            return passed
        again = self.found(decision, decision.derivation)
        if again is None:
            self.unknown.add(decision.node.label)
            return None
        if again.verdict is Verdict.FRESH:
            return fresh(again, self.decider.http)
        return defer(again) or self.carry_out(again)

    def passed(self, decision: Decision, derivation: Derivation) -> Outcome | None:
        """Put a large table in place while it is taken over from the remote; None if `found` has to look for it."""
        stamp = self.decider.target.stamps().get(decision.node.relation)
        claim = None if decision.stale is not None else self.sharing.claim(derivation)
        if claim is None or claim.manifest is None or (stamp is not None and stamp.output == claim.manifest.output):
            return None  # what the database holds already need only be kept
        table = self.sharing.passing(derivation)
        if table is None:
            return None
        try:
            return self.realiser.put_in_place(decision.node, derivation, claim.realisation, claim.manifest, table)
        except (MissingBlob, EngineError):
            if self.stopping:
                raise
            return None

    def found(self, decision: Decision, derivation: Derivation) -> Decision | None:
        """Look for the node's output where that takes time: the remote may have it, servers may say that their
        responses are still the same, or its inputs be equal to old ones.

        Returns what is to be done then, None if it has to be built.
        """
        node = decision.node
        taken = self.sharing.take(derivation, decision.stale)
        if taken is not None:
            self.decider.http.adopt(node, taken)
        known = taken is not None or decision.stale is not None
        if not known and (is_view(node) or not self.equal(node, derivation)):
            return None
        again = self.decider.decide(node, ask=True)
        if again.verdict is Verdict.BUILD:
            return None
        if not known and again.realisation is not None:
            self.sharing.give_restored(again.realisation, derivation)
        return again

    def equal(self, node: Node, derivation: Derivation) -> bool:
        """Whether the node's inputs hold the rows that it was built of before, in another order."""
        stamp = self.decider.target.stamps().get(node.relation)
        return prove_equal(self.decider.store, node.label, derivation, stamp.fingerprint if stamp else None)

    def shared(self, decision: Decision) -> bool:
        """Whether the remote spares the node its run."""
        may = decision.derivation is not None and self.decider.may_read(decision.node)
        return may and decision.derivation is not None and self.sharing.claim(decision.derivation) is not None

    def reasoned(self, decision: Decision, outcome: Outcome) -> Outcome:
        """The outcome of a node that ran, with the reason, for which a seed's new rows had to be there."""
        if decision.derivation is None or outcome.status is not Status.BUILT:
            return outcome
        if decision.stale is not None:
            words = self.decider.http.changed(decision.stale) or "only the model could ask again for its responses"
            return replace(outcome, reason=words)
        output = outcome.identity.output if outcome.identity else None
        reason = self.decider.reason(decision.node, decision.derivation, self.differences, lambda: output)
        return replace(outcome, reason=reason)

    def skipped(self, label: Label, failed: Label) -> Outcome:
        """The outcome of a node that was not started because of a failure; its reason names the node that failed."""
        if exceeded := self.exceeded:
            return over_budget(label, exceeded)
        root = self.root_failures.setdefault(label, self.root_failures.get(failed, failed))
        touched = failed in self.decider.project.graph.inputs[label]
        return Outcome(label, Status.SKIPPED, f"{root} failed" if touched else f"the run stopped: {root} failed")
