"""The graph of nodes: who reads whom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from fftcas.errors import ProjectError
from fftcas.label import Label


class Graph:
    """A directed acyclic graph, which never changes; `inputs` maps every label to the labels that it reads, in order.

    Raises ProjectError if there is a cycle, shown as a path.
    """

    def __init__(self, inputs: Mapping[Label, tuple[Label, ...]]) -> None:
        self.inputs = inputs
        cycle = find_cycle(inputs)
        if cycle:
            raise ProjectError(
                "the models form a cycle: " + " → ".join(map(str, cycle)),
                hint="take one of these references away",
            )

    def __iter__(self) -> Iterator[Label]:
        return iter(self.order)

    def __contains__(self, label: object) -> bool:
        return label in self.inputs

    @cached_property
    def readers(self) -> Mapping[Label, tuple[Label, ...]]:
        """For every label the labels that read it, sorted."""
        readers: dict[Label, list[Label]] = {label: [] for label in self.inputs}
        for label, inputs in self.inputs.items():
            for source in dict.fromkeys(inputs):
                readers[source].append(label)
        return {label: tuple(sorted(found)) for label, found in readers.items()}

    @cached_property
    def level(self) -> Mapping[Label, int]:
        """For every label the length of the longest path that leads to it: 0 reads nothing."""
        level: dict[Label, int] = {}
        for start in self.inputs:
            stack = [start]
            while stack:
                label = stack[-1]
                waiting = [source for source in self.inputs[label] if source not in level]
                if waiting:
                    stack += waiting
                    continue
                stack.pop()
                level[label] = max((level[source] + 1 for source in self.inputs[label]), default=0)
        return level

    @cached_property
    def order(self) -> tuple[Label, ...]:
        """All labels, inputs before readers: by level, then by label."""
        return tuple(sorted(self.inputs, key=lambda label: (self.level[label], label.text)))

    def ancestors(self, labels: Iterable[Label], depth: int | None = None) -> set[Label]:
        """The labels and all that they read, directly or not, at most `depth` steps away."""
        return reach(self.inputs, labels, depth)

    def descendants(self, labels: Iterable[Label], depth: int | None = None) -> set[Label]:
        """The labels and all that read them, directly or not, at most `depth` steps away."""
        return reach(self.readers, labels, depth)


def reach(edges: Mapping[Label, tuple[Label, ...]], labels: Iterable[Label], depth: int | None = None) -> set[Label]:
    """Everything that can be reached along `edges` in at most `depth` steps, the start included."""
    seen = set(labels)
    front = list(seen)
    while front and depth != 0:
        front = list({target for label in front for target in edges[label]} - seen)
        seen.update(front)
        depth = None if depth is None else depth - 1
    return seen


def find_cycle(edges: Mapping[Label, tuple[Label, ...]]) -> list[Label]:
    """A path that starts and ends at the same label, or an empty list."""
    done: set[Label] = set()
    for start in edges:
        if start in done:
            continue
        path: list[Label] = [start]
        on_path = {start}
        steps = [iter(edges[start])]
        while steps:
            for target in steps[-1]:
                if target in on_path:
                    return [*path[path.index(target) :], target]
                if target not in done:
                    path.append(target)
                    on_path.add(target)
                    steps.append(iter(edges[target]))
                    break
            else:
                steps.pop()
                done.add(path[-1])
                on_path.discard(path.pop())
    return []
