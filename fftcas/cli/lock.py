"""`fftcas lock`: write down which response every request of the project has to get."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from fftcas.cli.common import Pattern, load, project_options
from fftcas.cli.http_options import is_offline
from fftcas.cli.remote_options import merged, remote_opener, remote_options

if TYPE_CHECKING:
    from fftcas.digest import Digest


@click.command()
@click.option(
    "--update",
    type=Pattern(),
    is_flag=False,
    flag_value="//...",
    metavar="[PATTERN]",
    help="Ask again for the responses of these nodes [all], and renew their lines only.",
)
@click.option("--jobs", default="auto", metavar="N|auto", show_default=True, help="Nodes at a time.")
@click.option("-q", "--quiet", is_flag=True, help="Print only failures.")
@remote_options
@project_options
def lock(
    update: str | None,
    jobs: str,
    quiet: bool,
    remote: str | None,
    remote_mode: str | None,
    directory: str | None,
    profile: str | None,
    variables: tuple[str, ...],
) -> int:
    """Bring all nodes up to date, and write the responses they rest on to fftcas.lock.

    Commit that file; `fftcas build --locked` then uses exactly these responses.
    """
    from fftcas.amounts import counted
    from fftcas.build.options import BuildOptions, HttpOptions
    from fftcas.build.run import build as build_targets
    from fftcas.cli.execute import parse_jobs
    from fftcas.http.cache import ResponseCache
    from fftcas.http.lockfile import NAME, lock_of, read_lock, write_lock
    from fftcas.project.nodes import Source
    from fftcas.project.selection import select
    from fftcas.report.artifacts import leave_artifacts
    from fftcas.report.console import Console
    from fftcas.store import Store

    project = load(directory, profile, variables)
    old = read_lock(project.root) if update else None
    targets = select(project, [update or "//..."])
    wanted = merged(remote, remote_mode, project.settings.remote, os.environ)
    http = HttpOptions(refresh=frozenset(targets) if update else frozenset(), prove=True)
    shown = project.graph.ancestors(targets)
    order = [label for label in project.graph if label in shown and not isinstance(project.nodes[label], Source)]
    console = Console(order, verbosity=-1 if quiet else 0)
    say = console.print if console.verbosity >= 0 else lambda line: None
    with Store.open() as store:
        run = build_targets(
            project,
            targets,
            store,
            BuildOptions(jobs=parse_jobs(jobs), http=http),
            command="lock",
            started=console.started,
            done=console.done,
            remote=remote_opener(wanted, say, is_offline(project, http)),
            say=say,
        )
        leave_artifacts(project, store, run, "lock")
        console.finish(run)
        if run.exit_code:
            print(f"error: {NAME} was not written, because the build failed", file=sys.stderr)
            return run.exit_code
        responses: dict[Digest, Digest] = {}
        for outcome in run.outcomes:
            if outcome.http is not None and outcome.label in targets:
                responses |= outcome.http.responses
        locked = {**(old or {}), **lock_of(ResponseCache(store), responses)}
    write_lock(project.root, locked)
    say(f"{NAME}: {counted(len(locked), 'response')}")
    return 0
