"""Outlines of projects and what is known to be fresh, kept in `.fftcas/outlines` for commands that need no more.

They are memories like those of commands, of what was found out when a project was read for some profile.
"""

from __future__ import annotations

import json

from fftcas.graph import Graph
from fftcas.label import Label
from fftcas.project.outline import Outline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from fftcas.cli.look import Look

FOLDER = "outlines"


class Line:
    """A node of an outline that was kept; see `Listed`."""

    __slots__ = ("kind", "label", "materialization", "name", "path", "relation", "tags")

    def __init__(
        self, label: Label, name: str, path: str, relation: str, tags: list[str], kind: str, materialization: str
    ) -> None:
        self.label = label
        self.name = name
        self.path = path
        self.relation = relation
        self.tags = frozenset(tags)
        self.kind = kind
        self.materialization = materialization


class KeptOutline(Outline):
    """An outline from its text. `shells` tells how click tells each shell of a word: what comes before and after it."""

    def __init__(self, text: str) -> None:
        document = json.loads(text)
        labels = [Label(*parts) for parts in document["labels"]]
        self.nodes = {label: Line(label, *facts) for label, facts in zip(labels, document["nodes"], strict=True)}
        inputs = (tuple(labels[number] for number in numbers) for numbers in document["inputs"])
        self.graph = Graph(dict(zip(labels, inputs, strict=True)))
        self.descriptions = {labels[number]: text for number, text in document["descriptions"]}
        self.sources = {name: labels[number] for name, number in document["sources"]}
        self.warnings = tuple(document["warnings"])
        self.shells: Mapping[str, tuple[str, str]] = document["shells"]


def outline_text(outline: Outline, shells: Mapping[str, tuple[str, str]]) -> str:
    """An outline as text."""
    number = {label: position for position, label in enumerate(outline.nodes)}
    nodes = outline.nodes.values()
    document = {
        "labels": [[label.package, label.name, label.repo] for label in outline.nodes],
        "nodes": [
            [node.name, node.path, str(node.relation), sorted(node.tags), node.kind, node.materialization]
            for node in nodes
        ],
        "inputs": [[number[source] for source in outline.graph.inputs[label]] for label in outline.nodes],
        "descriptions": [[number[label], text] for label, text in outline.descriptions.items()],
        "sources": [[name, number[label]] for name, label in outline.sources.items()],
        "warnings": outline.warnings,
        "shells": shells,
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def outline_place(look: Look, profile: str) -> str:
    return look.place(FOLDER, "outline", profile)


def kept_outline(look: Look, profile: str) -> KeptOutline | None:
    """The outline of the project that was looked at, for a profile and without --vars; None if it is not known."""
    found = look.recall_from(outline_place(look, profile))
    return KeptOutline(found[0][0]) if found else None


class KeptPlan:
    """Nodes of which a plan has said that all are fresh.

    `covered` are the labels that it was about, with all that they read; `built` are those of them that a build brings
    up to date, each with the time when its output was made, if that is known. `watched` are the states of the files
    that this rests on beside the project's.
    """

    def __init__(self, text: str, watched: str) -> None:
        document = json.loads(text)
        self.covered = frozenset(document["covered"])
        self.built: Mapping[str, str | None] = document["built"]
        self.watched = watched


def plan_text(covered: Collection[str], built: Mapping[str, str | None]) -> str:
    """A plan as text."""
    return json.dumps({"covered": sorted(covered), "built": built}, separators=(",", ":"))


def plan_place(look: Look, profile: str) -> str:
    return look.place(FOLDER, "plan", profile)


def kept_plan(look: Look, profile: str) -> KeptPlan | None:
    """What is fresh by the last plan, if nothing has changed since, neither database nor store; else None."""
    found = look.recall_from(plan_place(look, profile))
    return KeptPlan(found[0][0], found[1]) if found else None
