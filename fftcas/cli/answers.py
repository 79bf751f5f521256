"""What `ls`, `query` and `dag` say, whether of a whole project or of its outline."""

from __future__ import annotations

from fftcas.cli.selecting import choose
from fftcas.project.selection import select
from fftcas.report.graph import text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from fftcas.label import Label
    from fftcas.project.outline import Outline
    from fftcas.project.selection import States


def ls(
    outline: Outline,
    states: States,
    patterns: Sequence[str],
    *,
    selected: Sequence[str] = (),
    excluded: Sequence[str] = (),
    changed_since: str | None = None,
    output: str = "label",
) -> str:
    """The nodes that the patterns mean. Raises UsageError."""
    chosen = choose(outline, patterns, states, selected=selected, excluded=excluded, changed_since=changed_since)
    return text(outline, chosen, output)


def query(outline: Outline, states: States, expression: Sequence[str], *, output: str = "label") -> str:
    """The nodes that a query means, which may be written in several words. Raises UsageError."""
    from fftcas.project.query import query as answer

    return text(outline, answer(outline, " ".join(expression), states), output)


def dag(outline: Outline, patterns: Sequence[str], *, as_dot: bool = False) -> str:
    """A drawing of the nodes that the patterns mean. Raises UsageError."""
    from fftcas.report.diagram import dot, mermaid

    return (dot if as_dot else mermaid)(outline, drawn(outline, patterns))


def drawn(outline: Outline, patterns: Sequence[str]) -> list[Label]:
    """What the patterns mean, and the sources that it reads; without patterns all nodes."""
    if not patterns:
        return list(outline.graph)
    chosen = set(select(outline, patterns))
    sources = {i for label in chosen for i in outline.graph.inputs[label] if outline.nodes[i].kind == "source"}
    return [label for label in outline.graph if label in chosen | sources]
