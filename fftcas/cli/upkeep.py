"""`fftcas gc` and `fftcas doctor`: housekeeping of the local store, or of a remote with `--remote`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from fftcas.cli.amount_options import seconds, size

Command = TypeVar("Command", bound=Callable[..., Any])
CONFIGURED = "configured"
"""What `--remote` is without a place."""


def remote_choice(command: Command) -> Command:
    """`--remote`, with or without a place, and the project whose settings name it."""
    for option in (
        click.option("-C", "--project", "directory", metavar="DIR", help="The project's directory [FFTCAS_PROJECT]."),
        click.option(
            "--remote",
            is_flag=False,
            flag_value=CONFIGURED,
            metavar="[DIR|URL]",
            help="The remote instead of the local store; by default the project's own.",
        ),
    ):
        command = option(command)
    return command


def named(remote: str) -> str | None:
    return None if remote == CONFIGURED else remote


@click.command()
@click.option("--older-than", callback=seconds, metavar="TIME", help="What was not used for so long goes, e.g. 30d.")
@click.option(
    "--max-size",
    callback=size,
    metavar="SIZE",
    help="The oldest go until no more than this is left: 50GB [FFTCAS_STORE_SIZE].",
)
@click.option("--grace", callback=seconds, metavar="TIME", help="What is younger stays [1h; 1d in a remote].")
@click.option("--dry-run", is_flag=True, help="Say what would go.")
@remote_choice
def gc(
    older_than: float | None,
    max_size: int | None,
    grace: float | None,
    dry_run: bool,
    directory: str | None,
    remote: str | None,
) -> int:
    """Delete outputs that were not used for long, and what nothing needs.

    In a remote, what is to go is condemned first, and deleted by a later run, when the grace is over.
    """
    if remote is not None:
        from fftcas.cli.remote_upkeep import gc_remote

        return gc_remote(named(remote), directory, older_than, max_size, grace, dry_run)
    from fftcas.build.bound import bound
    from fftcas.http.sharing import blobs_to_keep
    from fftcas.report.store import gc_lines
    from fftcas.store import Store
    from fftcas.store.gc import GRACE, Policy, collect

    with Store.open() as store:
        limit = bound(store.path, os.environ) if max_size is None else max_size
        policy = Policy(limit, older_than, GRACE if grace is None else grace)
        done = collect(store, policy, dry_run=dry_run, keep_blobs=blobs_to_keep(store))
    for line in gc_lines(store.path, limit, done):
        click.echo(line)
    return 0


@click.command()
@click.option("--dry-run", is_flag=True, help="Of a remote: say what is bad, delete nothing.")
@remote_choice
def doctor(dry_run: bool, directory: str | None, remote: str | None) -> int:
    """Verify every object, and delete what is bad. Exits with 1 if anything was."""
    if remote is not None:
        from fftcas.cli.remote_upkeep import examine_remote

        return examine_remote(named(remote), directory, repair=not dry_run)
    from fftcas.report.store import doctor_lines
    from fftcas.store.doctor import examine_store
    from fftcas.store.place import store_path

    place = store_path(os.environ)
    report = examine_store(place, lambda text: print(f"warning: {text}", file=sys.stderr))
    for line in doctor_lines(place, report):
        click.echo(line)
    return 0 if report.healthy else 1
