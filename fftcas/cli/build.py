"""`fftcas build`, and FFT's words for parts of it: `seed` and `run`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fftcas.cli.common import Pattern, PatternCommand, load, project_options
from fftcas.cli.http_options import http_options
from fftcas.cli.modes import CACHE, MATERIALIZE
from fftcas.cli.remote_options import remote_options

if TYPE_CHECKING:
    from fftcas.cli.look import Look
    from fftcas.label import Label

Command = TypeVar("Command", bound=Callable[..., Any])


def build_options(command: Command) -> Command:
    """The options that say how to build."""
    for option in (
        remote_options,
        http_options,
        click.option("-v", "--verbose", count=True, help="Say more."),
        click.option("-q", "--quiet", is_flag=True, help="Print only failures."),
        click.option("--json", "as_json", is_flag=True, help="Print run_results.json instead of lines."),
        click.option("--dry-run", is_flag=True, help="Only tell what would be done, and why."),
        click.option("--check", is_flag=True, help="Run the targets twice more: they must give the same rows."),
        click.option("--keep-going", is_flag=True, help="After a failure go on with all it does not touch."),
        click.option("--no-cache", is_flag=True, help="The same as --cache off."),
        click.option(
            "--cache",
            type=click.Choice(CACHE),
            default="rw",
            show_default=True,
            help="Whether outputs are taken from the store (r) and put there (w).",
        ),
        click.option("--trace", metavar="FILE", help="Write the run's times for Perfetto or chrome://tracing."),
        click.option("--junit", metavar="FILE", help="Write the run as JUnit XML."),
        click.option("--md", "markdown", metavar="FILE", help="Write the run as Markdown."),
        click.option(
            "--materialize",
            type=click.Choice(MATERIALIZE),
            default="all",
            show_default=True,
            help="What is put into the database, besides what nodes that run read.",
        ),
        click.option("--jobs", default="auto", metavar="N|auto", show_default=True, help="Nodes at a time."),
    ):
        command = option(command)
    return command


@click.command(cls=PatternCommand)
@click.argument("patterns", nargs=-1, type=Pattern())
@click.option("--select", "selected", multiple=True, metavar="PATTERN", help="Another pattern to build.")
@click.option("--exclude", "excluded", multiple=True, metavar="PATTERN", help="A pattern not to build.")
@click.option("--changed-since", metavar="GITREF", help="Only what has changed since a commit, and what reads it.")
@click.option("--rebuild", is_flag=True, help="Build the targets even if their outputs are known.")
@click.option("--rebuild-only", "-R", "only", multiple=True, metavar="LABEL", help="Build just this node again.")
@build_options
@project_options
@click.pass_obj
def build(
    look: Look | None,
    /,
    patterns: tuple[str, ...],
    selected: tuple[str, ...],
    excluded: tuple[str, ...],
    changed_since: str | None,
    rebuild: bool,
    only: tuple[str, ...],
    directory: str | None,
    profile: str | None,
    variables: tuple[str, ...],
    **how: Any,
) -> int:
    """Bring PATTERNS (all nodes by default) and what they read up to date.

    A pattern is a label (//marts:orders), a package (//marts/...), a name, or tag:T, kind:K, type:T, source:S,
    path:P; +P adds what it reads, P+ what reads it, -P takes away.
    """
    from fftcas.cli.execute import execute
    from fftcas.cli.selecting import Questions, choose

    project = load(directory, profile, variables, make_store=True)
    past = Questions(project, variables)
    targets = choose(project, patterns, past, selected=selected, excluded=excluded, changed_since=changed_since)
    forced: frozenset[Label] = frozenset(targets) if rebuild else frozenset()
    if only:
        targets = tuple(project.find(text).label for text in only)
        forced = frozenset(targets)
    return execute(project, targets, forced, "build", None if past.asked else look, **how)


@click.command(cls=PatternCommand)
@click.argument("patterns", nargs=-1, type=Pattern())
@build_options
@project_options
@click.pass_obj
def seed(
    look: Look | None,
    /,
    patterns: tuple[str, ...],
    directory: str | None,
    profile: str | None,
    variables: tuple[str, ...],
    **how: Any,
) -> int:
    """Load the seeds among PATTERNS (all nodes by default)."""
    from fftcas.cli.execute import execute
    from fftcas.cli.selecting import Questions, choose

    project = load(directory, profile, variables, make_store=True)
    past = Questions(project, variables)
    targets = [label for label in choose(project, patterns, past) if project.nodes[label].kind == "seed"]
    return execute(project, targets, frozenset(), "seed", None if past.asked else look, **how)


run = PatternCommand("run", callback=build.callback, params=build.params, help="FFT's word for build.")
