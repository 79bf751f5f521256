"""`fftcas init`: a new project."""

from __future__ import annotations

import click


@click.command()
@click.argument("directory", default=".", metavar="[DIR]")
def init(directory: str) -> None:
    """Write a small project into DIR (here by default), which has to be new or empty."""
    import shlex
    from pathlib import Path

    from fftcas.project.new import write_project

    for path in write_project(Path(directory)):
        click.echo(f"wrote {path}")
    where = "" if directory == "." else f" -C {shlex.quote(directory)}"
    click.echo(f"now run: fftcas build{where}")
