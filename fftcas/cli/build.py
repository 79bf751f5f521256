"""`fftcas build`, and FFT's words for parts of it: `seed` and `run`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from fftcas.amounts import bytes_text, counted
from fftcas.build.options import BuildOptions, CacheMode, Materialize
from fftcas.build.outcome import Outcome, Status
from fftcas.build.realise import now
from fftcas.build.run import Run, new_run_id
from fftcas.build.run import build as build_targets
from fftcas.build.target import remembered_state
from fftcas.cli.common import Pattern, PatternCommand, load, project_options
from fftcas.cli.http_options import http_options, read_http_options
from fftcas.cli.remote_options import remote_opener, remote_options
from fftcas.cli.selecting import choose
from fftcas.cli.unchanged import Look, watch
from fftcas.cli.why import print_plan, print_remote
from fftcas.engines import database_files, database_state
from fftcas.errors import FftcasError, UsageError
from fftcas.label import Label
from fftcas.project.files import Files
from fftcas.project.macros import FOLDER
from fftcas.project.nodes import Node, PythonModel, Source
from fftcas.project.project import Project
from fftcas.project.python_closure import CODE
from fftcas.report.artifacts import event_logs, leave_artifacts, leave_extras
from fftcas.report.console import Console, around_time
from fftcas.report.events import EventLog
from fftcas.report.remote import remote_lines
from fftcas.store import Store

Command = TypeVar("Command", bound=Callable[..., Any])


def build_options(command: Command) -> Command:
    """The options that say how to build."""
    for option in (
        remote_options,
        http_options,
        click.option("-v", "--verbose", count=True, help="Say more."),
        click.option("-q", "--quiet", is_flag=True, help="Print only failures."),
        click.option("--json", "as_json", is_flag=True, help="Print run_results.json instead of lines."),
        click.option("--dry-run", is_flag=True, help="Only tell what would be done, and why."),
        click.option("--check", is_flag=True, help="Run the targets twice more: they must give the same rows."),
        click.option("--keep-going", is_flag=True, help="After a failure go on with all it does not touch."),
        click.option("--no-cache", is_flag=True, help="The same as --cache off."),
        click.option(
            "--cache",
            type=click.Choice([mode.value for mode in CacheMode]),
            default="rw",
            show_default=True,
            help="Whether outputs are taken from the store (r) and put there (w).",
        ),
        click.option("--trace", metavar="FILE", help="Write the run's times for Perfetto or chrome://tracing."),
        click.option("--junit", metavar="FILE", help="Write the run as JUnit XML."),
        click.option("--md", "markdown", metavar="FILE", help="Write the run as Markdown."),
        click.option(
            "--materialize",
            type=click.Choice([mode.value for mode in Materialize]),
            default="all",
            show_default=True,
            help="What is put into the database, besides what nodes that run read.",
        ),
        click.option("--jobs", default="auto", metavar="N|auto", show_default=True, help="Nodes at a time."),
    ):
        command = option(command)
    return command


@click.command(cls=PatternCommand)
@click.argument("patterns", nargs=-1, type=Pattern())
@click.option("--select", "selected", multiple=True, metavar="PATTERN", help="Another pattern to build.")
@click.option("--exclude", "excluded", multiple=True, metavar="PATTERN", help="A pattern not to build.")
@click.option("--changed-since", metavar="GITREF", help="Only what has changed since a commit, and what reads it.")
@click.option("--rebuild", is_flag=True, help="Build the targets even if their outputs are known.")
@click.option("--rebuild-only", "-R", "only", multiple=True, metavar="LABEL", help="Build just this node again.")
@build_options
@project_options
def build(
    patterns: tuple[str, ...],
    selected: tuple[str, ...],
    excluded: tuple[str, ...],
    changed_since: str | None,
    rebuild: bool,
    only: tuple[str, ...],
    directory: str | None,
    profile: str | None,
    variables: tuple[str, ...],
    **how: Any,
) -> int:
    """Bring PATTERNS (all nodes by default) and what they read up to date.

    A pattern is a label (//marts:orders), a package (//marts/...), a name, or tag:T, kind:K, type:T, source:S,
    path:P; +P adds what it reads, P+ what reads it, -P takes away.
    """
    look = Look(click.get_current_context().obj or ())
    project = load(directory, profile, variables, make_store=True)
    targets = choose(project, patterns, variables, selected=selected, excluded=excluded, changed_since=changed_since)
    forced: frozenset[Label] = frozenset(targets) if rebuild else frozenset()
    if only:
        targets = tuple(project.find(text).label for text in only)
        forced = frozenset(targets)
    return execute(project, targets, forced, "build", look, **how)


@click.command()
@build_options
@project_options
def seed(directory: str | None, profile: str | None, variables: tuple[str, ...], **how: Any) -> int:
    """Load the seeds."""
    look = Look(click.get_current_context().obj or ())
    project = load(directory, profile, variables, make_store=True)
    targets = [label for label, node in project.nodes.items() if node.kind == "seed"]
    return execute(project, targets, frozenset(), "seed", look, **how)


run = PatternCommand("run", callback=build.callback, params=build.params, help="FFT's word for build.")


def execute(
    project: Project,
    targets: Sequence[Label],
    forced: frozenset[Label],
    command: str,
    look: Look,
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
        print_plan(project, targets, options, as_json, verbose)
        if not as_json:
            print_remote(project, targets, options, remote, remote_mode)
        return 0
    shown = project.graph.ancestors(targets)
    order = [label for label in project.graph if label in shown and not isinstance(project.nodes[label], Source)]
    console = Console(order, verbosity=-1 if quiet or as_json else verbose)
    say = console.print if console.verbosity >= 0 else lambda line: None
    opener = remote_opener(remote, remote_mode, project.settings.remote, say)
    run_id = new_run_id(now())
    log = EventLog(event_logs(project.root), run_id, command)

    def started(label: Label) -> None:
        log.started(label)
        console.started(label)

    def done(outcome: Outcome) -> None:
        log.done(outcome)
        console.done(outcome)

    with Store.open() as store:
        result = build_targets(
            project,
            targets,
            store,
            options,
            command=command,
            run_id=run_id,
            started=started,
            done=done,
            remote=opener,
            say=say,
        )
        log.finish(result)
        written = leave_artifacts(project, store, result, command)
        console.finish(result)
        if check:
            say(f"checked {counted(result.checked, 'node')}, each run with one thread and with all")
        if not (as_json or trace or junit or markdown):
            remember(look, project, store, options, result, console, written)
    for line in remote_lines(result.remote) if result.remote else ():
        say(line)
    extras = {"trace": trace, "junit": junit, "markdown": markdown}
    leave_extras(project, result, {name: Path(path) for name, path in extras.items() if path})
    if as_json:
        print(written.read_text("utf-8"), end="")
    if any(outcome.status is Status.BUILT or outcome.source == "remote" for outcome in result.outcomes):
        keep_store_small(say)
    return result.exit_code


def keep_store_small(say: Callable[[str], None]) -> None:
    """Collect garbage if the store has grown above its bound. It is no part of the run, and cannot make it fail."""
    from fftcas.build.bound import bound, keep_within
    from fftcas.report.store import gone

    try:
        with Store.open() as store:
            limit = bound(store.path, os.environ)
            done = keep_within(store, limit)
        if done is not None and done.blobs:
            say(f"the store had grown above {bytes_text(limit)}: forgot {gone(done)}")
    except FftcasError as error:
        print(f"warning: the store was not made smaller: {error}", file=sys.stderr)


def has_unwatched_code(node: Node) -> bool:
    """Whether a Python model imports code that lies elsewhere and may be edited there."""
    python: Any = node.recipe["python"] if isinstance(node, PythonModel) else {"distributions": {}}
    return any(str(version).startswith(CODE) for version in python["distributions"].values())


def remember(
    look: Look, project: Project, store: Store, options: BuildOptions, result: Run, console: Console, results: Path
) -> None:
    """Remember a run that found nothing to do, if all that it rested on can be watched."""
    http = [outcome for outcome in result.outcomes if outcome.http is not None]
    watchable = (
        options.cache.reads
        and not (result.exit_code or result.files or options.check)
        and all(outcome.status is Status.FRESH for outcome in result.outcomes)
        and all(spent.status == "ok" for spent in result.budgets)
        and result.remote is None
        and not any(Path(node.path).is_absolute() for node in project.nodes.values())
        and not project.environ.get("FFT_SEEDS_DIR")  # may be a folder that is not watched
        and not Files(project.root).walk(FOLDER, (".py",))  # nobody knows what Python macros rest on
        and not any(has_unwatched_code(node) for node in project.nodes.values())
        and not (http and (options.http.refresh or ages(project, store, http)))
    )
    databases = database_files(project.profile.engine, project.profile.options)
    if not watchable or not databases:
        return
    # Responses may be refreshed by any project that shares the store.
    others = [store.path / "records" / "data.mdb"] if http else []
    watched = watch([str(path) for path in [*databases, Path.cwd() / ".env", *others]])
    if database_state(project.profile.engine, project.profile.options) != remembered_state(project, store):
        return  # someone else is writing to it
    look.remember(
        watched,
        console.said[:-1],
        [f"warning: {warning}" for warning in project.warnings],
        around_time(result) if console.verbosity >= 0 else ("", ""),
        [result.run_id, result.started_at, result.finished_at],
        results.read_text("utf-8"),
    )


def ages(project: Project, store: Store, http: Sequence[Outcome]) -> bool:
    """Whether a response that one of these outcomes rests on may be too old one day."""
    known = [store.realisation(outcome.derivation) for outcome in http if outcome.derivation]
    return bool(project.environ.get("FF_HTTP_TTL")) or any(each is None or each.http_max_age for each in known)


def parse_jobs(text: str) -> int:
    """The number that --jobs means. Raises UsageError."""
    if text == "auto":
        return min(os.cpu_count() or 1, 8)
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"--jobs takes a number from 1 on, or auto, not '{text}'")
    return int(text)
