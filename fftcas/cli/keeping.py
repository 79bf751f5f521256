"""What is kept of a project that was read, and of a plan that was made, for commands that need no more of them."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import click

from fftcas.cli import outlines
from fftcas.cli.remembering import tells_secret, watchable
from fftcas.cli.unchanged import remember

if TYPE_CHECKING:
    from fftcas.build.why import Explanation
    from fftcas.cli.look import Look
    from fftcas.label import Label
    from fftcas.project.project import Project


def tell(look: Look | None, project: Project, text: str) -> None:
    """Print what rests on nothing but the project's files; remember it if there is a look."""
    click.echo(text, nl=False)
    if look is not None and watchable(look, project) and not tells_secret(project, text):
        remember(look, text, project.warnings)
        keep_outline(look, project)


def keep_outline(look: Look, project: Project) -> None:
    """Keep what patterns, queries, drawings and completion need of the project. Never raises.

    Nothing is kept of what --vars make of it, for other commands will not have them, and of what holds a secret.
    """
    place = outlines.outline_place(look, project.profile.name)
    if look.is_young or is_varied(look) or look.recall_from(place) is not None:
        return
    text = outlines.outline_text(project, shells())
    if not tells_secret(project, text) and watchable(look, project):
        look.remember([text], path=place)


def keep_plan(
    look: Look, project: Project, targets: Collection[Label], explanations: Sequence[Explanation], watched: str
) -> None:
    """Keep which nodes a plan that may be remembered has found fresh, beside those of plans in the same state.

    Not where more would be said: what has changed to no effect, or what a remote has.
    """
    settings = project.settings.remote
    remote = (settings is not None and settings.url) or any(name.startswith("FFTCAS_REMOTE") for name in os.environ)
    if remote or is_varied(look) or any(each.unread for each in explanations):
        return
    covered = {label.text for label in project.graph.ancestors(targets)}
    built = {each.label.text: each.made.built_at if each.made else None for each in explanations}
    known = outlines.kept_plan(look, project.profile.name)
    if known is not None:
        covered, built = covered | known.covered, {**known.built, **built}
    look.remember([outlines.plan_text(covered, built)], watched, outlines.plan_place(look, project.profile.name))


def is_varied(look: Look) -> bool:
    """Whether the command may have variables of its own."""
    return any(argument.startswith("--vars") for argument in look.arguments)


def shells() -> dict[str, tuple[str, str]]:
    """What click writes around a word for each shell that it knows."""
    from click.shell_completion import CompletionItem, get_completion_class

    word, found = "word", {}
    for shell in ("bash", "zsh", "fish"):
        kind = get_completion_class(shell)
        before, _, after = kind(click.Group(), {}, "", "").format_completion(CompletionItem(word)).partition(word)
        found[shell] = (before, after)
    return found
