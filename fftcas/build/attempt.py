"""An attempt at a run, on what is known of the database; a second one is made if another process wrote to it then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import chdir

from fftcas.build.builder import Builder
from fftcas.build.decide import Decider
from fftcas.build.deferral import Deferral, needed
from fftcas.build.outcome import Outcome, Status
from fftcas.build.realise import Realiser
from fftcas.build.recording import Recording
from fftcas.build.schedule import run_nodes
from fftcas.label import Label
from fftcas.project.nodes import Source


class Attempt:
    """Brings `targets` and all that they read up to date; `outcomes` is what became of them so far.

    `done` hears of nodes only when nobody else can write to the database any more, or in the end: what was decided
    before is not believed if the attempt is overtaken.
    """

    def __init__(
        self,
        targets: Sequence[Label],
        decider: Decider,
        realiser: Realiser,
        recording: Recording,
        started: Callable[[Label], None],
        done: Callable[[Outcome], None],
        postponed: Callable[[Label], None],
    ) -> None:
        project, options = decider.project, decider.options
        self.targets = targets
        self.decider = decider
        self.realiser = realiser
        self.outcomes: dict[Label, Outcome] = {}
        self.checked: dict[Label, Outcome] = {}
        """Those of nodes that were run again to compare."""
        self._recording = recording
        self._started, self._done, self._postponed = started, done, postponed
        self._wanted = project.graph.ancestors(targets)
        self._untold: list[Outcome] = []
        self.deferral = Deferral(decider, realiser.sharing, self._wanted, needed(project, options.materialize, targets))
        self.builder = Builder(decider, realiser, self._begin, self._wanted, self.deferral)

    def run(self) -> None:
        """Do it all. Raises OvertakenError, before anything was done, if another process wrote to the database."""
        project, options, builder = self.decider.project, self.decider.options, self.builder
        self.decider.statements.learn(map(project.nodes.__getitem__, self._wanted))
        with chdir(project.root):  # where the relative paths in models start
            run_nodes(
                project.graph,
                self._wanted,
                builder.foresee,
                builder.start,
                builder.small,
                builder.work,
                jobs=options.jobs,
                keep_going=options.keep_going,
                skipped=builder.skipped,
                done=self._keep,
                idle=self._recording.catch_up,
                interrupt=self._interrupt,
            )
            for outcome in builder.settle():
                self._keep(outcome)
            if options.check:
                self._check()
        self._tell()

    def results(self) -> tuple[Outcome, ...]:
        """What became of the nodes, in the graph's order."""
        outcomes = self.outcomes | self.deferral.brought | self.checked
        return tuple(outcomes[label] for label in self.decider.project.graph if label in outcomes)

    def _begin(self, label: Label) -> None:
        self._recording.keep()
        self._started(label)

    def _keep(self, outcome: Outcome) -> None:
        if outcome.identity is not None:
            self.decider.identities[outcome.label] = outcome.identity
        if self.deferral.left(outcome.label):
            self._recording.behind = True
        if self.deferral.owes(outcome.label):
            self._postponed(outcome.label)
            return
        is_source = isinstance(self.decider.project.nodes[outcome.label], Source)
        if is_source and outcome.status is not Status.FAILED:  # nothing was done, or is left to be done
            return
        self.outcomes[outcome.label] = outcome
        self.builder.spend(outcome)
        self._untold.append(outcome)
        if self.realiser.target.is_open:
            self._tell()

    def _tell(self) -> None:
        for outcome in self._untold:
            self._done(outcome)
        self._untold.clear()

    def _check(self) -> None:
        from fftcas.build.check import checked

        self.realiser.target.engine()
        self._tell()
        found = checked(self.realiser, self.targets, self.outcomes)
        self.checked.update((outcome.label, outcome) for outcome in found)

    def _interrupt(self) -> None:
        self.builder.stopping = True
        self.realiser.executor.workers.interrupt()
        self.realiser.target.interrupt()
