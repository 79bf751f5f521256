"""What hits spared: the rows, bytes and seconds of nodes that did not have to run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fftcas.amounts import duration
from fftcas.build.outcome import Status
from fftcas.build.run import Run

if TYPE_CHECKING:
    from fftcas.store.stats import Day

WORTH_SAYING = 1.0
"""Seconds below which a summary does not speak of what was saved."""


@dataclass(frozen=True)
class Saved:
    """Outputs that were fresh or restored: how many, what they hold, and the seconds that making them once took."""

    nodes: int = 0
    rows: int = 0
    bytes: int = 0
    seconds: float = 0.0


def saved(run: Run) -> Saved:
    """What the run did not have to do."""
    hits = [o for o in run.outcomes if o.status in (Status.FRESH, Status.RESTORED) and o.derivation is not None]
    return Saved(
        len(hits), sum(o.rows or 0 for o in hits), sum(o.bytes for o in hits), sum(o.saved_seconds for o in hits)
    )


def saved_text(run: Run) -> str:
    """`saved 2 min 5 s`, or nothing if that is not worth a word."""
    seconds = saved(run).seconds
    return f"saved {duration(seconds)}" if seconds >= WORTH_SAYING and seconds > run.seconds else ""


def over_time(days: Sequence[Day]) -> list[str]:
    """A line for each day: runs, the share of nodes that were hits, and the time that these saved."""
    longest = max((day.saved for day in days), default=0.0)
    lines = []
    for day in days:
        hits = day.nodes.get("fresh", 0) + day.nodes.get("restored", 0)
        ran = hits + day.nodes.get("built", 0) + day.nodes.get("failed", 0)
        share = f"{hits / ran:4.0%}" if ran else "   –"
        bar = "█" * round(20 * day.saved / longest) if longest else ""
        lines.append(f"{day.date}  {day.runs:>5} runs  {share} hits  saved {duration(day.saved):>10}  {bar}".rstrip())
    return lines
