"""`fftcas ls` and `fftcas query`: which nodes there are, and how they hang together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fftcas.cli.common import Pattern, PatternCommand, load, project_options
from fftcas.report.graph import FORMATS

if TYPE_CHECKING:
    from fftcas.cli.look import Look

output_option = click.option(
    "-o", "--output", type=click.Choice(FORMATS), default="label", show_default=True, help="How to print them."
)


@click.command(cls=PatternCommand)
@click.argument("patterns", nargs=-1, type=Pattern())
@click.option("--select", "selected", multiple=True, metavar="PATTERN", help="Another pattern.")
@click.option("--exclude", "excluded", multiple=True, metavar="PATTERN", help="A pattern to leave out.")
@click.option("--changed-since", metavar="GITREF", help="Only what has changed since a commit, and what reads it.")
@output_option
@project_options
@click.pass_obj
def ls(
    look: Look | None,
    /,
    patterns: tuple[str, ...],
    selected: tuple[str, ...],
    excluded: tuple[str, ...],
    changed_since: str | None,
    output: str,
    directory: str | None,
    profile: str | None,
    variables: tuple[str, ...],
) -> None:
    """Print the nodes that PATTERNS (all by default) mean, in build order.

    Beside those of build there are patterns that ask about the past: state:modified, state:new, result:error,
    changed:GITREF. All of them take +, as in state:modified+.
    """
    from fftcas.cli import answers
    from fftcas.cli.keeping import tell
    from fftcas.cli.selecting import Questions

    project = load(directory, profile, variables)
    past = Questions(project, variables)
    text = answers.ls(
        project,
        past,
        patterns,
        selected=selected,
        excluded=excluded,
        changed_since=changed_since,
        output=output,
    )
    tell(None if past.asked else look, project, text)


@click.command()
@click.argument("expression", nargs=-1, required=True)
@output_option
@project_options
@click.pass_obj
def query(
    look: Look | None,
    /,
    expression: tuple[str, ...],
    output: str,
    directory: str | None,
    profile: str | None,
    variables: tuple[str, ...],
) -> None:
    """Print the nodes that EXPRESSION means. One is 'deps(//marts/...) - kind(seed, //...)'.

    Functions: deps(x[, n]), rdeps(universe, x[, n]), allpaths(from, to), somepath(from, to), kind(regex, x),
    tag(regex, x), attr(name, regex, x), filter(regex, x), some(x[, n]), stale([x]), cached([x]). Operators: + - ^, or
    union, except, intersect.
    """
    from fftcas.cli import answers
    from fftcas.cli.keeping import tell
    from fftcas.cli.selecting import Questions

    project = load(directory, profile, variables)
    past = Questions(project, variables)
    text = answers.query(project, past, expression, output=output)
    tell(None if past.asked else look, project, text)
