"""`fftcas why-rebuild`: what would run, and which change did it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from fftcas.cli.common import Pattern, PatternCommand, load, load_at, project_options
from fftcas.cli.modes import CACHE
from fftcas.cli.remote_options import merged, remote_options

if TYPE_CHECKING:
    from fftcas.cli.look import Look


@click.command("why-rebuild", cls=PatternCommand)
@click.argument("patterns", nargs=-1, type=Pattern())
@click.option("--since", metavar="GITREF", help="Compare the files with those of a commit, not with the last build.")
@click.option("--run", "run_id", metavar="ID", help="Explain a past run.")
@click.option(
    "--cache",
    type=click.Choice(CACHE),
    default="rw",
    show_default=True,
    help="As for build.",
)
@click.option("--rebuild", is_flag=True, help="As for build.")
@click.option("--json", "as_json", is_flag=True, help="For programs; docs/why.md has the schema.")
@click.option("-v", "--verbose", count=True, help="List all nodes, with their keys.")
@remote_options
@project_options
@click.pass_obj
def why_rebuild(
    look: Look | None,
    /,
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
    from fftcas.build.options import BuildOptions, CacheMode
    from fftcas.cli.plan import plan_text, print_plan, print_remote, shown
    from fftcas.cli.selecting import Questions, choose

    project = load(directory, profile, variables)
    past = Questions(project, variables)
    targets = [label for label in choose(project, patterns, past) if shown(project, label)]
    forced = frozenset(targets) if rebuild else frozenset()
    if run_id is None and since is None:
        options = BuildOptions(cache=CacheMode(cache), forced=forced)
        alone = as_json or merged(remote, remote_mode, project.settings.remote, os.environ) is None
        print_plan(project, targets, options, as_json, verbose, look if alone and not past.asked else None)
        if not as_json:
            print_remote(project, targets, options, remote, remote_mode)
        return
    mood = "did" if run_id is not None else "may"
    if since is not None:
        from fftcas.build.why_since import explain_since

        explanations = explain_since(project, since, targets, load_at(project, variables))
    else:
        from fftcas.build.why_run import explain_run
        from fftcas.store import Store

        with Store.open() as store:
            explanations, targets = explain_run(project, store, run_id or "", targets if patterns else None)
    click.echo(plan_text(project, explanations, targets, as_json, verbose, mood, since=since, run=run_id), nl=False)
