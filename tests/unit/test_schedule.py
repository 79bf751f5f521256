from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Sequence

import pytest

from fftcas.build.outcome import Outcome, Status
from fftcas.build.schedule import run_nodes
from fftcas.graph import Graph
from fftcas.label import Label

A, B, C, D, E = (Label("p", name) for name in "abcde")
#   a → b → d     c → e
GRAPH = Graph({A: (), B: (A,), C: (), D: (B,), E: (C,)})


def run(
    failing: set[Label] | None = None,
    *,
    jobs: int = 1,
    keep_going: bool = False,
    work: Callable[[Label], object] = lambda label: None,
    graph: Graph = GRAPH,
    small: Collection[Label] = (),
    most: int = 100,
    together: Callable[[Sequence[Label]], object] = lambda labels: None,
    ahead: Callable[[Sequence[Label]], None] = lambda labels: None,
    idle: Callable[[], None] = lambda: None,
) -> dict[str, str]:
    def outcome(label: Label) -> Outcome:
        work(label)
        status = Status.FAILED if label in (failing or set()) else Status.BUILT
        return Outcome(label, status, "")

    def carry_out(labels: Sequence[Label]) -> tuple[list[Outcome], Sequence[Label]]:
        together(labels)
        return [outcome(label) for label in labels[:most]], labels[most:]

    outcomes = run_nodes(
        graph,
        set(graph),
        ahead,
        lambda label: label,
        lambda label: label in small,
        carry_out,
        jobs=jobs,
        keep_going=keep_going,
        skipped=lambda label, failed: Outcome(label, Status.SKIPPED, failed.name),
        done=lambda outcome: None,
        idle=idle,
        interrupt=lambda: None,
    )
    return {label.name: outcome.status.value for label, outcome in outcomes.items()}


def test_the_longest_path_goes_first() -> None:
    assert list(run()) == ["a", "b", "c", "d", "e"]


def test_a_failure_stops_the_run() -> None:
    assert run({A}) == {"a": "failed", "b": "skipped", "c": "skipped", "d": "skipped", "e": "skipped"}


def test_keep_going_skips_only_what_the_failure_touches() -> None:
    assert run({A}, keep_going=True) == {"a": "failed", "b": "skipped", "c": "built", "d": "skipped", "e": "built"}


def test_two_nodes_run_at_once() -> None:
    both = threading.Barrier(2, timeout=10)
    started = run(jobs=2, work=lambda label: both.wait() and None if label in (A, C) else None)
    assert set(started.values()) == {"built"}


def test_who_waits_for_long_has_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fftcas.build.schedule.IDLE", 0.05)
    idle = threading.Event()

    def work(label: Label) -> None:
        assert idle.wait(10)

    assert set(run(idle=idle.set, work=work).values()) == {"built"}


def test_never_more_than_jobs_at_once() -> None:
    busy = threading.Semaphore(2)

    def work(label: Label) -> None:
        assert busy.acquire(blocking=False)
        time.sleep(0.01)
        busy.release()

    assert set(run(jobs=2, work=work).values()) == {"built"}


WIDE = Graph({Label("p", f"n{i}"): () for i in range(9)})


def test_small_nodes_that_are_ready_go_together() -> None:
    seen: list[list[str]] = []
    run(graph=GRAPH, small=set(GRAPH), together=lambda labels: seen.append([label.name for label in labels]))
    assert seen == [["a", "c"], ["b", "e"], ["d"]]


@pytest.mark.parametrize("jobs", [2, 4])
def test_small_nodes_are_shared_out_among_as_many_workers_as_there_are_cores(
    jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    sizes: list[int] = []
    run(graph=WIDE, small=set(WIDE), jobs=jobs, together=lambda labels: sizes.append(len(labels)))
    assert sorted(sizes) == [4, 5]


def test_what_is_left_of_small_nodes_goes_on() -> None:
    sizes: list[int] = []
    found = run(graph=WIDE, small=set(WIDE), most=4, together=lambda labels: sizes.append(len(labels)))
    assert sizes == [9, 5, 1]
    assert set(found.values()) == {"built"}


def test_the_failure_of_a_small_node_stops_the_run() -> None:
    found = run({A}, small=set(GRAPH))
    assert found == {"a": "failed", "c": "built", "b": "skipped", "d": "skipped", "e": "skipped"}


def test_nodes_that_are_ready_are_told_of_ahead_each_once_and_with_sound_inputs() -> None:
    told: list[list[str]] = []
    started: list[str] = []

    def ahead(labels: Sequence[Label]) -> None:
        assert labels
        assert not {label.name for label in labels} & set(started)
        told.append([label.name for label in labels])

    run({C}, keep_going=True, ahead=ahead, work=lambda label: started.append(label.name))
    assert told[0] == ["a", "c"]
    assert sorted(name for some in told for name in some) == ["a", "b", "c", "d"]
