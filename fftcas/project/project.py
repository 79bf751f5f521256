"""A project: its nodes, their graph, and what all of them share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fftcas.digest import Value
from fftcas.errors import UsageError, closest
from fftcas.graph import Graph
from fftcas.label import Label
from fftcas.project.nodes import Node

if TYPE_CHECKING:
    from fftcas.project.profiles import Profile
    from fftcas.project.settings import Settings


@dataclass(frozen=True)
class Project:
    """Everything that the files of a project say, for one profile.

    `environ` is what models see: the process's variables, the `.env` layers and FF_ENGINE. `vars` are those of
    project.yml under those of the command line. `context` holds the ingredients that all nodes share.
    """

    root: Path
    settings: Settings
    profile: Profile
    environ: Mapping[str, str]
    nodes: Mapping[Label, Node]
    graph: Graph
    context: Mapping[str, Value]
    vars: Mapping[str, Any] = field(default_factory=dict)
    descriptions: Mapping[Label, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @cached_property
    def by_name(self) -> Mapping[str, tuple[Node, ...]]:
        """The nodes that a bare name means: `stg_users`, `stg_users.ff`, a source's `crm.users`."""
        found: dict[str, dict[Label, Node]] = {}
        for node in self.nodes.values():
            for name in names(node):
                found.setdefault(name, {})[node.label] = node
        return {name: tuple(nodes.values()) for name, nodes in found.items()}

    def find(self, text: str) -> Node:
        """The node that a label or a bare name means. Raises UsageError with the closest labels."""
        if text.startswith(("//", "@")):
            label = Label.parse(text)
            if label in self.nodes:
                return self.nodes[label]
            nearby = [*self.nodes, *(Label("", name) for name in self.by_name)]
            raise UsageError(f"there is no node {label}", hint=closest(label.text, map(str, nearby)) or self._near(label.name))
        found = self.by_name.get(text, ())
        if not found:
            raise UsageError(f"there is no node '{text}'", hint=self._near(text))
        if len(found) > 1:
            labels = ", ".join(sorted(node.label.text for node in found))
            raise UsageError(f"'{text}' is ambiguous", why=f"it could be {labels}", hint="write the label")
        return found[0]

    def _near(self, name: str) -> str | None:
        """A hint with the labels of the nodes whose names are closest."""
        return closest_label(name, self.by_name)


def names(node: Node) -> tuple[str, ...]:
    """What a node is called without its package."""
    if node.label.repo:
        return (node.label.name, f"{node.label.repo}.{node.label.name}")
    return tuple(dict.fromkeys((node.label.name, node.name, f"{node.label.name}.ff")))


def closest_label(name: str, nodes: Mapping[str, tuple[Node, ...]]) -> str | None:
    """A hint that names the labels of the nodes whose bare names are closest to `name`."""
    hint = closest(name.removesuffix(".ff"), nodes)
    for known, found in nodes.items():
        hint = hint and hint.replace(f"'{known}'", f"'{found[0].label}'")
    return hint
