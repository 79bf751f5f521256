"""Sets of nodes as labels, JSON, a tree, or a drawing for Graphviz."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fftcas.label import Label
    from fftcas.project.outline import Outline

FORMATS = ("label", "name", "path", "json", "tree", "dot")


def text(project: Outline, labels: Sequence[Label], form: str) -> str:
    """The nodes in one of the `FORMATS`; edges between them are those of the project."""
    return "".join(f"{line}\n" for line in lines(project, labels, form))


def lines(project: Outline, labels: Sequence[Label], form: str) -> Iterator[str]:
    match form:
        case "name":
            yield from (project.nodes[label].name for label in labels)
        case "path":
            yield from dict.fromkeys(project.nodes[label].path for label in labels)
        case "json":
            import json

            yield json.dumps([described(project, label) for label in labels], indent=2, ensure_ascii=False)
        case "tree":
            yield from tree(project, labels)
        case "dot":
            yield from dot(project, labels)
        case _:
            yield from (label.text for label in labels)


def described(project: Outline, label: Label) -> dict[str, Any]:
    node = project.nodes[label]
    return {
        "label": label.text,
        "name": node.name,
        "kind": node.kind,
        "type": node.materialization,
        "path": node.path,
        "relation": str(node.relation),
        "tags": sorted(node.tags),
        "inputs": [source.text for source in project.graph.inputs[label]],
        "description": project.descriptions.get(label),
    }


def tree(project: Outline, labels: Sequence[Label]) -> Iterator[str]:
    """Each node above what it reads, from those that no other of them reads; none is unfolded twice."""
    chosen = set(labels)
    seen: set[Label] = set()

    def branch(label: Label, indent: str, marker: str, below: str) -> Iterator[str]:
        inputs = [source for source in dict.fromkeys(project.graph.inputs[label]) if source in chosen]
        again = label in seen and bool(inputs)
        yield f"{indent}{marker}{label.text}{' …' if again else ''}"
        seen.add(label)
        for index, source in enumerate([] if again else inputs):
            last = index == len(inputs) - 1
            yield from branch(source, indent + below, "└─ " if last else "├─ ", "   " if last else "│  ")

    for label in labels:
        if not any(reader in chosen for reader in project.graph.readers[label]):
            yield from branch(label, "", "", "")


def dot(project: Outline, labels: Sequence[Label]) -> Iterator[str]:
    chosen = set(labels)
    yield "digraph fftcas {"
    yield "  rankdir=LR; node [shape=box];"
    for label in labels:
        yield f'  "{label}";'
    for label in labels:
        for source in dict.fromkeys(project.graph.inputs[label]):
            if source in chosen:
                yield f'  "{source}" -> "{label}";'
    yield "}"
