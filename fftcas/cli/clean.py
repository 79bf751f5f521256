"""`fftcas clean`: forget a project's state."""

from __future__ import annotations

import os

import click


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would be removed.")
@click.option("-C", "--project", "directory", metavar="DIR", help="The project's directory [FFTCAS_PROJECT].")
def clean(dry_run: bool, directory: str | None) -> None:
    """Remove what runs left in the project (.fftcas/), and the store's records of its runs.

    The database stays as it is, and so do the outputs in the store, until gc needs their space.
    """
    from pathlib import Path

    from fftcas.amounts import counted
    from fftcas.build.clean import clean as clean_project
    from fftcas.store import Store

    root = Path(directory or os.environ.get("FFTCAS_PROJECT") or ".")
    with Store.open() as store:
        done = clean_project(root, store, dry_run=dry_run)
    removed = "would remove" if dry_run else "removed"
    for path in done.paths:
        click.echo(f"{removed} {path}")
    click.echo(f"{removed} {counted(done.runs, 'run')} from the store's records; database and outputs stay")
