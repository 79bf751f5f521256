"""What the next run would find, were nothing to change until then."""

from __future__ import annotations

from collections.abc import Sequence

from fftcas.build.budgets import Spent
from fftcas.build.clock import Clock, now
from fftcas.build.decide import Verdict
from fftcas.build.looking import looking
from fftcas.build.options import BuildOptions
from fftcas.build.plan import plan
from fftcas.build.run import Run, new_run_id
from fftcas.build.unmade import fresh
from fftcas.build.why import Explanation, explain_fresh
from fftcas.label import Label
from fftcas.project.nodes import Source
from fftcas.project.project import Project
from fftcas.store import Store


def next_run(
    project: Project, targets: Sequence[Label], store: Store, options: BuildOptions
) -> tuple[Run, list[Explanation]] | None:
    """The run that would find everything fresh, and what `why-rebuild` would say of each node; None if the next run
    would have something to do. Nothing is done.

    Ask when a run has ended, and what its database holds is known without opening it.
    """
    clock = Clock()
    with looking(project, store, options) as decider:
        planned = plan(project, project.graph.ancestors(targets), decider)
        decisions = [each.decision for each in planned]
        found = [decision for decision in decisions if decision and decision.verdict is Verdict.FRESH]
        if len(found) < len(decisions):
            return None
        outcomes = tuple(fresh(each, decider.http) for each in found if not isinstance(each.node, Source))
        files = tuple(sorted(decider.externals.read))
        explanations = explain_fresh(decider, planned)
    budgets = tuple(Spent(budget) for budget in project.budgets.run)
    run = Run(
        new_run_id(clock.started_at),
        clock.started_at,
        now(),
        clock.seconds,
        outcomes,
        budgets=budgets,
        files=files,
        database=decider.target.state,
    )
    return run, explanations
