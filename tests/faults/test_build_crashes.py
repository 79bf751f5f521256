"""Builds that are killed, interrupted, or run at the same time: the next one gives what a clean build gives."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from build_worker import POINTS, TABLES, Place, new_place

EDITIONS = 3


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What clean builds of the editions hold."""
    held = []
    for edition in range(EDITIONS):
        place = new_place(tmp_path_factory.mktemp("clean"))
        place.edit(edition)
        assert place.build() == 0, place.said()
        held.append(place.holds())
    assert held[0] != held[1]
    return held


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The first edition, built."""
    place = new_place(tmp_path_factory.mktemp("first"))
    place.edit(0)
    assert place.build() == 0, place.said()
    return place


def check(place: Place, expected: dict[str, Any]) -> int:
    """Build once more: all is as in a clean build, and nothing ran that had been committed. How many nodes ran?"""
    committed = place.committed()
    assert place.build() == 0, place.said()
    statuses = place.statuses()
    ran = {name for name, status in statuses.items() if status == "built"}
    assert place.holds() == expected
    assert not ran & committed
    return len(ran)


CALLS = {"blobs.put": (1, 2, 4), "commit": (1, 3, 6), "publish": (1, 3), "stamp": (1, 4)}
RESTORE_CALLS = {"stamp": (1, 3), "fill": (1, 3)}
"""The how-manieth call of a function it is that the process dies at, if not just the first."""
RESTORING = ("prepare", "stage_table", "publish", "stamp", "publish_view", "publish_tables", "fill", "close")
BUILDING = tuple(name for name in POINTS if name not in {"stage_table", "publish_tables", "fill"})
short_and_long = pytest.mark.parametrize("few", [True, pytest.param(False, marks=pytest.mark.long)])


def kills(names: tuple[str, ...], calls: Mapping[str, tuple[int, ...]], few: bool) -> list[str]:
    """The points in these functions, or every third of them."""
    every = [f"{when} {name} {n}" for name in names for when in ("before", "after") for n in calls.get(name, (1,))]
    return every[2::3] if few else every


@short_and_long
def test_kill_at_every_point_of_a_build(first: Place, clean: list[dict[str, Any]], tmp_path: Path, few: bool) -> None:
    """A new edition is built, on top of the first or where there is nothing, and dies on the way."""
    died = ran = 0
    points = kills(BUILDING, CALLS, few)
    for number, point in enumerate(points):
        place = first.copy(tmp_path / str(number))
        place.committed()
        if number % 4 == 0:
            place.database.unlink()
        place.edit(1)
        code = place.build(point=point)
        assert code in (0, -signal.SIGKILL), place.said()
        died += code != 0
        ran += check(place, clean[1])
    print(f"SIGKILL at {died} points of a build: the next one equals a clean build, {ran} nodes ran for it")
    assert died > len(points) * 0.8


@short_and_long
def test_kill_at_every_point_of_a_restore(first: Place, clean: list[dict[str, Any]], tmp_path: Path, few: bool) -> None:
    died = 0
    points = kills(RESTORING, RESTORE_CALLS, few)
    for number, point in enumerate(points):
        place = first.copy(tmp_path / str(number))
        place.database.unlink()
        died += place.build(point=point) == -signal.SIGKILL
        assert check(place, clean[0]) == 0
    print(f"SIGKILL at {died} points of a restore: the next build equals a clean one, nothing ran")
    assert died > len(points) * 0.8


@pytest.mark.parametrize("rounds", [6, pytest.param(300, marks=pytest.mark.long)])
def test_kill_at_random_moments(first: Place, clean: list[dict[str, Any]], tmp_path: Path, rounds: int) -> None:
    chance = random.Random(rounds)
    place = first.copy(tmp_path)
    died = ran = 0
    for _ in range(rounds):
        edition = chance.randrange(EDITIONS)
        place.edit(edition)
        if chance.random() < 0.3:
            place.database.unlink()
        place.committed()
        process = place.start(*(["--rebuild"] if chance.random() < 0.5 else []))
        time.sleep(chance.random() * 0.8)
        process.kill()
        process.join()
        died += process.exitcode == -signal.SIGKILL
        ran += check(place, clean[edition])
    print(f"{rounds} builds, {died} of them killed at random moments: the next equals a clean build, {ran} nodes ran")


@pytest.mark.parametrize("rounds", [4, pytest.param(200, marks=pytest.mark.long)])
def test_lost_blobs_then_a_build(first: Place, clean: list[dict[str, Any]], tmp_path: Path, rounds: int) -> None:
    from fftcas.store import Store

    chance = random.Random(rounds)
    place = first.copy(tmp_path)
    lost = ran = 0
    for _ in range(rounds):
        with Store.open(place.store) as store:
            environment = store.blobs.environment
            blobs = environment.read(lambda txn: [bytes(key) for key, _ in txn.cursor() if bytes(key)[:1] == b"b"])
            gone = chance.sample(blobs, chance.randrange(1, 6))
            environment.write(lambda txn, gone=gone: [txn.delete(key) for key in gone])  # type: ignore[misc]
        lost += len(gone)
        place.database.unlink()
        place.committed()
        ran += check(place, clean[0])
    print(f"{lost} blobs deleted in {rounds} rounds: the next build equals a clean one, {ran} nodes ran")
    assert ran


def test_eight_builds_at_once_into_one_store(clean: list[dict[str, Any]], tmp_path: Path) -> None:
    place = new_place(tmp_path)
    place.edit(2)
    paths = [tmp_path / f"{number}.duckdb" for number in range(8)]
    processes = [place.start(FF_DUCKDB_PATH=str(path)) for path in paths]
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 8, place.said()
    assert all(place.holds(path) == clean[2] for path in paths)
    committed = place.committed()
    assert committed == set(TABLES)
    assert place.build() == 0
    assert "built" not in place.statuses().values()
    print("8 builds at once into one store and 8 databases: all equal a clean build")


def test_eight_builds_at_once_into_one_database(clean: list[dict[str, Any]], tmp_path: Path) -> None:
    """DuckDB lets one process write: the others wait, or say who has the database."""
    place = new_place(tmp_path)
    place.edit(2)
    processes = []
    for number in range(8):
        copy = Place(place.project if number == 0 else new_place(tmp_path / str(number)).project, place.store)
        copy.edit(2)
        processes.append((copy, copy.start(FF_DUCKDB_PATH=str(place.database))))
    done = refused = 0
    for copy, process in processes:
        process.join(120)
        done += process.exitcode == 0
        if process.exitcode:
            refused += 1
            assert process.exitcode == 1
            assert "DuckDB lets only one process write" in copy.said()
            assert "process " in copy.said()
            assert "Traceback" not in copy.said()
    assert done
    assert place.build() == 0, place.said()
    assert place.holds() == clean[2]
    print(f"8 builds at once into one database: {done} waited their turn, {refused} said who has it")


@pytest.mark.parametrize("slow", ["sql", "python"])
def test_an_interrupt_ends_promptly_and_keeps_what_was_done(first: Place, tmp_path: Path, slow: str) -> None:
    place = first.copy(tmp_path)
    text = {
        "sql": "select sum(a.range * b.range) as x from range(4000000) a, range(4000000) b, {{ ref('spend') }}\n",
        "python": (
            "from fftcas import model\nimport time\n\n\n@model(deps=['spend'])\n"
            "def slow(spend):\n    time.sleep(60)\n    return spend\n"
        ),
    }
    model = place.project / "models" / ("slow.sql" if slow == "sql" else "slow.py")
    model.write_text(text[slow])
    place.edit(1)
    place.committed()
    process = place.start("--jobs", "2")
    journal = place.project / "committed"
    until = time.monotonic() + 60
    while not (journal.exists() and "spend" in journal.read_text()):
        assert time.monotonic() < until, place.said()
        time.sleep(0.02)
    time.sleep(0.5)
    began = time.monotonic()
    os.kill(process.pid, signal.SIGINT)
    process.join(30)
    seconds = time.monotonic() - began
    assert process.exitcode == 130, place.said()
    assert seconds < 5
    assert "Traceback" not in place.said()
    kept = place.committed()
    model.unlink()
    assert place.build() == 0, place.said()
    assert not {name for name, status in place.statuses().items() if status == "built"} & kept
    print(f"SIGINT while a {slow} model ran: exit 130 after {seconds:.1f} s, {len(kept)} nodes kept")
