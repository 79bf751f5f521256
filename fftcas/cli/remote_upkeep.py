"""Housekeeping of a remote: `fftcas gc --remote`, `fftcas doctor --remote`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from fftcas.amounts import bytes_text, counted, duration
from fftcas.cli.remote_options import merged
from fftcas.errors import RemoteError, UsageError
from fftcas.project.settings import RemoteSettings, read_settings
from fftcas.report.paint import visible
from fftcas.store.remote import Reach, Trust, reach_for
from fftcas.store.remote.doctor import examine
from fftcas.store.remote.gc import GRACE, RemotePolicy, collect
from fftcas.store.remote.probe import check_format

_SHOWN = 20


def gc_remote(
    remote: str | None,
    directory: str | None,
    older_than: float | None,
    max_size: int | None,
    grace: float | None,
    dry_run: bool,
) -> int:
    """Collect garbage in a remote, by default the project's; the exit code. Raises UsageError or RemoteError."""
    reach, _ = _remote(remote, directory)
    policy = RemotePolicy(older_than, max_size, GRACE if grace is None else grace)
    done = _reached(reach, lambda: collect(reach, policy, dry_run=dry_run))
    deleted, condemned = ("would delete", "would condemn") if dry_run else ("deleted", "condemned")
    click.echo(
        f"{deleted} {len(done.deleted):,} objects, {bytes_text(done.bytes_deleted)}; "
        f"{condemned} {done.condemned:,} objects, {bytes_text(done.bytes_condemned)}, to go after "
        f"{duration(policy.grace)}; {done.claims_kept:,} outputs, {bytes_text(done.bytes_kept)} left"
    )
    return 0


def examine_remote(remote: str | None, directory: str | None, *, repair: bool) -> int:
    """Verify a remote, by default the project's; returns the exit code. Raises UsageError or RemoteError."""
    reach, trust = _remote(remote, directory)
    health = _reached(reach, lambda: examine(reach, trust, repair=repair))
    for ill in health.ill[:_SHOWN]:
        click.echo(visible(f"bad{', deleted' if ill.name in health.deleted else ''}: {ill.name}: {ill.why}"))
    if len(health.ill) > _SHOWN:
        click.echo(f"… and {len(health.ill) - _SHOWN:,} more")
    click.echo(
        f"{health.claims:,} claims and {health.packs:,} packs verified, {bytes_text(health.bytes)}, "
        f"{len(health.ill):,} bad"
    )
    if health.newer:
        click.echo(f"{counted(health.newer, 'pack')} that only a newer fftcas can unpack, left alone")
    return 1 if health.ill else 0


def _remote(remote: str | None, directory: str | None) -> tuple[Reach, Trust]:
    """The remote that is meant. Raises UsageError or RemoteError."""
    root = Path(directory or os.environ.get("FFTCAS_PROJECT") or ".")
    settings: RemoteSettings | None = read_settings(root).remote
    wanted = merged(remote, None, settings, os.environ)
    if wanted is None:
        raise UsageError("no remote is named", hint="--remote DIR, FFTCAS_REMOTE, or remote: {url: …} in project.yml")
    return reach_for(wanted.url), Trust.of(wanted.trust)


def _reached(reach: Reach, call: Callable[[], Any]) -> Any:
    """What the call returns, once it is certain that this is a remote: it may delete. Raises RemoteError."""
    try:
        check_format(reach)
        return call()
    except OSError as error:
        why = error.strerror or str(error)
        raise RemoteError(f"the remote {reach.transport.url} cannot be used", why=why) from error
