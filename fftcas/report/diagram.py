"""The graph as text for other tools: Mermaid and DOT."""

from __future__ import annotations

from collections.abc import Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fftcas.label import Label
    from fftcas.project.outline import Outline

MERMAID = {"seed": '[("{}")]', "source": '[/"{}"/]', "sql": '["{}"]', "python": '(["{}"])'}
DOT = {"seed": "cylinder", "source": "parallelogram", "sql": "box", "python": "component"}


def mermaid(project: Outline, labels: Sequence[Label]) -> str:
    """A Mermaid flowchart of some nodes and the edges among them."""
    number = {label: i for i, label in enumerate(labels)}
    lines = ["flowchart LR"]
    for label, i in number.items():
        lines.append(f"  n{i}" + MERMAID.get(project.nodes[label].kind, '["{}"]').format(label.text))
    lines += [f"  n{a} --> n{b}" for a, b in edges(project, number)]
    return "\n".join(lines) + "\n"


def dot(project: Outline, labels: Sequence[Label]) -> str:
    """A Graphviz digraph of some nodes and the edges among them."""
    number = {label: i for i, label in enumerate(labels)}
    lines = ["digraph {", "  rankdir=LR;", '  node [fontname="sans-serif"];']
    for label, i in number.items():
        lines.append(f'  n{i} [label="{label.text}", shape={DOT.get(project.nodes[label].kind, "box")}];')
    lines += [f"  n{a} -> n{b};" for a, b in edges(project, number)]
    return "\n".join([*lines, "}"]) + "\n"


def edges(project: Outline, number: dict[Label, int]) -> list[tuple[int, int]]:
    """Pairs (input, reader) by number."""
    return [(number[i], n) for label, n in number.items() for i in project.graph.inputs[label] if i in number]
