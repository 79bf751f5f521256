"""Completion of labels and patterns in the shell; commands and flags are completed by click itself."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem, get_completion_class, shell_complete

from fftcas.cli.main import cli
from fftcas.cli.words import METHODS, label_words, pattern_words

if TYPE_CHECKING:
    from fftcas.cli.look import Look
    from fftcas.project.project import Project


def by_click(asked: str) -> int:
    """Let click answer a shell; returns the exit code."""
    return shell_complete(cli, {}, "fftcas", "_FFTCAS_COMPLETE", asked)


@dataclass(frozen=True)
class Words:
    """What may follow in a line: each word with what tells the shell of it.

    `seen` says whether it rests on nothing but what a look has seen.
    """

    words: tuple[tuple[str, str], ...]
    seen: bool


def all_words(shell: str, words: list[str], look: Look | None) -> Words | None:
    """What may follow the words of a line; None if that depends on what is written already, or the shell is unknown."""
    kind = get_completion_class(shell)
    if kind is None:
        return None
    projects: list[Project | None] = []
    shown = kind(cli, {"obj": projects}, "fftcas", "_FFTCAS_COMPLETE")
    items = shown.get_completions(list(words), "")
    if any(item.type != "plain" for item in items):  # names of files
        return None
    found = tuple((item.value, shown.format_completion(item)) for item in items)
    return Words(found, look is not None and are_seen(look, projects))


def are_seen(look: Look, projects: list[Project | None]) -> bool:
    """Whether nothing but what was looked at counts; the outline of a project that was read is kept."""
    from fftcas.cli.keeping import keep_outline
    from fftcas.cli.remembering import watchable

    for project in projects:
        if project is None or not watchable(look, project):
            return False
        keep_outline(look, project)
    return True


def complete_patterns(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Labels, packages and methods that what was typed may become; `+` and `-` before it stay."""
    typed = incomplete.lstrip("+-0123456789")
    before = incomplete[: len(incomplete) - len(typed)]
    project = _project(ctx)
    words = pattern_words(project) if project else METHODS
    return [CompletionItem(before + word) for word in words if word.startswith(typed)]


def complete_labels(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Labels and bare names."""
    project = _project(ctx)
    words = label_words(project) if project else ()
    return [CompletionItem(word) for word in words if word.startswith(incomplete)]


def _project(ctx: click.Context) -> Project | None:
    """The project that the line so far means; None if it cannot be read: this is no place for errors.

    It is noted in the context's list of projects, if there is one.
    """
    from fftcas.cli.memory import memory
    from fftcas.cli.watched import forget_noise
    from fftcas.errors import FftcasError
    from fftcas.project.load import load_project

    forget_noise()
    root = Path(ctx.params.get("directory") or os.environ.get("FFTCAS_PROJECT") or ".")
    profile = ctx.params.get("profile") or os.environ.get("FFT_ACTIVE_ENV")
    try:
        with memory(False) as store:
            found = load_project(root, profile, environ=os.environ, cwd=Path.cwd(), cli_vars={}, memory=store)
    except (FftcasError, FileNotFoundError):  # the latter without a working directory
        found = None
    if ctx.obj is not None:
        ctx.obj.append(found)
    return found
