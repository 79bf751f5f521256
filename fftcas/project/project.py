"""A project: its nodes, their graph, and what all of them share."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fftcas.digest import Value
from fftcas.errors import UsageError, closest
from fftcas.graph import Graph
from fftcas.label import Label
from fftcas.project.budgets import Budgets
from fftcas.project.environment import is_secret
from fftcas.project.nodes import Node

if TYPE_CHECKING:
    from fftcas.project.profiles import Profile
    from fftcas.project.settings import Settings


@dataclass(frozen=True)
class Project:
    """Everything that the files of a project say, for one profile.

    `environ` is what models see: the process's variables, the `.env` layers and FF_ENGINE. `vars` are those of
    project.yml under those of the command line. `context` holds the ingredients that all nodes share. `sources` maps
    `group.table` to the node that stands for it: a source, or the seed that makes this table. `read` are the paths of
    the files that models and macros consist of, and of those that would count if they were there.
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
    sources: Mapping[str, Label] = field(default_factory=dict)
    budgets: Budgets = field(default_factory=Budgets)
    warnings: tuple[str, ...] = ()
    read: frozenset[str] = frozenset()

    @cached_property
    def by_name(self) -> Mapping[str, tuple[Node, ...]]:
        """The nodes that a bare name means: `stg_users`, `stg_users.ff`; a source's only where nothing else has it."""
        built: dict[str, list[Node]] = {}
        external: dict[str, list[Node]] = {}
        for node in self.nodes.values():
            for name in dict.fromkeys((node.label.name, node.name, f"{node.label.name}.ff")):
                (external if node.label.repo else built).setdefault(name, []).append(node)
        return {name: tuple(nodes) for name, nodes in {**external, **built}.items()}

    @cached_property
    def secrets(self) -> Mapping[str, str]:
        """The variables of `environ` that are secret."""
        return {name: value for name, value in self.environ.items() if is_secret(name)}

    def find(self, text: str) -> Node:
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
            raise UsageError(f"there is no node '{text}'", hint=self._nearby(text))
        if len(found) > 1:
            labels = ", ".join(sorted(node.label.text for node in found))
            raise UsageError(f"'{text}' is ambiguous", why=f"it could be {labels}", hint="write the label")
        return found[0]

    def _nearby(self, name: str) -> str | None:
        """A hint with the labels of the nodes whose names are closest."""
        names = {node.label.name: node.label.text for node in self.nodes.values()}
        near = difflib.get_close_matches(name.removesuffix(".ff"), names, n=3, cutoff=0.6)
        return f"did you mean {' or '.join(names[match] for match in near)}?" if near else None
