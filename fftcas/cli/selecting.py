"""Which nodes a command is about: patterns, --select, --exclude, --changed-since."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from fftcas.cli.common import load_at
from fftcas.label import Label
from fftcas.project.project import Project
from fftcas.project.selection import States, select


def past(project: Project, variables: Sequence[str]) -> States:
    """Answers what patterns and queries ask about the past."""

    @cache
    def answers() -> States:
        # Only now, since commands that do not ask should not have to import what it takes to answer.
        from fftcas.build.states import Past

        return Past(project, load_at(project, variables))

    return lambda method, value: answers()(method, value)


def choose(
    project: Project,
    patterns: Sequence[str],
    variables: Sequence[str],
    *,
    selected: Sequence[str] = (),
    excluded: Sequence[str] = (),
    changed_since: str | None = None,
) -> tuple[Label, ...]:
    """The labels that are meant, in build order. Raises UsageError."""
    states = past(project, variables)
    wanted = [*patterns, *selected] or ["//..."]
    chosen = select(project, [*wanted, *(f"-{pattern}" for pattern in excluded)], states)
    if changed_since is None:
        return chosen
    affected = project.graph.descendants(states("changed", changed_since))
    return tuple(label for label in chosen if label in affected)
