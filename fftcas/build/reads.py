"""What a node reads in the end: the tables at the bottom of it, looked at through views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fftcas.digest import Value
from fftcas.label import Label
from fftcas.project.nodes import Node, Source, SqlModel
from fftcas.project.project import Project

ColumnsRead = Mapping[Label, frozenset[str] | None]
"""For every table that a node reads the columns it reads there; None means all."""


@dataclass(frozen=True)
class Reads:
    """The tables and sources that a node reads, and the views it looks through, each in order of first appearance.

    `wiring` says for every reference of the node, in order, which of them it stands for, `["table", 0]` or
    `["view", 1]`; `view_wirings` says the same for the references of each view. So the shape of what is read is
    known without any name.
    """

    tables: tuple[Label, ...]
    views: tuple[Label, ...]
    wiring: tuple[Value, ...]
    view_wirings: tuple[tuple[Value, ...], ...]


def is_view(node: Node) -> bool:
    return isinstance(node, SqlModel) and node.materialized == "view"


def is_built(node: Node) -> bool:
    """Whether the node has a relation of its own that a build brings up to date."""
    return not isinstance(node, Source) and not (isinstance(node, SqlModel) and node.materialized == "ephemeral")


def references(node: Node) -> Sequence[Label]:
    """The relations that a node's own code names, in order of first appearance (for Python: of its arguments)."""
    return node.sql.inputs if isinstance(node, SqlModel) else node.inputs


def reads(project: Project, node: Node) -> Reads:
    """What `node` reads in the end."""
    tables: list[Label] = []
    views: list[Label] = []
    wirings: dict[Label, tuple[Value, ...]] = {}

    def wire(label: Label) -> Value:
        if not is_view(project.nodes[label]):
            if label not in tables:
                tables.append(label)
            return ["table", tables.index(label)]
        if label not in views:
            views.append(label)
            wirings[label] = tuple(wire(below) for below in references(project.nodes[label]))
        return ["view", views.index(label)]

    wiring = tuple(wire(label) for label in references(node))
    return Reads(tuple(tables), tuple(views), wiring, tuple(wirings[view] for view in views))
