"""`fftcas ls`: the labels of a project's nodes."""

from __future__ import annotations

import click

from fftcas.cli.common import Pattern, PatternCommand, load, project_options
from fftcas.project.selection import select


@click.command(cls=PatternCommand)
@click.argument("patterns", nargs=-1, type=Pattern())
@project_options
def ls(patterns: tuple[str, ...], directory: str | None, profile: str | None, variables: tuple[str, ...]) -> None:
    """Print the labels that PATTERNS (all nodes by default) mean, in build order."""
    project = load(directory, profile, variables)
    for label in select(project, patterns or ("//...",)):
        click.echo(label.text)
