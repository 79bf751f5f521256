"""The outcomes of nodes that were neither restored nor built: fresh, over budget, failed."""

from __future__ import annotations

from fftcas.build.budgets import Spent
from fftcas.build.clock import Clock, now
from fftcas.build.decide import Decision
from fftcas.build.http import Http
from fftcas.build.outcome import Outcome, Status
from fftcas.errors import FftcasError
from fftcas.label import Label


def fresh(decision: Decision, http: Http) -> Outcome:
    """The outcome of a node for which nothing has to be done."""
    manifest = decision.identity.manifest if decision.identity else None
    return Outcome(
        decision.node.label,
        Status.FRESH,
        decision.reason,
        decision.derivation.key if decision.derivation else None,
        decision.identity,
        rows=manifest.rows if manifest else None,
        bytes=manifest.size if manifest else 0,
        saved_seconds=decision.realisation.seconds if decision.realisation else 0.0,
        http=http.rested(decision.realisation),
    )


def over_budget(label: Label, exceeded: Spent) -> Outcome:
    """The outcome of a node that a budget does not allow to run."""
    return Outcome(label, Status.SKIPPED, f"over budget: {exceeded}")


def failure(label: Label, error: FftcasError, clock: Clock) -> Outcome:
    """The outcome of a node that failed, of work that began with the clock."""
    return Outcome(
        label,
        Status.FAILED,
        error.what.splitlines()[0],
        started_at=clock.started_at,
        finished_at=now(),
        seconds=clock.seconds,
        error=error,
    )
