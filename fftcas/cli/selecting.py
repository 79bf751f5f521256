"""Which nodes a command is about: patterns, --select, --exclude, --changed-since."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cached_property

from fftcas.project.selection import EmptyError, match, select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fftcas.label import Label
    from fftcas.project.outline import Outline
    from fftcas.project.project import Project
    from fftcas.project.selection import States


class Questions:
    """Answers what patterns and queries ask about the past; `asked` says whether any has, or there was a warning: what
    is said then is not remembered.
    """

    def __init__(self, project: Project, variables: Sequence[str]) -> None:
        self.project = project
        self.variables = variables
        self.asked = False

    def __call__(self, method: str, value: str) -> set[Label]:
        self.asked = True
        return self._answers(method, value)

    def warn(self, error: EmptyError) -> None:
        """Tell of a pattern in vain."""
        self.asked = True
        print(f"warning: --exclude: {error.what}{': ' + error.hint if error.hint else ''}", file=sys.stderr)

    @cached_property
    def _answers(self) -> States:
        # Only now, since commands that do not ask should not have to import what it takes to answer.
        from fftcas.build.states import Past
        from fftcas.cli.common import load_at

        return Past(self.project, load_at(self.project, self.variables))


def choose(
    project: Outline,
    patterns: Sequence[str],
    questions: States,
    *,
    selected: Sequence[str] = (),
    excluded: Sequence[str] = (),
    changed_since: str | None = None,
) -> tuple[Label, ...]:
    """The labels that are meant, in build order. Raises UsageError.

    Who excludes what is not there has it already, and is warned; who answers without the project leaves that to others.
    """
    chosen = select(project, [*patterns, *selected] or ["//..."], questions)
    for pattern in excluded:
        try:
            without = match(project, pattern, questions)
        except EmptyError as error:
            if not isinstance(questions, Questions):
                raise
            questions.warn(error)
        else:
            chosen = tuple(label for label in chosen if label not in without)
    if changed_since is None:
        return chosen
    affected = project.graph.descendants(questions("changed", changed_since))
    return tuple(label for label in chosen if label in affected)
