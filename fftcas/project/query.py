"""Answers to queries on a project's graph."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from fftcas.errors import UsageError, closest
from fftcas.graph import reach
from fftcas.label import Label
from fftcas.project.query_parser import Binary, Call, Expression, Word, parse, query_error
from fftcas.project.selection import States, match

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fftcas.project.outline import Listed, Outline

FUNCTIONS: Mapping[str, tuple[int, int, str]] = {
    "deps": (1, 2, "deps(x[, depth])"),
    "rdeps": (2, 3, "rdeps(universe, x[, depth])"),
    "allpaths": (2, 2, "allpaths(from, to)"),
    "somepath": (2, 2, "somepath(from, to)"),
    "kind": (2, 2, "kind(regex, x)"),
    "tag": (2, 2, "tag(regex, x)"),
    "attr": (3, 3, "attr(name, regex, x)"),
    "filter": (2, 2, "filter(regex, x)"),
    "some": (1, 2, "some(x[, count])"),
    "stale": (0, 1, "stale([x])"),
    "cached": (0, 1, "cached([x])"),
}
"""Functions with the least and the most number of arguments, and how they are written."""

ATTRIBUTES: Mapping[str, Callable[[Listed], str]] = {
    "name": lambda node: node.label.name,
    "path": lambda node: node.path,
    "kind": lambda node: node.kind,
    "relation": lambda node: str(node.relation),
    "type": lambda node: node.materialization,
    "tags": lambda node: " ".join(sorted(node.tags)),
}


def query(project: Outline, text: str, states: States) -> tuple[Label, ...]:
    """The labels that a query means, in build order. Raises UsageError.

    On the paths of `allpaths` and `somepath`, `from` reads `to`, directly or not. `states` answers `stale`, `cached`
    and the patterns that ask about the past.
    """
    found = _Query(project, text, states).value(parse(text))
    return tuple(label for label in project.graph if label in found)


class _Query:
    def __init__(self, project: Outline, text: str, states: States) -> None:
        self.project = project
        self.text = text
        self.states = states

    def value(self, expression: Expression) -> set[Label]:
        match expression:
            case Word(word, position):
                return self.pattern(word, position)
            case Binary():
                return self.chain(expression)
            case Call():
                return self.call(expression)

    def chain(self, last: Binary) -> set[Label]:
        """Operators from left to right, without a call within a call: there may be thousands."""
        steps = [last]
        while isinstance(steps[-1].left, Binary):
            steps.append(steps[-1].left)
        found = self.value(steps[-1].left)
        for step in reversed(steps):
            other = self.value(step.right)
            found = found | other if step.operator == "+" else found - other if step.operator == "-" else found & other
        return found

    def pattern(self, word: str, position: int) -> set[Label]:
        try:
            return match(self.project, word, self.states)
        except UsageError as error:
            raise query_error(self.text, position, str(error)) from None

    def call(self, call: Call) -> set[Label]:
        if call.name not in FUNCTIONS:
            hint = closest(call.name, FUNCTIONS) or f"there are: {', '.join(FUNCTIONS)}"
            raise query_error(self.text, call.position, f"there is no function '{call.name}'; {hint}")
        least, most, usage = FUNCTIONS[call.name]
        if not least <= len(call.arguments) <= most:
            raise query_error(self.text, call.position, f"it is written {usage}")
        arguments = call.arguments
        graph = self.project.graph
        match call.name:
            case "deps":
                return graph.ancestors(self.value(arguments[0]), self.number(arguments, 1))
            case "rdeps":
                universe = graph.ancestors(self.value(arguments[0]))
                inside = {label: tuple(r for r in graph.readers[label] if r in universe) for label in universe}
                start = self.value(arguments[1]) & universe
                return reach(inside, start, self.number(arguments, 2))
            case "allpaths":
                start, end = self.value(arguments[0]), self.value(arguments[1])
                return graph.ancestors(start) & graph.descendants(end)
            case "somepath":
                return self.some_path(self.value(arguments[0]), self.value(arguments[1]))
            case "some":
                count = self.number(arguments, 1)
                found = self.value(arguments[0])
                return set([label for label in graph if label in found][: 1 if count is None else count])
            case "stale" | "cached":
                wanted = self.value(arguments[0]) if arguments else set(self.project.nodes)
                return self.states(call.name, "") & wanted
            case "kind" | "tag" | "filter":
                return self.matching(call.name, arguments[0], self.value(arguments[1]))
        name = self.word(arguments[0])
        if name not in ATTRIBUTES:
            hint = closest(name, ATTRIBUTES) or f"there are: {', '.join(ATTRIBUTES)}"
            raise query_error(self.text, arguments[0].position, f"nodes have no '{name}'; {hint}")
        return self.matching(name, arguments[1], self.value(arguments[2]))

    def some_path(self, start: set[Label], end: set[Label]) -> set[Label]:
        """A shortest path from one of `start` down to one of `end`."""
        before: dict[Label, Label | None] = dict.fromkeys(sorted(start))
        front = list(before)
        while front:
            for label in front:
                if label in end:
                    path: set[Label] = set()
                    step: Label | None = label
                    while step is not None:
                        path.add(step)
                        step = before[step]
                    return path
            following: list[Label] = []
            for label in front:
                for source in self.project.graph.inputs[label]:
                    if source not in before:
                        before[source] = label
                        following.append(source)
            front = following
        return set()

    def matching(self, attribute: str, pattern: Expression, labels: set[Label]) -> set[Label]:
        """The labels whose attribute the regular expression finds something in; a kind or a tag has to match whole."""
        text = self.word(pattern)
        try:
            regex = re.compile(text)
        except re.error as error:
            raise query_error(self.text, pattern.position, f"not a regular expression: {error}") from None
        nodes = [self.project.nodes[label] for label in labels]
        if attribute == "tag":
            return {node.label for node in nodes if any(regex.fullmatch(tag) for tag in node.tags)}
        if attribute == "kind":
            return {node.label for node in nodes if regex.fullmatch(node.kind)}
        if attribute == "filter":
            return {node.label for node in nodes if regex.search(node.label.text)}
        return {node.label for node in nodes if regex.search(ATTRIBUTES[attribute](node))}

    def word(self, expression: Expression) -> str:
        if not isinstance(expression, Word):
            raise query_error(self.text, expression.position, "expected a word here, in quotes if it has operators")
        return expression.text

    def number(self, arguments: tuple[Expression, ...], index: int) -> int | None:
        if len(arguments) <= index:
            return None
        word = self.word(arguments[index])
        if not word.isdecimal():
            raise query_error(self.text, arguments[index].position, f"expected a number, found '{word}'")
        return int(word)
