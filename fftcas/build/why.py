"""Why a node would run, or not: the plan of a build, with the causes of each step. No model runs, nothing changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from fftcas.build.decide import Decider, Decision, Verdict
from fftcas.build.differences import Differences
from fftcas.build.keys import full_recipe
from fftcas.build.looking import looking
from fftcas.build.outcome import Identity
from fftcas.build.plan import Planned, plan
from fftcas.build.reads import is_built, reads
from fftcas.derivation import Derivation
from fftcas.digest import Digest
from fftcas.engines import typed_rows
from fftcas.errors import FftcasError
from fftcas.explain.causes import Cause, recipe_difference, unread_changes
from fftcas.explain.rows import listing
from fftcas.label import Label
from fftcas.project.nodes import Node, Seed
from fftcas.project.project import Project
from fftcas.project.seed_data import read_seed
from fftcas.store import Realisation, Store, measure_table

MOST_BYTES = 64 << 20
"""Seeds' files up to this size are read to tell what changed in them."""


@dataclass(frozen=True)
class Explanation:
    """What would become of a node, and why.

    `verdict` is fresh, restore, build, wait (it depends on the nodes in `waits_for`, or on servers) or error. `causes`
    say why it is not what it was, `unread` what changed that it does not read. `made` is what it is fresh or restored
    from, `old` and `new` are derivation keys, `seconds` is what its own code took last time.
    """

    node: Node
    verdict: str
    reason: str
    causes: tuple[Cause, ...] = ()
    unread: tuple[Cause, ...] = ()
    waits_for: tuple[Label, ...] = ()
    made: Realisation | None = None
    seconds: float | None = None
    old: Digest | None = None
    new: Digest | None = None
    error: FftcasError | None = None

    @property
    def label(self) -> Label:
        return self.node.label

    @property
    def fresh(self) -> bool:
        return self.verdict == Verdict.FRESH


def explain(decider: Decider, targets: Sequence[Label]) -> list[Explanation]:
    """Explanations for the targets and all that they read, in build order; what has no relation is left out."""
    explainer = _Explainer(decider)
    planned = plan(decider.project, decider.project.graph.ancestors(targets), decider, explainer.foresee)
    return explainer.explain_all(planned)


def explain_fresh(decider: Decider, planned: Sequence[Planned]) -> list[Explanation]:
    """Explanations for what was planned, if all of it is fresh."""
    return _Explainer(decider).explain_all(planned)


def verdicts(project: Project, store: Store) -> dict[Label, str]:
    """What a build of everything would do with each node, as in `Explanation.verdict`."""
    with looking(project, store) as decider:
        planned = plan(project, project.nodes, decider, _Explainer(decider).foresee)
    return {
        each.node.label: "error" if each.error else str(each.decision.verdict) if each.decision else "wait"
        for each in planned
        if is_built(each.node)
    }


class _Explainer:
    def __init__(self, decider: Decider) -> None:
        self.decider = decider
        self.reasons = decider.reasons
        self.differences = Differences(decider.store)
        self.unreadable: set[Label] = set()

    def foresee(self, node: Node) -> Identity | None:
        """What a seed will hold, from its file."""
        file = self.decider.project.root / node.path
        if not isinstance(node, Seed) or self.decider.project.profile.engine != "duckdb":
            return None
        try:
            if file.stat().st_size > MOST_BYTES:
                return None
            table = typed_rows(read_seed(file, node), node.types)
        except (FftcasError, OSError):  # the build will say what is wrong with it
            return None
        batches = list(table.batches)
        manifest = measure_table(replace(table, batches=iter(batches)))
        self.differences.foreseen[manifest.output] = (manifest, lambda: replace(table, batches=iter(batches)))
        return Identity.of(manifest)

    def explain_all(self, planned: Sequence[Planned]) -> list[Explanation]:
        return [self.explain(each) for each in planned if each.error is not None or is_built(each.node)]

    def explain(self, planned: Planned) -> Explanation:
        node = planned.node
        if planned.error is not None:
            words = planned.error.what.splitlines()[0]
            self.unreadable.add(node.label)
            return Explanation(node, "error", words, (state(words),), error=planned.error)
        if planned.decision is None:
            return self._waiting(node, planned.waits_for)
        return self._decided(planned.decision)

    def _decided(self, decision: Decision) -> Explanation:
        node, derivation = decision.node, decision.derivation
        assert derivation is not None
        explanation = Explanation(
            node, decision.verdict, decision.reason, made=decision.realisation, new=derivation.key
        )
        previous = self.reasons.previous(node)
        if decision.verdict is Verdict.FRESH:
            made = decision.realisation or self.decider.store.realisation(derivation.key)
            unread = unread_changes(previous.derivation, derivation, self.differences) if previous else ()
            return replace(explanation, made=made, unread=unread)
        forced = self.decider.forced(node)
        identity = self.decider.identities.get(node.label)
        output = partial(lambda identity: identity.output if identity else None, identity)
        found = self.reasons.difference(node, derivation, self.differences, output)
        if found is not None:
            explanation = replace(explanation, causes=found.causes, unread=found.unread)
        if previous is not None:
            last = self.decider.store.realisation(previous.key)
            explanation = replace(explanation, old=previous.key, seconds=last.seconds if last else None)
        if forced is not None:
            return replace(explanation, reason=forced, causes=(state(forced),))
        if found is not None and found.causes and all(cause.only_order for cause in found.causes):
            same = "its inputs have the same rows in another order"
            return replace(explanation, verdict=Verdict.FRESH, reason=same, causes=(), unread=found.causes)
        if decision.verdict is Verdict.RESTORE:
            own = explanation.causes or (state(decision.reason),)
            return replace(explanation, causes=own)
        if decision.stale is not None:
            changed = self.decider.http.changed(decision.stale)
            if changed is None:
                return replace(explanation, verdict="wait", reason="if other responses come", causes=())
            return replace(explanation, reason=changed, causes=(Cause("response", changed, changed),))
        if found is None:
            return replace(explanation, reason="first build", causes=(state("first build"),))
        if not found.causes:
            lost = "its output is not in the store"
            return replace(explanation, reason=lost, causes=(state(lost),))
        return replace(explanation, reason=found.words)

    def _waiting(self, node: Node, waits_for: tuple[Label, ...]) -> Explanation:
        """A node whose inputs are not known yet: its own definition can be compared already."""
        project = self.decider.project
        previous = self.reasons.previous(node)
        words = f"if {listing([label.text for label in waits_for], 2)} gives other rows"
        if self.unreadable & set(waits_for):
            words = f"{listing([label.text for label in waits_for if label in self.unreadable])} cannot be read"
        if previous is None:
            return Explanation(node, Verdict.BUILD, "first build", (state("first build"),), waits_for=waits_for)
        last = self.decider.store.realisation(previous.key)
        waiting = Explanation(
            node, "wait", words, waits_for=waits_for, seconds=last.seconds if last else None, old=previous.key
        )
        forced = self.decider.forced(node)
        if forced is not None:
            return replace(waiting, verdict=Verdict.BUILD, reason=forced, causes=(state(forced),))
        read = reads(project, node)
        notes = {"views": [view.text for view in read.views]} if read.views else {}
        alone = Derivation(full_recipe(project, node, read, self.decider.context), (), notes)
        found = recipe_difference(previous.derivation, self.reasons.noted(node, alone))
        if not found.causes:
            return waiting
        return replace(waiting, verdict=Verdict.BUILD, reason=found.words, causes=found.causes)


def state(words: str) -> Cause:
    """A cause that is no change of an ingredient: `first build`, `--cache off`, a table that was not there."""
    return Cause("state", words, words)
