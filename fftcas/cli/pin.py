"""`fftcas pin` and `fftcas unpin`: outputs that `gc` never takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from fftcas.cli.amount_options import seconds
from fftcas.cli.common import load, project_options

if TYPE_CHECKING:
    from fftcas.project.project import Project


@click.command()
@click.argument("label", required=False)
@click.option("--for", "lasting", callback=seconds, metavar="TIME", help="Only for so long, e.g. 30d.")
@project_options
def pin(
    label: str | None, lasting: float | None, directory: str | None, profile: str | None, variables: tuple[str, ...]
) -> None:
    """Keep what the last build made of LABEL, and of all that it reads, whatever gc has to do.

    Without a label, the pins are listed.
    """
    from datetime import UTC, datetime

    from fftcas.amounts import counted
    from fftcas.errors import UsageError
    from fftcas.store import Store
    from fftcas.store import pins as kept

    with Store.open() as store:
        if label is None:
            for each in store.records.read(kept.pins):
                ends = f", until {datetime.fromtimestamp(each.until, UTC):%Y-%m-%d}" if each.until is not None else ""
                click.echo(f"{each.name}  {counted(len(each.outputs), 'output')}{ends}")
            return
        project = load(directory, profile, variables)
        found = project.find(label).label
        wanted = {each.text for each in project.graph.ancestors([found])}
        runs = [run for run in store.runs(str(project.root), 200) if run.profile == project.profile.name]
        outputs = next((run.outputs for run in runs if found.text in run.outputs), None)
        if outputs is None:
            raise UsageError(f"no build of this project has made {found}", hint=f"fftcas build {found}")
        until = None if lasting is None else time.time() + lasting
        kept.pin(store.records, name(project, found.text), {outputs[each] for each in wanted & outputs.keys()}, until)
    click.echo(f"pinned {found} and what it reads")


@click.command()
@click.argument("label")
@project_options
def unpin(label: str, directory: str | None, profile: str | None, variables: tuple[str, ...]) -> None:
    """Let gc take again what was pinned for LABEL."""
    from fftcas.errors import UsageError
    from fftcas.store import Store
    from fftcas.store import pins as kept

    project = load(directory, profile, variables)
    found = project.find(label).label
    with Store.open() as store:
        if name(project, found.text) not in [each.name for each in store.records.read(kept.pins)]:
            raise UsageError(f"{found} is not pinned", hint="`fftcas pin` lists the pins")
        kept.unpin(store.records, name(project, found.text))
    click.echo(f"{found} is no longer pinned")


def name(project: Project, label: str) -> str:
    """A pin's name: label, profile, and where the project lies."""
    return f"{label} ({project.profile.name}) of {project.root}"
