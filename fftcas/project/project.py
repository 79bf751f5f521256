"""A project: its nodes, their graph, and what all of them share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fftcas.digest import Value
from fftcas.graph import Graph
from fftcas.label import Label
from fftcas.project.budgets import Budgets
from fftcas.project.environment import is_secret
from fftcas.project.nodes import Node
from fftcas.project.outline import Outline

if TYPE_CHECKING:
    from fftcas.project.profiles import Profile
    from fftcas.project.settings import Settings


@dataclass(frozen=True)
class Project(Outline):
    """Everything that the files of a project say, for one profile.

    `environ` is what models see: the process's variables, the `.env` layers and FF_ENGINE. `vars` are those of
    project.yml under those of the command line. `context` holds the ingredients that all nodes share. `read` are the
    paths of the files that models and macros consist of, and of those that would count if they were there.
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
    def secrets(self) -> Mapping[str, str]:
        """The variables of `environ` that are secret."""
        return {name: value for name, value in self.environ.items() if is_secret(name)}
