"""A build from the command line: done, shown, and its artifacts left."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fftcas.amounts import bytes_text, counted
from fftcas.build.bound import bound
from fftcas.build.clock import now
from fftcas.build.options import BuildOptions, CacheMode, Materialize
from fftcas.build.outcome import Outcome, Status
from fftcas.build.run import build as build_targets
from fftcas.build.run import new_run_id
from fftcas.cli.http_options import is_offline, read_http_options
from fftcas.cli.keeping import keep_outline
from fftcas.cli.remembering import remember_build
from fftcas.cli.remote_options import merged, remote_opener
from fftcas.errors import FftcasError, UsageError
from fftcas.label import Label
from fftcas.project.nodes import Source
from fftcas.project.project import Project
from fftcas.report.artifacts import event_logs, leave_artifacts, leave_extras
from fftcas.report.console import Console
from fftcas.report.events import EventLog
from fftcas.report.files import refuse_directory
from fftcas.report.remote import remote_lines
from fftcas.store import Store
from fftcas.streams import stdout_for_later

if TYPE_CHECKING:
    from fftcas.cli.look import Look


def execute(
    project: Project,
    targets: Sequence[Label],
    forced: frozenset[Label],
    command: str,
    look: Look | None,
    *,
    cache: str,
    no_cache: bool,
    jobs: str,
    materialize: str,
    dry_run: bool,
    keep_going: bool,
    check: bool,
    as_json: bool,
    quiet: bool,
    verbose: int,
    remote: str | None,
    remote_mode: str | None,
    trace: str | None,
    junit: str | None,
    markdown: str | None,
    **http: Any,
) -> int:
    """Build the targets, show it, leave the artifacts; returns the exit code."""
    options = BuildOptions(
        cache=CacheMode.OFF if no_cache else CacheMode(cache),
        jobs=parse_jobs(jobs),
        keep_going=keep_going,
        forced=forced,
        check=check,
        http=read_http_options(project, **http),
        materialize=Materialize.ALL if check else Materialize(materialize),
    )
    if dry_run:
        from fftcas.cli.plan import print_plan, print_remote

        print_plan(project, targets, options, as_json, verbose)
        if not as_json:
            print_remote(project, targets, options, remote, remote_mode)
        return 0
    extras = {"trace": trace, "junit": junit, "markdown": markdown}
    files = {name: Path(path) for name, path in extras.items() if path}
    for path in files.values():
        refuse_directory(path)
    shown = project.graph.ancestors(targets)
    order = [label for label in project.graph if label in shown and not isinstance(project.nodes[label], Source)]
    console = Console(order, verbosity=-1 if quiet or as_json else verbose)
    say = console.print if console.verbosity >= 0 else lambda line: None
    wanted = merged(remote, remote_mode, project.settings.remote, os.environ)
    opener = remote_opener(wanted, say, is_offline(project, options.http))
    required = wanted is not None and wanted.mode == "required"  # whether it can be used is found out in every run
    run_id = new_run_id(now())
    log = EventLog(event_logs(project.root), run_id, command)

    def started(label: Label) -> None:
        log.started(label)
        console.started(label)

    def done(outcome: Outcome) -> None:
        log.done(outcome)
        console.done(outcome)

    with stdout_for_later() if as_json else nullcontext(), Store.open() as store:
        limit = bound(store.path, os.environ)  # who has set it wrongly is told before anything runs
        result = build_targets(
            project,
            targets,
            store,
            options,
            command=command,
            run_id=run_id,
            started=started,
            done=done,
            postponed=console.postponed,
            remote=opener,
            say=say,
        )
        log.finish(result)
        written, left = leave_artifacts(project, store, result, command)
        console.finish(result)
        if check:
            say(f"checked {counted(result.checked, 'node')}, each run with one thread and with all")
        if look is not None:
            keep_outline(look, project)
        if look is not None and not (required or as_json or trace or junit or markdown):
            remember_build(look, project, store, options, result, console, written.read_text("utf-8"), left)
            if 2 * result.count(Status.BUILT) > len(order):
                from fftcas.cli.foretelling import foretell

                foretell(look, project, targets, store, options, command, result, console)
    for line in remote_lines(result.remote) if result.remote else ():
        say(line)
    if str(project.profile.options.get("path")).startswith(":memory:") and result.outcomes:
        say("the database was in memory, and is gone: a profile with a path, in profiles.yml, keeps it")
    leave_extras(project, result, files)
    if as_json:
        print(written.read_text("utf-8"), end="")
    if any(outcome.status is Status.BUILT or outcome.source == "remote" for outcome in result.outcomes):
        keep_store_small(limit, say)
    return result.exit_code


def keep_store_small(limit: int, say: Callable[[str], None]) -> None:
    """Collect garbage if the store has grown above its bound. It is no part of the run, and cannot make it fail."""
    from fftcas.build.bound import keep_within

    try:
        with Store.open() as store:
            done = keep_within(store, limit)
        if done is not None and done.blobs:
            from fftcas.report.store import gone

            say(f"the store had grown above {bytes_text(limit)}: forgot {gone(done)}")
    except FftcasError as error:
        print(f"warning: the store was not made smaller: {error}", file=sys.stderr)


def parse_jobs(text: str) -> int:
    """The number that --jobs means. Raises UsageError."""
    if text == "auto":
        return min(os.cpu_count() or 1, 8)
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"--jobs takes a number from 1 on, or auto, not '{text}'")
    return int(text)
