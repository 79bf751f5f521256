"""Outlines: what patterns, queries and drawings have to know of a project. A `Project` is one, and knows more."""

from __future__ import annotations

import posixpath
from functools import cached_property

from fftcas.errors import UsageError, closest
from fftcas.label import Label

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from fftcas.graph import Graph

    class Listed(Protocol):
        """A node of an outline; see `Node`. The text of `relation` is its name."""

        @property
        def label(self) -> Label: ...
        @property
        def name(self) -> str: ...
        @property
        def path(self) -> str: ...
        @property
        def relation(self) -> object: ...
        @property
        def tags(self) -> frozenset[str]: ...
        @property
        def kind(self) -> str: ...
        @property
        def materialization(self) -> str: ...


DEFAULT_PROFILE = "dev"


class Outline:
    """Nodes and how they hang together.

    `descriptions` are what models say about themselves. `sources` maps `group.table` to the node that stands for it: a
    source, or the seed that makes this table. `warnings` are told to whoever uses the project.
    """

    nodes: Mapping[Label, Listed]
    graph: Graph
    descriptions: Mapping[Label, str]
    sources: Mapping[str, Label]
    warnings: tuple[str, ...]

    @cached_property
    def by_name(self) -> Mapping[str, tuple[Listed, ...]]:
        """The nodes that a bare name means: `stg_users`, `stg_users.ff`; a source's only where nothing else has it."""
        built: dict[str, list[Listed]] = {}
        external: dict[str, list[Listed]] = {}
        for node in self.nodes.values():
            for name in dict.fromkeys((node.label.name, node.name, f"{node.label.name}.ff")):
                (external if node.label.repo else built).setdefault(name, []).append(node)
        return {name: tuple(nodes) for name, nodes in {**external, **built}.items()}

    def find(self, text: str) -> Listed:
        """The node that a label or a bare name means. Raises UsageError with the closest labels."""
        if text.startswith(("//", "@")):
            label = Label.parse(text)
            if label.repo and not label.package:
                label = self.sources.get(f"{label.repo}.{label.name}", label)
            if label not in self.nodes:
                hint = closest(label.text, [known.text for known in self.nodes]) or self._nearby(label.name)
                raise UsageError(f"there is no node {label}", hint=hint)
            return self.nodes[label]
        found = self.by_name.get(text, ())
        if not found:
            raise UsageError(f"there is no node '{text}'", hint=self._elsewhere(text) or self._nearby(text))
        if len(found) > 1:
            labels = ", ".join(sorted(node.label.text for node in found))
            raise UsageError(f"'{text}' is ambiguous", why=f"it could be {labels}", hint="write the label")
        return found[0]

    def _elsewhere(self, text: str) -> str | None:
        """A hint for a text that means a folder, a file, or another project."""
        path = posixpath.normpath(text)
        if any(f"{label.package}/".startswith(f"{path}/") for label in self.nodes):
            return f"//{path}/... means all below that folder"
        if any(f"{node.path}/".startswith(f"{path}/") for node in self.nodes.values()):
            return f"path:{path} means what lies there"
        return "patterns mean nodes; -C names a project" if "/" in text else None

    def _nearby(self, name: str) -> str | None:
        """A hint with the labels of the nodes whose names are closest."""
        import difflib

        names = {node.label.name: node.label.text for node in self.nodes.values()}
        near = difflib.get_close_matches(name.removesuffix(".ff"), names, n=3, cutoff=0.6)
        return f"did you mean {' or '.join(names[match] for match in near)}?" if near else None
