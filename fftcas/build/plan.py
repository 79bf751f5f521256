"""The plan: what a build would do, found out without doing any of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from fftcas.build.decide import Decider, Decision, Verdict
from fftcas.build.outcome import Identity
from fftcas.build.reads import reads
from fftcas.errors import FftcasError
from fftcas.label import Label
from fftcas.project.nodes import Node
from fftcas.project.project import Project


@dataclass(frozen=True)
class Planned:
    """What would become of a node.

    `decision` is None where it depends on the outputs of nodes that would run first (`waits_for`), or where `error`
    says that the node could not even be tried.
    """

    node: Node
    decision: Decision | None = None
    waits_for: tuple[Label, ...] = ()
    error: FftcasError | None = None


def plan(
    project: Project,
    wanted: Collection[Label],
    decider: Decider,
    foresee: Callable[[Node], Identity | None] = lambda node: None,
) -> list[Planned]:
    """What a build of `wanted` (closed under inputs) would do, in build order.

    `foresee` may know what a node will give before it runs; then its readers do not have to wait for it.
    """
    planned: list[Planned] = []
    unknown: set[Label] = set()
    decider.statements.learn(map(project.nodes.__getitem__, wanted))
    for label in project.graph:
        if label not in wanted:
            continue
        node = project.nodes[label]
        waits_for = tuple(source for source in reads(project, node).tables if source in unknown)
        if waits_for:
            planned.append(Planned(node, waits_for=waits_for))
            unknown.add(label)
            continue
        try:
            decision = decider.decide(node)
        except FftcasError as error:
            planned.append(Planned(node, error=error))
            unknown.add(label)
            continue
        planned.append(Planned(node, decision))
        identity = decision.identity or (foresee(node) if decision.verdict is Verdict.BUILD else None)
        if identity is not None:
            decider.identities[label] = identity
        elif decision.verdict is Verdict.BUILD:
            unknown.add(label)
    return planned
