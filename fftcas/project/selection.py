"""Patterns: which nodes of a project are meant by `//marts/...`, `+//x`, `tag:nightly`, `-//tmp/...` and the like."""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Callable, Sequence

from fftcas.errors import UsageError, closest
from fftcas.label import Label, check_part

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fftcas.project.outline import Listed, Outline

KINDS = ("seed", "sql", "python", "source")
GRAPH = re.compile(r"(?P<up>(?P<up_depth>\d*)\+)?(?P<core>.*?)(?P<down>\+(?P<down_depth>\d*))?", re.DOTALL)


class EmptyError(UsageError):
    """A pattern that means nodes by what they are, and matches none."""


States = Callable[[str, str], set[Label]]
"""Answers `state:modified`, `result:error`, `changed:main` and the like, given the two words: it knows the past."""

PAST = ("state", "result", "changed")


def no_past(method: str, value: str) -> set[Label]:
    """For commands that look at the project only. Raises UsageError."""
    raise UsageError(f"'{method}:{value}' has no meaning in this command", hint="try it with fftcas ls or build")


def select(project: Outline, patterns: Sequence[str], states: States = no_past) -> tuple[Label, ...]:
    """The labels that the patterns mean, in build order; a pattern with a leading `-` takes away from those before it.

    Raises UsageError for a pattern that is malformed or names nothing.
    """
    chosen: set[Label] = set()
    if patterns and patterns[0].startswith("-"):
        chosen.update(match(project, "//..."))
    for pattern in patterns:
        if pattern.startswith("--"):
            raise UsageError(f"no such option: {pattern}")
        if pattern.startswith("-"):
            chosen -= match(project, pattern[1:], states)
        else:
            chosen |= match(project, pattern, states)
    return tuple(label for label in project.graph if label in chosen)


def match(project: Outline, pattern: str, states: States = no_past) -> set[Label]:
    """The labels that one pattern means, its graph operators `2+x`, `+x`, `x+`, `x+1` included."""
    parts = GRAPH.fullmatch(pattern)
    if parts is None or not parts["core"]:
        raise UsageError(f"'{pattern}' is not a pattern", hint="patterns look like //marts/... or +//marts:orders")
    chosen = match_core(project, parts["core"], states)
    found = set(chosen)
    if parts["up"]:
        found |= project.graph.ancestors(chosen, int(parts["up_depth"]) if parts["up_depth"] else None)
    if parts["down"]:
        found |= project.graph.descendants(chosen, int(parts["down_depth"]) if parts["down_depth"] else None)
    return found


def match_core(project: Outline, pattern: str, states: States = no_past) -> set[Label]:
    method, colon, value = pattern.partition(":")
    if colon and method in PAST:
        return states(method, value)
    if colon and method == "source":
        return by_source(project, value)
    if colon and method in METHODS:
        return by_method(project, method, value)
    if pattern == ".":
        return {node.label for node in built(project)}
    if not pattern.startswith(("//", "@")):
        return {project.find(pattern).label}
    if pattern.endswith("..."):
        return by_package(project, pattern)
    if pattern.endswith((":all", ":*")):
        package = pattern.removeprefix("//").rpartition(":")[0]
        check_package(package, pattern)
        return non_empty({n.label for n in built(project) if n.label.package == package}, project, pattern)
    return {project.find(pattern).label}


def built(project: Outline) -> list[Listed]:
    return [node for node in project.nodes.values() if node.kind != "source"]


def by_package(project: Outline, pattern: str) -> set[Label]:
    package = pattern.removeprefix("//").removesuffix("...").removesuffix("/")
    if not (pattern.startswith("//") and pattern in (f"//{package}/...", "//...")):
        raise UsageError(f"'{pattern}' is not a pattern", hint="//... means everything, //marts/... all below marts")
    check_package(package, pattern)
    inside = {
        node.label
        for node in built(project)
        if not package or node.label.package == package or node.label.package.startswith(package + "/")
    }
    return inside if not package else non_empty(inside, project, pattern)


def check_package(package: str, pattern: str) -> None:
    for part in package.split("/") if package else []:
        check_part(part, pattern)


def non_empty(found: set[Label], project: Outline, pattern: str) -> set[Label]:
    if found:
        return found
    packages = {node.label.package for node in built(project)}
    known = [f"//{package}/..." for package in packages] + [f"//{package}:all" for package in packages]
    raise EmptyError(f"'{pattern}' matches no node", hint=closest(pattern, known))


def tags_of(project: Outline) -> set[str]:
    return {tag for node in project.nodes.values() for tag in node.tags}


METHODS: dict[str, Callable[[Listed, str], bool]] = {
    "tag": lambda node, value: any(fnmatch.fnmatchcase(tag, value) for tag in node.tags),
    "type": lambda node, value: node.materialization == value,
    "kind": lambda node, value: node.kind == value,
    "path": lambda node, value: node.path == value or node.path.startswith(value + "/"),
}


def by_method(project: Outline, method: str, value: str) -> set[Label]:
    if method == "path":
        value = posixpath.normpath(value)
    known: dict[str, set[str]] = {
        "tag": tags_of(project),
        "type": {"table", "view", "ephemeral", *(node.materialization for node in project.nodes.values())},
        "kind": set(KINDS),
        "path": {node.path for node in project.nodes.values()},
    }
    found = {node.label for node in project.nodes.values() if METHODS[method](node, value)}
    if not found and value not in known[method]:
        raise EmptyError(f"'{method}:{value}' matches no node", hint=closest(value, known[method]))
    return found


def by_source(project: Outline, name: str) -> set[Label]:
    """The nodes that stand for the source `group.table`, or for all tables of the source `group`."""
    found = {
        label
        for full, label in project.sources.items()
        if name in (full, full.partition(".")[0], full.rpartition(".")[0])
    }
    if not found:
        groups = [full.partition(".")[0] for full in project.sources]
        raise EmptyError(f"'source:{name}' names no source", hint=closest(name, [*project.sources, *groups]))
    return found
