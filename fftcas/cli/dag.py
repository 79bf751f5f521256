"""`fftcas dag` and `fftcas report`: the graph, and what the last run did, as pages or as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fftcas.cli.common import Pattern, PatternCommand, load, project_options

if TYPE_CHECKING:
    from pathlib import Path

    from fftcas.cli.look import Look
    from fftcas.project.project import Project
    from fftcas.report.page import View


@click.command(cls=PatternCommand)
@click.argument("patterns", nargs=-1, type=Pattern())
@click.option("--html", is_flag=True, help="Write a page: site/dag/index.html.")
@click.option("--dot", "as_dot", is_flag=True, help="Print Graphviz's DOT instead of Mermaid.")
@click.option("--out", metavar="DIR", help="Where the page goes [docs.dag_dir, or site/dag].")
@click.option(
    "--rows", type=click.IntRange(min=0), default=5, show_default=True, help="Rows of each table that the page shows."
)
@project_options
@click.pass_obj
def dag(
    look: Look | None,
    /,
    patterns: tuple[str, ...],
    html: bool,
    as_dot: bool,
    out: str | None,
    rows: int,
    directory: str | None,
    profile: str | None,
    variables: tuple[str, ...],
) -> None:
    """Draw the graph of PATTERNS (all nodes by default): as Mermaid on stdout, or as a page."""
    project = load(directory, profile, variables)
    if html or out:
        from pathlib import Path

        write_page(project, patterns, Path(out) if out else project.root / project.settings.dag_dir, rows, "graph")
        return
    from fftcas.cli import answers
    from fftcas.cli.keeping import tell

    tell(look, project, answers.dag(project, patterns, as_dot=as_dot))


@click.command(cls=PatternCommand)
@click.argument("patterns", nargs=-1, type=Pattern())
@click.option("--out", metavar="DIR", help="Where the page goes [site/report].")
@click.option(
    "--rows", type=click.IntRange(min=0), default=5, show_default=True, help="Rows of each table that the page shows."
)
@project_options
def report(
    patterns: tuple[str, ...],
    out: str | None,
    rows: int,
    directory: str | None,
    profile: str | None,
    variables: tuple[str, ...],
) -> None:
    """Write a page about the last run: its timeline, what took long, and what was saved."""
    project = load(directory, profile, variables)
    from pathlib import Path

    write_page(project, patterns, Path(out) if out else project.root / "site" / "report", rows, "run")


def write_page(project: Project, patterns: tuple[str, ...], folder: Path, rows: int, view: View) -> None:
    from fftcas.cli.answers import drawn
    from fftcas.report.files import write_text
    from fftcas.report.page import page
    from fftcas.report.page_data import page_data
    from fftcas.store import Store

    labels = drawn(project, patterns)
    with Store.open() as store:
        data = page_data(project, store, labels, rows)
    write_text(folder / "index.html", page(data, view))
    click.echo(folder / "index.html")
    if data["run"] is None:
        click.echo("there was no run yet: `fftcas build`, and then draw it again to see what it did", err=True)
