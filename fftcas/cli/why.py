"""`fftcas why-rebuild`: what would run, and which change did it."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from fftcas.build.options import BuildOptions, CacheMode
from fftcas.build.why import Explanation, explain
from fftcas.cli.common import Pattern, PatternCommand, load, load_at, project_options
from fftcas.cli.remote_options import remote_options
from fftcas.cli.selecting import choose
from fftcas.label import Label
from fftcas.project.nodes import Source
from fftcas.project.project import Project
from fftcas.report import why as report
from fftcas.store import Store


@click.command("why-rebuild", cls=PatternCommand)
@click.argument("patterns", nargs=-1, type=Pattern())
@click.option("--since", metavar="GITREF", help="Compare the files with those of a commit, not with the last build.")
@click.option("--run", "run_id", metavar="ID", help="Explain a past run.")
@click.option(
    "--cache",
    type=click.Choice([mode.value for mode in CacheMode]),
    default="rw",
    show_default=True,
    help="As for build.",
)
@click.option("--rebuild", is_flag=True, help="As for build.")
@click.option("--json", "as_json", is_flag=True, help="For programs; docs/why.md has the schema.")
@click.option("-v", "--verbose", count=True, help="List all nodes, with their keys.")
@remote_options
@project_options
def why_rebuild(
    patterns: tuple[str, ...],
    since: str | None,
    run_id: str | None,
    cache: str,
    rebuild: bool,
    as_json: bool,
    verbose: int,
    remote: str | None,
    remote_mode: str | None,
    directory: str | None,
    profile: str | None,
    variables: tuple[str, ...],
) -> None:
    """Tell what a build of PATTERNS (all nodes by default) would run, and which change did it.

    The root causes come first: the cell of a seed, the line of a macro, the variable. No model runs, and nothing is
    changed.
    """
    project = load(directory, profile, variables)
    targets = [label for label in choose(project, patterns, variables) if shown(project, label)]
    forced = frozenset(targets) if rebuild else frozenset()
    if run_id is None and since is None:
        options = BuildOptions(cache=CacheMode(cache), forced=forced)
        print_plan(project, targets, options, as_json, verbose)
        if not as_json:
            print_remote(project, targets, options, remote, remote_mode)
        return
    mood = "did" if run_id is not None else "may"
    if since is not None:
        from fftcas.build.why_since import explain_since

        explanations = explain_since(project, since, targets, load_at(project, variables))
    else:
        from fftcas.build.why_run import explain_run

        with Store.open() as store:
            explanations, targets = explain_run(project, store, run_id or "", targets if patterns else None)
    print_report(project, explanations, targets, as_json, verbose, mood, since=since, run=run_id)


def print_plan(project: Project, targets: Sequence[Label], options: BuildOptions, as_json: bool, verbose: int) -> None:
    """Say what a build with these options would do, and why."""
    targets = [label for label in targets if shown(project, label)]
    with Store.open() as store:
        explanations = explain(project, store, targets, options)
    print_report(project, explanations, targets, as_json, verbose, "would", since=None, run=None)


def print_remote(
    project: Project, targets: Sequence[Label], options: BuildOptions, url: str | None, mode: str | None
) -> None:
    """Say what the remote, if there is one, has of the nodes that would run, or how its nearest output differs."""
    from fftcas.cli.remote_options import remote_reader

    remote = remote_reader(url, mode, project.settings.remote)
    if remote is None or not remote.reads:
        return
    from fftcas.build.why_remote import explain_remote

    with Store.open() as store:
        for miss in explain_remote(project, store, targets, options, remote):
            print(f"remote: {miss}")


def print_report(
    project: Project,
    explanations: Sequence[Explanation],
    targets: Sequence[Label],
    as_json: bool,
    verbose: int,
    mood: str,
    **compared: str | None,
) -> None:
    if as_json:
        about = {"project": project.settings.name, "profile": project.profile.name, **compared}
        click.echo(json.dumps(report.document(explanations, set(targets), about), indent=2, ensure_ascii=False))
        return
    for line in report.text(explanations, set(targets), verbose, mood=mood):
        print(line)


def shown(project: Project, label: Label) -> bool:
    """Whether a node can be up to date or not: a source cannot."""
    return not isinstance(project.nodes[label], Source)
