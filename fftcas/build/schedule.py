"""The scheduler: a node starts as soon as its inputs are done, the longest path first, at most `jobs` at a time.

Small nodes that are ready at the same time are one job: to hand them over and to commit takes longer than they do.
"""

from __future__ import annotations

import heapq
import os
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from threading import Thread, current_thread
from typing import TypeVar

from fftcas.build.outcome import Outcome
from fftcas.graph import Graph
from fftcas.label import Label

Work = TypeVar("Work")
Started = tuple[Label, Work]
PATIENCE = 1.5
"""Seconds that workers have to stop after a keyboard interrupt."""

IDLE = 0.2
"""Seconds after which a wait is a long one."""

TOGETHER = 32
"""Small nodes that are one job, at most."""

AHEAD = 64
"""Nodes that are asked about at once, at most."""


def run_nodes(
    graph: Graph,
    wanted: Collection[Label],
    ahead: Callable[[Sequence[Label]], None],
    start: Callable[[Label], Outcome | Work],
    small: Callable[[Work], bool],
    work: Callable[[Sequence[Work]], tuple[Sequence[Outcome], Sequence[Work]]],
    *,
    jobs: int,
    keep_going: bool,
    skipped: Callable[[Label, Label], Outcome],
    done: Callable[[Outcome], None],
    idle: Callable[[], None],
    interrupt: Callable[[], None],
) -> dict[Label, Outcome]:
    """Bring `wanted` (closed under inputs) up to date; returns their outcomes in order of completion.

    `ahead` is told of nodes that are ready, all their inputs ok, before the first of them is started: what is asked
    about many at once takes less time. `start` is called once per node, in this thread, when all its inputs are ok: it
    answers at once, or with what `work` has to do in a worker thread; what is `small` goes there together, and what
    `work` leaves of it is shared out again.
    After a failure the nodes above it are `skipped(label, failed)`, and unless `keep_going` so is all that does not run
    yet; what runs is let finish. `done` is called in this thread for each outcome, and `idle` where nothing is done for
    a while. On a keyboard interrupt `interrupt` has to stop what the workers are doing; those that do not stop are left
    behind.
    """
    outcomes: dict[Label, Outcome] = {}
    waiting = {label: sum(source in wanted for source in set(graph.inputs[label])) for label in wanted}
    height = heights(graph, wanted)
    ready = [(-height[label], label.text, label) for label in wanted if waiting[label] == 0]
    heapq.heapify(ready)
    told: set[Label] = set()
    little: list[Started[Work]] = []
    running: dict[Future[tuple[Sequence[Outcome], Sequence[Work]]], Sequence[Started[Work]]] = {}
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

    def look_ahead(label: Label) -> None:
        """Tell of a node and of those that follow."""
        following = [each for _, _, each in heapq.nsmallest(AHEAD - 1, ready)]
        new = [each for each in [label, *following] if each not in told and sound(each)]
        told.update(new)
        ahead(new)

    def sound(label: Label) -> bool:
        return all(outcomes[source].ok for source in graph.inputs[label])

    def begin(label: Label) -> None:
        failed = next((source for source in graph.inputs[label] if not outcomes[source].ok), None)
        if failed is None and not keep_going:
            failed = first_failure
        if failed is not None:
            finish(skipped(label, failed))
            return
        if label not in told:
            look_ahead(label)
        answer = start(label)
        if isinstance(answer, Outcome):
            finish(answer)
        elif small(answer):
            little.append((label, answer))
        else:
            hand_over([(label, answer)])

    def hand_over(some: Sequence[Started[Work]]) -> None:
        running[pool.submit(work, [each for _, each in some])] = some

    def share_out() -> None:
        """Hand over what is small, in equal parts to the workers that have nothing to do. Who never waits needs no more
        of them than there are cores."""
        while little and len(running) < jobs:
            count = min(TOGETHER, -(-len(little) // max(1, cores - len(running))))
            some, little[:] = little[:count], little[count:]
            hand_over(some)

    cores = min(jobs, os.cpu_count() or 1)
    workers: list[Thread] = []
    pool = ThreadPoolExecutor(jobs, "node", initializer=lambda: workers.append(current_thread()))
    patient = True
    try:
        while ready or little or running:
            while ready and len(running) < jobs and len(little) < TOGETHER * (jobs - len(running)):
                begin(heapq.heappop(ready)[2])
            if first_failure is not None and not keep_going:
                for label, _ in little:
                    finish(skipped(label, first_failure))
                little.clear()
            share_out()
            if running:
                completed, _ = wait(running, IDLE, FIRST_COMPLETED)
                if not completed:
                    idle()
                    completed, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in completed:
                    some = running.pop(future)
                    made, left = future.result()
                    for outcome in made:
                        finish(outcome)
                    little[:0] = [each for each in some if any(each[1] is one for one in left)]
    except KeyboardInterrupt:
        patient = False
        # What was just handed over may be in no list yet: it is the workers that have to end.
        pool.shutdown(wait=False, cancel_futures=True)
        stop(workers, interrupt)
        raise
    finally:
        pool.shutdown(wait=patient, cancel_futures=True)
    return outcomes


def stop(workers: Sequence[Thread], interrupt: Callable[[], None]) -> None:
    """Interrupt what the workers do, and what they begin meanwhile, until they end. Python cannot be stopped: a worker
    that goes on is left behind."""
    until = time.monotonic() + PATIENCE
    while any(worker.is_alive() for worker in workers) and time.monotonic() < until:
        interrupt()
        for worker in workers:
            worker.join(0.05)


def heights(graph: Graph, wanted: Collection[Label]) -> dict[Label, int]:
    """For every wanted label the length of the longest path of wanted nodes that hang on it."""
    height: dict[Label, int] = {}
    for label in reversed(graph.order):
        if label in wanted:
            height[label] = max((height[r] + 1 for r in graph.readers[label] if r in height), default=0)
    return height
