"""What a person sees of a run: one line per node in build order, a live view on a terminal, and a summary."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from fftcas.amounts import counted, duration
from fftcas.build.outcome import Outcome, Status
from fftcas.build.run import Run
from fftcas.errors import BudgetError, FftcasError
from fftcas.label import Label
from fftcas.report.paint import fit, has_colours, visible
from fftcas.report.savings import saved_text
from fftcas.streams import reopen_closed

if TYPE_CHECKING:
    from rich.live import Live

COLOURS = {Status.FRESH: 2, Status.RESTORED: 36, Status.BUILT: 32, Status.FAILED: 31, Status.SKIPPED: 33}
"""ANSI colour codes by status."""

WIDTH = 80
"""Columns of a terminal that a line fits into, unless its label is too long."""

MANY = 50
"""Above so many nodes, fresh ones are counted and not listed, unless asked for with -v."""


class Console:
    """Prints a run as it goes. Lines come in build order: each waits for those before it that are not postponed."""

    def __init__(self, order: Sequence[Label], *, verbosity: int = 0, out: TextIO | None = None) -> None:
        self.out = out or sys.stdout
        self.order = order
        self.verbosity = verbosity
        self.position = 0
        self.outcomes: dict[Label, Outcome] = {}
        self.running: dict[Label, None] = {}
        self.late: set[Label] = set()
        self.said: list[str] = []
        self.width = max((len(label.text) for label in order), default=0)
        self.terminal = self.out.isatty()
        self.colours = has_colours(self.out)
        self.live: Live | None = None

    def started(self, label: Label) -> None:
        """A node began to be restored or run."""
        self.running[label] = None
        self.refresh()

    def done(self, outcome: Outcome) -> None:
        """A node is done; prints its line when all before it have theirs."""
        self.running.pop(outcome.label, None)
        self.outcomes[outcome.label] = outcome
        if outcome.label in self.late:
            self.line(outcome)
        self.advance()
        self.refresh()

    def postponed(self, label: Label) -> None:
        """A node will be done in the end: its line comes then, and no other waits for it."""
        self.late.add(label)
        self.advance()

    def advance(self) -> None:
        """Print the lines whose turn it is."""
        while self.position < len(self.order):
            label = self.order[self.position]
            if label not in self.late:
                if label not in self.outcomes:
                    return
                self.line(self.outcomes[label])
            self.position += 1

    def finish(self, run: Run) -> None:
        """Print what is left, then the errors, then the summary."""
        if self.live is not None:
            self.live.stop()
            self.live = None
        for outcome in run.outcomes[self.position :] if self.position < len(self.order) else ():
            self.line(outcome)
        for outcome in run.outcomes:
            if outcome.error is not None:
                print_error(outcome.error, f"{outcome.label} failed")
        for spent in run.budgets:
            if spent.status == "error":
                hint = "what was built is kept: raise the limit and build again to go on"
                print_error(BudgetError(f"over budget: {spent}", hint=hint))
            elif spent.status == "warn" and self.verbosity >= 0:
                print(f"warning: over budget: {spent}", file=sys.stderr)
        if self.verbosity >= 0:
            self.print(summary(run))

    def line(self, outcome: Outcome) -> None:
        if self.verbosity < 0 and outcome.ok:
            return
        if outcome.status is Status.FRESH and self.verbosity == 0 and len(self.order) > MANY:
            return
        cut = self.terminal and self.verbosity == 0  # a log has room
        room = max(24, WIDTH - self.width - len("restored") - 27) if cut else len(outcome.reason)
        text = f"{outcome.label.text:<{self.width}}  {facts(outcome, room)}".rstrip()
        self.print(f"{self.paint(outcome.status.value.ljust(8), outcome.status)}  {text}")
        for warning in outcome.warnings:
            self.print(f"          warning: {warning}")

    def print(self, text: str) -> None:
        text = visible(text)
        self.said.append(text)
        if self.live is not None:
            from rich.text import Text

            self.live.console.print(Text.from_ansi(text), soft_wrap=True)
        else:
            if self.out.closed:  # by a model
                reopen_closed()
                self.out = sys.stdout
            print(text, file=self.out)

    def paint(self, text: str, status: Status) -> str:
        return f"\033[{COLOURS[status]}m{text}\033[0m" if self.colours else text

    def refresh(self) -> None:
        """Show on a terminal what runs at this moment."""
        if not self.terminal or self.verbosity < 0:
            return
        from rich.console import Group
        from rich.live import Live
        from rich.spinner import Spinner

        if self.live is None:
            if not self.running:
                return
            self.live = Live(transient=True, refresh_per_second=8)
            self.live.start()
        count = f"{len(self.outcomes)}/{len(self.order)} nodes"
        self.live.update(Group(*(Spinner("dots", label.text) for label in list(self.running)[:8]), count))


def facts(outcome: Outcome, room: int) -> str:
    """Rows, time and reason of a node, in columns; the reason in at most `room` characters."""
    rows = "" if outcome.rows is None else counted(outcome.rows, "row")
    seconds = "" if outcome.status in (Status.FRESH, Status.SKIPPED) else duration(outcome.seconds)
    reason = "" if outcome.status is Status.FRESH else fit(outcome.reason, room)
    return f"{rows:>12}  {seconds:>7}  {reason}"


def summary(run: Run) -> str:
    """One line: how many nodes of each status, the time, and the time that hits saved if it is worth a word."""
    before, after = around_time(run)
    return f"{before}{duration(run.seconds)}{after}"


def around_time(run: Run) -> tuple[str, str]:
    """The summary's words before and after the time."""
    counts = [f"{run.count(status)} {status.value}" for status in Status if run.count(status)]
    words = ", ".join(counts) or ("nothing done" if run.interrupted else "nothing to do")
    spared = saved_text(run)
    return f"{words} in ", f"{', ' + spared if spared else ''}{' (interrupted)' if run.interrupted else ''}"


def print_error(error: FftcasError, title: str | None = None) -> None:
    """An error as one block on stderr."""
    head = "\033[31merror:\033[0m" if has_colours(sys.stderr) else "error:"
    text = f"{title}: {error}" if title else str(error)
    print(f"{head} {visible(text)}", file=sys.stderr)
