"""What a remote has of the nodes that would run: their very outputs, or how its nearest ones differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fftcas.build.decide import Verdict
from fftcas.build.looking import looking
from fftcas.build.options import BuildOptions
from fftcas.build.outcome import Identity
from fftcas.build.plan import plan
from fftcas.explain.causes import difference
from fftcas.label import Label
from fftcas.project.nodes import Node
from fftcas.project.project import Project
from fftcas.store import Realisation, Store
from fftcas.store.remote import Remote

MOST = 20
"""Realisations of a label that are compared with."""


@dataclass(frozen=True)
class RemoteMiss:
    """A node that would run: `there` is what the remote has; `words` say how its nearest one differs from here.

    Without words it is the node's own output, and will be taken over; without `there` it has none of this label.
    """

    label: Label
    there: Realisation | None
    words: str

    def __str__(self) -> str:
        if self.there is None:
            return f"{self.label}: the remote has no output of it"
        made = f"{self.there.built_at[:16].replace('T', ' ')}, {self.there.host}"
        if not self.words:
            return f"{self.label}: will be taken from the remote instead ({made})"
        return f"{self.label}: not in the remote; the nearest there ({made}) differs: {self.words}"


def explain_remote(
    project: Project, store: Store, targets: Sequence[Label], options: BuildOptions, remote: Remote
) -> list[RemoteMiss]:
    """What the remote has of those nodes that would run and whose inputs are known."""
    found = []
    with looking(project, store, options) as decider:

        def foresee(node: Node) -> Identity | None:
            claim = remote.finder.claim(decider.derive(node).key) if decider.may_read(node) else None
            return Identity.of(claim.manifest) if claim is not None and claim.manifest is not None else None

        planned = plan(project, project.graph.ancestors(targets), decider, foresee)
        for decision in (each.decision for each in planned if each.decision is not None):
            derivation, label = decision.derivation, decision.node.label
            if decision.verdict is not Verdict.BUILD or derivation is None or not decider.may_read(decision.node):
                continue
            claim = remote.finder.claim(derivation.key)
            if claim is not None:
                found.append(RemoteMiss(label, claim.realisation, ""))
                continue
            here = decider.reasons.noted(decision.node, derivation)
            near = [(difference(each.derivation(), here), each) for each in remote.finder.near(label.text, MOST)]
            nearest = min(near, key=lambda pair: len(pair[0].causes), default=None)
            there = nearest[1].realisation if nearest else None
            found.append(RemoteMiss(label, there, (nearest[0].words or "in its inputs") if nearest else ""))
    return found
