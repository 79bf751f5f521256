"""Reasons: why a node has to run, from what its relation or its last build was made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from fftcas.build.target import Target
from fftcas.derivation import Derivation
from fftcas.digest import Digest
from fftcas.explain.causes import Cause, Compare, Difference, difference
from fftcas.explain.rows import rows_words
from fftcas.project.nodes import Node
from fftcas.project.project import Project
from fftcas.project.provenance import Provenance
from fftcas.store import Realisation, Store
from fftcas.table_diff import TableDiff

SAME_ROWS = "its file changed, its rows did not"


@dataclass(frozen=True)
class Previous:
    """What a node's relation holds, or else what it was last built into, and from what."""

    key: Digest
    derivation: Derivation
    output: Digest


@dataclass(frozen=True)
class Reasons:
    """Compares the nodes of a project with what they were before."""

    project: Project
    store: Store
    target: Target
    provenance: Provenance

    def previous(self, node: Node) -> Previous | None:
        """The derivation that the relation was made from, or else the one that the node was last built from."""
        stamp = self.target.stamps().get(node.relation)
        held = self.store.derivation(stamp.fingerprint) if stamp else None
        if stamp is not None and held is not None:
            return Previous(stamp.fingerprint, held, stamp.output)
        last = self._latest.get(node.label.text)
        built = self.store.derivation(last.derivation) if last else None
        return Previous(last.derivation, built, last.output) if last and built else None

    def look_back(self, node: Node) -> None:
        """Find out what a node without a relation was built into before it runs: then that is the latest."""
        if node.relation not in self.target.stamps():
            self.previous(node)

    @cached_property
    def _latest(self) -> dict[str, Realisation]:
        return self.store.latest(str(self.project.root))

    def difference(
        self, node: Node, derivation: Derivation, compare: Compare, output: Callable[[], Digest | None] = lambda: None
    ) -> Difference | None:
        """Why `derivation` is not what the node was before; None if there is nothing before.

        `output` gives a seed's new output, if it can be had: what a change of its file is about.
        """
        previous = self.previous(node)
        if previous is None:
            return None
        found = difference(previous.derivation, self.noted(node, derivation), compare)
        made = output() if node.kind == "seed" else None
        if made is None:
            return found
        return replace(found, causes=tuple(told(cause, node, previous.output, made, compare) for cause in found.causes))

    def noted(self, node: Node, derivation: Derivation) -> Derivation:
        """The derivation with all its notes."""
        return replace(derivation, notes={**derivation.notes, **self.provenance.of(node)})


def told(cause: Cause, node: Node, old: Digest, new: Digest, compare: Compare) -> Cause:
    """A seed's changed file, told by its rows."""
    if cause.kind != "seed":
        return cause
    if old == new:
        return replace(cause, words=SAME_ROWS, where=node.path)
    return told_rows(cause, node, compare(old, new))


def told_rows(cause: Cause, node: Node, rows: TableDiff | None) -> Cause:
    """A seed's changed file, told by a difference that is already known."""
    if cause.kind != "seed":
        return cause
    words = cause.words if rows is None else "its rows are in another order" if rows.same else rows_words(rows)
    return replace(cause, words=words, rows=rows, where=node.path)
