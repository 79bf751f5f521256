"""Many writers at once, killed at any moment, beside readers and collectors: what a remote shows is always whole."""

from __future__ import annotations

import random
import sys
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from build_worker import FORKS

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "remote"))

import remote_worker
from blake3 import blake3
from remote_cases import derivation, expected, fetch, fill, manifest_of, objects, publish, replace_frames, rows

from fftcas.cli.remote_upkeep import examine_remote, gc_remote
from fftcas.errors import RemoteError
from fftcas.store import Store
from fftcas.store.frame import Codec, pack
from fftcas.store.remote import Remote, RemoteMode, reach_for
from fftcas.store.remote.doctor import examine
from fftcas.store.remote.gc import RemotePolicy, collect
from fftcas.store.remote.transport import Transport

HOUR = 3600.0


@dataclass(frozen=True)
class Writer:
    """A process that fills a store, and then publishes what is in it."""

    process: Any
    filled: Connection

    def wait(self) -> int:
        self.process.join(120)
        return int(self.process.exitcode)

    def kill(self) -> None:
        self.process.kill()
        self.process.join()


def start(place: Path, store: Path, first: int, count: int, size: int = 100) -> Writer:
    filled, telling = FORKS.Pipe(duplex=False)
    process = FORKS.Process(target=remote_worker.work, args=(place, store, first, count, size, telling))
    process.start()
    telling.close()
    return Writer(process, filled)


def test_eight_writers_of_the_same_and_of_other_outputs(tmp_path: Path, place: Path) -> None:
    workers = [start(place, tmp_path / f"s{n}", 5 * n, 10) for n in range(8)]
    assert [worker.wait() for worker in workers] == [0] * 8
    keys = [derivation(number).key for number in range(45)]
    with Store.open(tmp_path / "reader") as store:
        assert fetch(place, store, keys, pytest.fail) == set(keys)
        assert all(rows(store, key) == expected(number) for number, key in enumerate(keys))
    assert examine(reach_for(str(place))).ill == ()
    assert objects(place, "tmp") == []


@pytest.mark.parametrize("rounds", [4, pytest.param(200, marks=pytest.mark.long)])
def test_writers_killed_at_any_moment(tmp_path: Path, place: Path, rounds: int) -> None:
    chance = random.Random(8)
    for turn in range(rounds):
        workers = [start(place, tmp_path / f"s{n}", 10 * n, 20, 500) for n in range(2)]
        for worker in workers:
            assert worker.filled.recv()
        time.sleep(chance.random() * 0.6)
        for worker in workers:
            worker.kill()
        said: list[str] = []
        keys = [derivation(number).key for number in range(30)]
        with Store.open(tmp_path / f"reader{turn}") as store:
            for number, key in enumerate(keys):
                if fetch(place, store, [key], said.append):
                    assert rows(store, key) == expected(number, 500)
        assert said == []
        assert examine(reach_for(str(place)), repair=False).ill == ()
    assert start(place, tmp_path / "s", 0, 30, 500).wait() == 0
    with Store.open(tmp_path / "last") as store:
        assert fetch(place, store, keys, pytest.fail) == set(keys)


def later(hours: float) -> float:
    return time.time() + hours * HOUR


def test_collection_has_two_phases(tmp_path: Path, place: Path) -> None:
    with Store.open(tmp_path / "a") as a, Store.open(tmp_path / "b") as b:
        keys = fill(a, 4)
        publish(place, a, keys)
        reach = reach_for(str(place))
        policy = RemotePolicy(older_than=HOUR)
        assert collect(reach, policy).condemned == 0
        first = collect(reach, policy, clock=lambda: later(2))
        assert (first.deleted, first.condemned) == ((), 8)
        assert fetch(place, b, keys[:1]) == {keys[0]}
        assert collect(reach, policy, clock=lambda: later(3)).deleted == ()
        dry = collect(reach, policy, dry_run=True, clock=lambda: later(27))
        done = collect(reach, policy, clock=lambda: later(27))
        assert len(done.deleted) == len(dry.deleted) == 8
        assert [objects(place, folder) for folder in ("claims", "packs", "near")] == [[], [], []]
        assert fetch(place, b, keys[1:]) == set()
        assert collect(reach, policy, clock=lambda: later(60)).deleted == ()


def test_what_was_used_meanwhile_stays(tmp_path: Path, place: Path) -> None:
    import os

    with Store.open(tmp_path / "a") as a:
        keys = fill(a, 2)
        publish(place, a, keys)
        reach = reach_for(str(place))
        policy = RemotePolicy(older_than=HOUR)
        collect(reach, policy, clock=lambda: later(2))
        (used,) = [path for path in objects(place, "claims") if keys[0] in path.name]
        os.utime(used, (later(26.5), later(26.5)))
        collect(reach, policy, clock=lambda: later(27))
        assert objects(place, "claims") == [used]
        with Store.open(tmp_path / "b") as b:
            assert fetch(place, b, keys) == {keys[0]}


def test_packs_that_no_claim_needs_go_and_those_that_are_shared_stay(tmp_path: Path, place: Path) -> None:
    with Store.open(tmp_path / "a") as a:
        keys = fill(a, 3)
        publish(place, a, keys)
        for path in objects(place, "claims"):
            if keys[0] in path.name:
                path.unlink()
        reach = reach_for(str(place))
        assert collect(reach, RemotePolicy(), clock=lambda: later(1)).condemned == 1
        assert len(collect(reach, RemotePolicy(), clock=lambda: later(30)).deleted) == 1
        with Store.open(tmp_path / "b") as b:
            assert fetch(place, b, keys) == set(keys[1:])


def test_the_largest_size_keeps_the_latest(tmp_path: Path, place: Path) -> None:
    import os

    with Store.open(tmp_path / "a") as a:
        keys = fill(a, 6)
        publish(place, a, keys)
        for number, key in enumerate(keys):
            (path,) = [path for path in objects(place, "claims") if key in path.name]
            os.utime(path, (later(-number - 1), later(-number - 1)))
        size = sum(path.stat().st_size for folder in ("claims", "packs") for path in objects(place, folder))
        reach = reach_for(str(place))
        policy = RemotePolicy(max_size=size // 2, grace=0)
        collect(reach, policy, clock=lambda: later(0.1))
        done = collect(reach, policy, clock=lambda: later(0.2))
        assert 1 < done.claims_kept < 5
        assert done.bytes_kept <= size // 2
        with Store.open(tmp_path / "b") as b:
            assert fetch(place, b, keys) == set(keys[: done.claims_kept])


def test_a_collection_between_any_two_steps_of_a_writer_loses_no_more_than_a_hit(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that the collector may delete goes at once, before every single object that is written."""
    from fftcas.store.remote.directory import Directory

    put = Directory.put
    collecting = False

    def put_after_collection(self: Directory, name: str, data: bytes, replace: bool = False) -> bool:
        nonlocal collecting
        if not collecting:
            collecting = True
            for _ in range(2):
                collect(reach_for(str(place)), RemotePolicy(older_than=0.0, grace=0.0), clock=lambda: later(48))
            collecting = False
        return put(self, name, data, replace)

    with Store.open(tmp_path / "a") as a:
        keys = fill(a, 3)
        with monkeypatch.context() as patch:
            patch.setattr(Directory, "put", put_after_collection)
            publish(place, a, keys)
        for turn in range(2):  # the first finds the wreck and mends it
            with Store.open(tmp_path / f"b{turn}") as b:
                remote = Remote.open(str(place), RemoteMode.RW)
                got = [key for key in keys if remote.intake.fetch(key, b)]
                fill(b, 3)
                for key in keys:
                    remote.publish(key, b)
                remote.finish()
        assert got == keys


def test_the_doctor_finds_and_removes_what_is_bad(tmp_path: Path, place: Path) -> None:
    with Store.open(tmp_path / "a") as a, Store.open(tmp_path / "b") as b:
        keys = fill(a, 3)
        publish(place, a, keys)
        reach = reach_for(str(place))
        assert examine(reach).ill == ()
        victim = objects(place, "packs")[0]
        victim.write_bytes(victim.read_bytes()[:-1])
        health = examine(reach, repair=False)
        assert (len(health.ill), health.deleted) == (2, ())  # the pack, and the claim that rests on it
        assert len(examine(reach).deleted) == 2
        assert examine(reach).ill == ()
        assert len(fetch(place, b, keys, pytest.fail)) == 2


def test_what_a_newer_version_packed_is_a_miss_and_stays(tmp_path: Path, place: Path) -> None:
    with Store.open(tmp_path / "a") as store:
        (key,) = fill(store, 1)
        publish(place, store, [key])
        manifest = manifest_of(store, key)
    known, newer = pack(b"known", Codec.RAW), bytes([250]) + bytes(20)
    digests = [column.digest for column in manifest.columns]
    replace_frames(place, [*((digest, newer) for digest in digests), (blake3(b"known").hexdigest(), known)])
    old = {path for path in objects(place, "packs") if b"known" not in path.read_bytes()}
    said: list[str] = []
    with Store.open(tmp_path / "b") as store:
        assert fetch(place, store, [key], said.append) == set()
    assert "which only a newer fftcas can know" in said[0]
    health = examine(reach_for(str(place)))
    assert (health.ill, health.deleted, health.newer) == ((), (), 1)
    (left,) = set(objects(place, "packs")) - old
    left.write_bytes(left.read_bytes().replace(b"known", b"knows"))
    assert str(left.relative_to(place)) in examine(reach_for(str(place))).deleted, "one of its frames is damaged"


def test_upkeep_leaves_alone_what_is_none_of_its_objects(tmp_path: Path, place: Path) -> None:
    mine = [place / name for name in ("tmp/thesis.tex", "packs/ab/backpack.txt", "claims/notes.txt", "gc/1.json")]
    garbage = place / "tmp" / ("a" * 32)
    for path in [*mine, garbage]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    (place / "keys").mkdir()
    (place / "keys" / "host").symlink_to("/etc/hostname")
    reach = reach_for(str(place))
    with pytest.raises(RemoteError, match="is not a remote that this fftcas knows"):
        gc_remote(str(place), str(tmp_path), None, None, 0.0, False)
    (place / "fftcas.json").write_text('{"fftcas-remote": 2}')
    with pytest.raises(RemoteError) as refused:
        examine_remote(str(place), str(tmp_path), repair=True)
    assert refused.value.why == "it has format 2, and this fftcas knows format 1"
    (place / "fftcas.json").unlink()
    Remote.open(str(place), RemoteMode.RW)
    for hours in (100, 200):
        done = collect(reach, RemotePolicy(older_than=1.0), clock=lambda hours=hours: later(hours))  # type: ignore[misc]
        assert (done.deleted, done.claims_kept) == ((str(garbage.relative_to(place)),) if hours == 100 else (), 0)
    health = examine(reach)
    assert [ill.name for ill in health.ill] == ["claims/notes.txt", "packs/ab/backpack.txt"]
    assert health.deleted == ()
    assert all(path.exists() for path in [*mine, place / "keys" / "host"])
    assert not garbage.exists()


def test_listing_ignores_strangers(place: Path) -> None:
    Remote.open(str(place), RemoteMode.RW)
    (place / "packs").mkdir(exist_ok=True)
    (place / "packs" / ".nfs000001").write_bytes(b"")
    (place / "packs" / "Not A Name").write_bytes(b"")
    transport: Transport = reach_for(str(place)).transport
    assert list(transport.list("packs")) == []
