"""A run as a timeline: who worked on what and when, and the path that decided how long it took."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from fftcas.build.run import Run
from fftcas.graph import Graph
from fftcas.label import Label


@dataclass(frozen=True)
class Span:
    """A node's time in a run: seconds since its start, and the worker (from 0) that did it."""

    label: Label
    start: float
    end: float
    worker: int


def spans(work: Iterable[tuple[Label, str, float]], started_at: str) -> list[Span]:
    """The times of nodes, given as label, start (ISO 8601) and seconds, in a run that began at `started_at`.

    They are in order of their start; those that overlap have different workers.
    """
    origin = datetime.fromisoformat(started_at)
    times = []
    for label, begun, seconds in work:
        if begun:
            start = max(0.0, (datetime.fromisoformat(begun) - origin).total_seconds())
            times.append((start, start + seconds, label))
    busy_until: list[float] = []
    found = []
    for start, end, label in sorted(times, key=lambda time: (time[0], time[2])):
        worker = next((i for i, until in enumerate(busy_until) if until <= start), len(busy_until))
        busy_until[worker : worker + 1] = [end]
        found.append(Span(label, start, end, worker))
    return found


def critical_path(graph: Graph, spans: Sequence[Span]) -> list[Label]:
    """The chain of nodes, each an input of the next, that took longest in sum."""
    seconds = {span.label: span.end - span.start for span in spans}
    total: dict[Label, float] = {}
    before: dict[Label, Label] = {}
    for label in graph.order:
        slowest = max(graph.inputs[label], key=lambda source: total[source], default=None)
        total[label] = seconds.get(label, 0.0) + (total[slowest] if slowest is not None else 0.0)
        if slowest is not None:
            before[label] = slowest
    if not seconds:
        return []
    path = [max(seconds, key=lambda label: total[label])]
    while path[-1] in before:
        path.append(before[path[-1]])
    return [label for label in reversed(path) if label in seconds]


def trace(run: Run) -> dict[str, object]:
    """The run in Chrome's trace format, which Perfetto opens; times in microseconds."""
    outcomes = {outcome.label: outcome for outcome in run.outcomes}
    worked = spans([(o.label, o.started_at, o.seconds) for o in run.outcomes], run.started_at)
    names: list[dict[str, object]] = [
        {"name": "thread_name", "ph": "M", "pid": 1, "tid": worker, "args": {"name": f"worker {worker + 1}"}}
        for worker in sorted({span.worker for span in worked})
    ]
    events: list[dict[str, object]] = [
        {
            "name": span.label.text,
            "cat": outcomes[span.label].status.value,
            "ph": "X",
            "pid": 1,
            "tid": span.worker,
            "ts": round(span.start * 1e6),
            "dur": round((span.end - span.start) * 1e6),
            "args": {
                "status": outcomes[span.label].status.value,
                "reason": outcomes[span.label].reason,
                "rows": outcomes[span.label].rows,
                "bytes": outcomes[span.label].bytes,
            },
        }
        for span in worked
    ]
    return {"traceEvents": [*names, *events], "displayTimeUnit": "ms"}
