"""`fftcas gc` and `fftcas doctor`: housekeeping of the local store, or of a remote with `--remote`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from fftcas.amounts import bytes_text, duration
from fftcas.cli.remote_options import merged
from fftcas.errors import RemoteError, UsageError
from fftcas.project.budgets import parse_duration, parse_size
from fftcas.project.settings import RemoteSettings, read_settings
from fftcas.store import Store
from fftcas.store.place import store_path
from fftcas.store.remote import Reach, Trust, reach_for

Command = TypeVar("Command", bound=Callable[..., Any])
CONFIGURED = "configured"
_SHOWN = 20


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


def size(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    return None if value is None else _parsed(param, value, parse_size)


def seconds(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    return None if value is None else _parsed(param, value, parse_duration) / 1000


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
        return _gc_remote(_remote(remote, directory)[0], older_than, max_size, grace, dry_run)
    from fftcas.build.bound import bound
    from fftcas.http.sharing import blobs_to_keep
    from fftcas.report.store import gc_lines
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
        return _examine_remote(*_remote(remote, directory), repair=not dry_run)
    from fftcas.report.store import doctor_lines
    from fftcas.store.doctor import examine_store

    place = store_path(os.environ)
    report = examine_store(place, lambda text: print(f"warning: {text}", file=sys.stderr))
    for line in doctor_lines(place, report):
        click.echo(line)
    return 0 if report.healthy else 1


def _gc_remote(reach: Reach, older_than: float | None, max_size: int | None, grace: float | None, dry_run: bool) -> int:
    from fftcas.store.remote.gc import GRACE, RemotePolicy, collect

    policy = RemotePolicy(older_than, max_size, GRACE if grace is None else grace)
    done = _reached(reach, lambda: collect(reach, policy, dry_run=dry_run))
    deleted, condemned = ("would delete", "would condemn") if dry_run else ("deleted", "condemned")
    click.echo(
        f"{deleted} {len(done.deleted):,} objects, {bytes_text(done.bytes_deleted)}; "
        f"{condemned} {done.condemned:,} objects, {bytes_text(done.bytes_condemned)}, to go after "
        f"{duration(policy.grace)}; {done.claims_kept:,} outputs, {bytes_text(done.bytes_kept)} left"
    )
    return 0


def _examine_remote(reach: Reach, trust: Trust, repair: bool) -> int:
    from fftcas.store.remote.doctor import examine

    health = _reached(reach, lambda: examine(reach, trust, repair=repair))
    for ill in health.ill[:_SHOWN]:
        click.echo(f"bad{', deleted' if ill.name in health.deleted else ''}: {ill.name}: {ill.why}")
    if len(health.ill) > _SHOWN:
        click.echo(f"… and {len(health.ill) - _SHOWN:,} more")
    click.echo(
        f"{health.claims:,} claims and {health.packs:,} packs verified, {bytes_text(health.bytes)}, "
        f"{len(health.ill):,} bad"
    )
    return 1 if health.ill else 0


def _remote(remote: str, directory: str | None) -> tuple[Reach, Trust]:
    """The remote that is meant. Raises UsageError or RemoteError."""
    root = Path(directory or os.environ.get("FFTCAS_PROJECT") or ".")
    settings: RemoteSettings | None = read_settings(root).remote
    wanted = merged(None if remote == CONFIGURED else remote, None, settings, os.environ)
    if wanted is None:
        raise UsageError("no remote is named", hint="--remote DIR, FFTCAS_REMOTE, or remote: {url: …} in project.yml")
    return reach_for(wanted.url), Trust.of(wanted.trust)


def _reached(reach: Reach, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except OSError as error:
        why = error.strerror or str(error)
        raise RemoteError(f"the remote {reach.transport.url} cannot be used", why=why) from error


def _parsed(param: click.Parameter, value: str, parse: Callable[[str], int]) -> int:
    try:
        return parse(value)
    except ValueError as error:
        raise UsageError(f"--{str(param.name).replace('_', '-')} {error}") from error
