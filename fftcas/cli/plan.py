"""What a build would do, as `why-rebuild` and `build --dry-run` print it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from fftcas.build.looking import looking
from fftcas.build.options import BuildOptions
from fftcas.build.why import Explanation, explain
from fftcas.cli.http_options import is_offline
from fftcas.cli.keeping import keep_outline, keep_plan
from fftcas.cli.remembering import may_remember_plan, plan_state, tells_secret
from fftcas.cli.remote_options import remote_reader
from fftcas.cli.unchanged import remember
from fftcas.label import Label
from fftcas.project.nodes import Source
from fftcas.project.project import Project
from fftcas.report import why as report
from fftcas.report.paint import visible
from fftcas.store import Store

if TYPE_CHECKING:
    from fftcas.cli.look import Look


def print_plan(
    project: Project,
    targets: Sequence[Label],
    options: BuildOptions,
    as_json: bool,
    verbose: int,
    look: Look | None = None,
) -> None:
    """Say what a build with these options would do, and why; remember it if there is a look and nothing to do."""
    targets = [label for label in targets if shown(project, label)]
    with Store.open() as store:
        before = plan_state(project, store)
        with looking(project, store, options) as decider:
            explanations = explain(decider, targets)
            files = decider.externals.read
        text = plan_text(project, explanations, targets, as_json, verbose, "would", since=None, run=None)
        click.echo(text, nl=False)
        if look is None:
            return
        keep_outline(look, project)
        if not files and may_remember_plan(look, project, store, explanations, before):
            told = [each for each in explanations if each.label in targets]
            if (as_json or len(told) != 1) and not tells_secret(
                project, text
            ):  # of a single one is told how long ago it was built
                remember(look, text, project.warnings, watched=before)
            if options == BuildOptions():
                keep_plan(look, project, targets, explanations, before)


def print_remote(
    project: Project, targets: Sequence[Label], options: BuildOptions, url: str | None, mode: str | None
) -> None:
    """Say what the remote, if there is one, has of the nodes that would run, or how its nearest output differs."""
    remote = remote_reader(url, mode, project.settings.remote, is_offline(project, options.http))
    if remote is None or not remote.reads:
        return
    from fftcas.build.why_remote import explain_remote

    with Store.open() as store:
        for miss in explain_remote(project, store, targets, options, remote):
            print(visible(f"remote: {miss}"))


def plan_text(
    project: Project,
    explanations: Sequence[Explanation],
    targets: Sequence[Label],
    as_json: bool,
    verbose: int,
    mood: str,
    **compared: str | None,
) -> str:
    if as_json:
        about = {"project": project.settings.name, "profile": project.profile.name, **compared}
        text = json.dumps(report.document(explanations, set(targets), about), indent=2, ensure_ascii=False) + "\n"
    else:
        text = "".join(f"{line}\n" for line in report.text(explanations, set(targets), verbose, mood=mood))
    return visible(text)


def shown(project: Project, label: Label) -> bool:
    """Whether a node can be up to date or not: a source cannot."""
    return not isinstance(project.nodes[label], Source)
