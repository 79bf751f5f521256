"""What the same command would say now that a build is done: remembered as if it had been said already.

Deciding once more is little beside the run of most nodes, and the first build with nothing to do is as fast as those
after it.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from fftcas.build.next_run import next_run
from fftcas.cli.keeping import keep_plan
from fftcas.cli.remembering import is_known, may_remember_plan, plan_state, remember_build
from fftcas.report.artifacts import state
from fftcas.report.console import Console
from fftcas.report.files import json_lines
from fftcas.report.run_results import run_results

if TYPE_CHECKING:
    from fftcas.build.options import BuildOptions
    from fftcas.build.run import Run
    from fftcas.cli.look import Look
    from fftcas.label import Label
    from fftcas.project.project import Project
    from fftcas.store import Store


class Unseen(io.StringIO):
    """Where lines go that would be said on standard output."""

    def isatty(self) -> bool:
        return sys.stdout.isatty()


def foretell(
    look: Look,
    project: Project,
    targets: Sequence[Label],
    store: Store,
    options: BuildOptions,
    command: str,
    done: Run,
    shown: Console,
) -> None:
    """Remember what comes after the run `done`, if that will find all fresh."""
    if done.exit_code or done.remote is not None or not is_known(project, store):
        return  # it failed; what a remote says is never remembered; the database would have to be opened
    store.blobs.release()  # all is committed; to let go at the end would change what the plan rests on
    before = plan_state(project, store)
    found = next_run(project, targets, store, options)
    if found is None:
        return
    run, explanations = replace(found[0], commit=done.commit), found[1]  # the run of that commit is the one just done
    console = Console(shown.order, verbosity=shown.verbosity, out=Unseen())
    for outcome in run.outcomes:
        console.done(outcome)
    console.finish(run)
    results = json_lines(run_results(project, run, command))
    remember_build(look, project, store, options, run, console, results, state(project, run))
    fetched = any(each.made and each.made.http for each in explanations)  # by this command's rules, not by all's
    if not (run.files or fetched) and may_remember_plan(look, project, store, explanations, before):
        keep_plan(look, project, targets, explanations, before)
