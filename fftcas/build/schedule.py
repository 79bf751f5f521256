"""The scheduler: a node starts as soon as its inputs are done, the longest path first, at most `jobs` at a time."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from fftcas.build.outcome import Outcome
from fftcas.graph import Graph
from fftcas.label import Label

Job = Callable[[], Outcome]
PATIENCE = 1.5
"""Seconds that workers have to stop after a keyboard interrupt."""


def run_nodes(
    graph: Graph,
    wanted: Collection[Label],
    start: Callable[[Label], Outcome | Job],
    *,
    jobs: int,
    keep_going: bool,
    skipped: Callable[[Label, Label], Outcome],
    done: Callable[[Outcome], None],
    interrupt: Callable[[], None],
) -> dict[Label, Outcome]:
    """Bring `wanted` (closed under inputs) up to date; returns their outcomes in order of completion.

    `start` is called once per node, in this thread, when all its inputs are ok: it answers at once, or with a job for a
    worker thread. After a failure the nodes above it are `skipped(label, failed)`, and unless `keep_going` so is
    all that has not been started; what runs is let finish. `done` is called in this thread for each outcome.
    On a keyboard interrupt `interrupt` has to stop what the workers are doing; those that do not stop are left behind.
    """
    outcomes: dict[Label, Outcome] = {}
    waiting = {label: sum(source in wanted for source in set(graph.inputs[label])) for label in wanted}
    height = heights(graph, wanted)
    ready = [(-height[label], label.text, label) for label in wanted if waiting[label] == 0]
    heapq.heapify(ready)
    running: dict[Future[Outcome], Label] = {}
    first_failure: Label | None = None

    def finish(outcome: Outcome) -> None:
        nonlocal first_failure
        outcomes[outcome.label] = outcome
        if not outcome.ok and first_failure is None:
            first_failure = outcome.label
        done(outcome)
        for reader in graph.readers[outcome.label]:
            if reader in waiting:
                waiting[reader] -= 1
                if waiting[reader] == 0:
                    heapq.heappush(ready, (-height[reader], reader.text, reader))

    pool = ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="node")
    ended = True
    try:
        while ready or running:
            while ready and len(running) < jobs:
                label = heapq.heappop(ready)[2]
                failed = next((source for source in graph.inputs[label] if not outcomes[source].ok), None)
                if failed is None and not keep_going:
                    failed = first_failure
                if failed is not None:
                    finish(skipped(label, failed))
                    continue
                answer = start(label)
                if isinstance(answer, Outcome):
                    finish(answer)
                else:
                    running[pool.submit(answer)] = label
            if running:
                completed, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in completed:
                    del running[future]
                    finish(future.result())
    except KeyboardInterrupt:
        ended = False
        ended = stopped(running, interrupt)
        raise
    finally:
        pool.shutdown(wait=ended, cancel_futures=True)
    return outcomes


def stopped(running: Collection[Future[Outcome]], interrupt: Callable[[], None]) -> bool:
    """Interrupt what the workers do, and what they begin meanwhile; False if one goes on (Python cannot be stopped)."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        interrupt()
        if not wait(running, timeout=0.05).not_done:
            return True
    return False


def heights(graph: Graph, wanted: Collection[Label]) -> dict[Label, int]:
    """For every wanted label the length of the longest path of wanted nodes that hang on it."""
    height: dict[Label, int] = {}
    for label in reversed(graph.order):
        if label in wanted:
            height[label] = max((height[r] + 1 for r in graph.readers[label] if r in height), default=0)
    return height
