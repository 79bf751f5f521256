"""A remote that is damaged, hostile, read-only, full, slow or gone: builds miss and say so, no row is ever wrong."""

from __future__ import annotations

import errno
import json
import os
import random
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest
from blake3 import blake3

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "remote"))

from remote_cases import (
    claim_parts,
    expected,
    fetch,
    fill,
    manifest_of,
    objects,
    publish,
    replace_frames,
    rows,
    write_claim,
)

from fftcas.errors import RemoteError
from fftcas.store import Store
from fftcas.store.chunks import encode
from fftcas.store.frame import Codec, pack
from fftcas.store.remote import Remote, RemoteMode, Signer
from fftcas.store.remote.directory import Directory
from fftcas.store.remote.transport import Entry

ROUNDS = 60


@pytest.fixture
def filled(tmp_path: Path, place: Path) -> Iterator[tuple[Store, list[str]]]:
    """A store whose three tables are published."""
    with Store.open(tmp_path / "a") as store:
        keys = fill(store, 3)
        publish(place, store, keys)
        yield store, keys


def check(place: Path, path: Path, keys: list[str], said: list[str]) -> set[str]:
    """Take over what can be taken; whatever comes is right."""
    with Store.open(path) as store:
        got = fetch(place, store, keys, said.append)
        for number, key in enumerate(keys):
            if key in got:
                assert rows(store, key) == expected(number)
            else:
                assert store.realisation(key) is None
        return got


@pytest.mark.parametrize("how", ["flip", "cut", "zero", "append"])
def test_damaged_bytes_are_never_a_table(
    tmp_path: Path, place: Path, filled: tuple[Store, list[str]], how: str
) -> None:
    chance = random.Random(how)
    everything = objects(place, "claims") + objects(place, "packs")
    for turn in range(ROUNDS):
        victim = chance.choice(everything)
        good = victim.read_bytes()
        at = chance.randrange(len(good))
        bad = {
            "flip": good[:at] + bytes([good[at] ^ 0xFF]) + good[at + 1 :],
            "cut": good[:at],
            "zero": good[:at] + bytes(len(good) - at),
            "append": good + b"x" * (at + 1),
        }[how]
        victim.write_bytes(bad)
        said: list[str] = []
        got = check(place, tmp_path / f"b{turn}", filled[1], said)
        assert len(got) == 2 or bad == good, (victim, at)
        assert len(said) == 1
        victim.write_bytes(good)


def test_damaged_packs_of_signed_claims_are_found_before_they_are_decompressed(tmp_path: Path, place: Path) -> None:
    chance = random.Random(9)
    signer = Signer.new("ci")
    with Store.open(tmp_path / "a") as store:
        (key,) = fill(store, 1, rows=5000)
        publish(place, store, [key], signer)
    (victim,) = objects(place, "packs")
    good = victim.read_bytes()
    for turn in range(20):
        at = chance.randrange(len(good))
        victim.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        with Store.open(tmp_path / f"b{turn}") as store:
            newline_of_head = good.find(b"\n") == at  # the only byte that means nothing
            got = fetch(place, store, [key], lambda text: None, trust=[str(signer.public)])
            assert got == ({key} if newline_of_head else set())
    victim.write_bytes(good)
    with Store.open(tmp_path / "c") as store:
        assert fetch(place, store, [key], pytest.fail, trust=[str(signer.public)]) == {key}
        assert rows(store, key) == expected(0, 5000)


def test_objects_in_the_wrong_role(tmp_path: Path, place: Path, filled: tuple[Store, list[str]]) -> None:
    packs, claims = objects(place, "packs"), objects(place, "claims")
    for turn, (victim, other) in enumerate([(packs[0], packs[1]), (packs[0], claims[0]), (claims[0], packs[0])]):
        good = victim.read_bytes()
        victim.write_bytes(other.read_bytes())
        assert len(check(place, tmp_path / f"b{turn}", filled[1], [])) == 2
        victim.write_bytes(good)


def test_missing_packs_are_misses_and_heal(tmp_path: Path, place: Path, filled: tuple[Store, list[str]]) -> None:
    keys = filled[1]
    for path in objects(place, "packs"):
        path.unlink()
    assert check(place, tmp_path / "b", keys, []) == set()
    with Store.open(tmp_path / "c") as other:
        remote = Remote.open(str(place), RemoteMode.RW)
        assert all(remote.intake.fetch(key, other) is None for key in keys)
        fill(other, 3)
        for key in keys:
            remote.publish(key, other)
        assert remote.finish().published.failed == 0
    assert check(place, tmp_path / "d", keys, []) == set(keys)


def test_links_pipes_and_folders_are_not_objects(tmp_path: Path, place: Path, filled: tuple[Store, list[str]]) -> None:
    keys = filled[1]
    outside = tmp_path / "outside"
    for turn, kind in enumerate(["symlink", "fifo", "folder", "linked folder"]):
        victim = objects(place, "packs")[0]
        good = victim.read_bytes()
        outside.write_bytes(good)
        victim.unlink()
        if kind == "symlink":
            victim.symlink_to(outside)
        elif kind == "fifo":
            os.mkfifo(victim)
        elif kind == "folder":
            victim.mkdir()
        else:
            parent = victim.parent
            moved = tmp_path / "moved"
            victim.write_bytes(good)
            parent.rename(moved)
            parent.symlink_to(moved)
        assert len(check(place, tmp_path / f"b{turn}", keys, [])) == 2, kind
        if kind == "linked folder":
            continue
        victim.rmdir() if kind == "folder" else victim.unlink()
        victim.write_bytes(good)


def test_nothing_is_written_through_links(tmp_path: Path, place: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    Remote.open(str(place), RemoteMode.RW)
    (place / "claims").symlink_to(outside)
    with Store.open(tmp_path / "a") as store:
        report = publish(place, store, fill(store, 1))
    assert report.published.failed == 1
    assert list(outside.iterdir()) == []


def test_bombs_do_not_go_off(tmp_path: Path, place: Path) -> None:
    """Frames that would become gigabytes: refused by what they declare, before anything is decompressed."""
    import resource

    with Store.open(tmp_path / "a") as store:
        (key,) = fill(store, 1)
        publish(place, store, [key])
        manifest = manifest_of(store, key)
        zeros = pack(bytes(1 << 28), Codec.ZSTD)
        lying = zeros[:1] + (100).to_bytes(4, "little") + zeros[5:]
        huge = zeros[:1] + (0xFFFFFFFF).to_bytes(4, "little") + zeros[5:]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for turn, bomb in enumerate([zeros, lying, huge]):
        replace_frames(place, [(column.digest, bomb) for column in manifest.columns])
        assert check(place, tmp_path / f"b{turn}", [key], []) == set()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


def test_right_bytes_that_are_no_arrow_are_not_stored(tmp_path: Path, place: Path) -> None:
    with Store.open(tmp_path / "a") as store:
        (key,) = fill(store, 1)
        publish(place, store, [key])
    junk = [b"ARROW1" + letter * 500 for letter in (b"a", b"b")]
    frames = forge(place, [[(junk[0], 100)], [(junk[1], 100)]])
    said: list[str] = []
    with Store.open(tmp_path / "b") as store:
        assert fetch(place, store, [key], said.append) == set()
        assert not any(store.blobs.has([digest]) for digest, _ in frames)
    assert "it is not a chunk" in said[0]


def test_lists_that_do_not_agree_about_a_chunk_are_believed_in_nothing(tmp_path: Path, place: Path) -> None:
    with Store.open(tmp_path / "a") as store:
        (key,) = fill(store, 1)
        publish(place, store, [key])
    whole, half = (
        encode(pa.array(range(rows), pa.int64()), pa.field("", pa.int64())).to_pybytes() for rows in (100, 50)
    )
    for turn, columns in enumerate([[[(whole, 100)], [(whole, 50), (half, 50)]], [[(half, 100)], [(half, 50)] * 2]]):
        frames = forge(place, columns)
        said: list[str] = []
        with Store.open(tmp_path / f"b{turn}") as store:
            remote = Remote.open(str(place), RemoteMode.RO, warn=said.append)
            assert remote.intake.fetch(key, store) is None
            assert not any(store.blobs.has([digest]) for digest, _ in frames)
        assert "do not agree" in said[0]


def forge(place: Path, columns: list[list[tuple[bytes, int]]]) -> list[tuple[str, bytes]]:
    """Make the only claim, of a table of 100 rows, speak of columns of these chunks; the frames that it points to."""
    (path,) = objects(place, "claims")
    body = claim_parts(path)[1]
    manifest = json.loads(str(body["manifest"]))
    frames = []
    for column, chunks in zip(manifest["columns"], columns, strict=True):
        chunk_list = json.dumps([[blake3(data).hexdigest(), rows, len(data)] for data, rows in chunks]).encode()
        column[3], column[4] = blake3(chunk_list).hexdigest(), sum(len(data) for data, _ in chunks)
        frames.append((column[3], pack(chunk_list, Codec.RAW)))
        frames += [(blake3(data).hexdigest(), pack(data, Codec.RAW)) for data, _ in chunks]
    body["manifest"] = json.dumps(manifest, separators=(",", ":"))
    body["realisation"]["output"] = blake3(str(body["manifest"]).encode()).hexdigest()
    write_claim(path, body)
    replace_frames(place, list(dict(frames).items()))
    return frames


def test_a_directory_that_may_only_be_read(tmp_path: Path, place: Path, filled: tuple[Store, list[str]]) -> None:
    """As another user where this one is root, who may write everywhere."""
    mine = tmp_path / "mine"
    mine.mkdir()
    for path in [place, *place.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    with as_nobody(tmp_path, mine):
        remote = Remote.open(str(place), RemoteMode.RW)
        with Store.open(mine / "store") as store:
            got = [remote.intake.fetch(key, store) for key in filled[1]]
            remote.publish(fill(store, 1, start=50)[0], store)
            report = remote.finish()
        with pytest.raises(RemoteError, match="is required"):
            Remote.open(str(place), RemoteMode.REQUIRED)
    place.chmod(0o755)
    assert remote.summary == f"remote: {place}, read-only (permission denied), 3 outputs"
    assert all(got)
    assert (report.published.failed, report.problems) == (0, ())


@contextmanager
def as_nobody(tmp_path: Path, own: Path) -> Iterator[None]:
    """Without the rights of root, in a folder of one's own."""
    if os.geteuid() != 0:
        yield
        return
    for parent in (parent for parent in tmp_path.parents if parent.name.startswith(("pytest-", "popen-"))):
        parent.chmod(parent.stat().st_mode | 0o055)
    tmp_path.chmod(0o755)
    os.chown(own, 65534, 65534)
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


class Slow(Directory):
    """A share that hangs."""

    def get(self, name: str, start: int, stop: int) -> bytes | None:
        if name.startswith(("claims", "packs")):
            time.sleep(60)
        return super().get(name, start, stop)


def test_a_share_that_hangs_is_given_up(
    place: Path, filled: tuple[Store, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FFTCAS_REMOTE_TIMEOUT", "0.3")
    monkeypatch.setattr("fftcas.store.remote.probe.Directory", Slow)
    said: list[str] = []
    remote = Remote.open(str(place), RemoteMode.RW, warn=said.append)
    started = time.monotonic()
    assert all(remote.intake.fetch(key, filled[0]) is None for key in filled[1] * 20)
    report = remote.finish()
    assert time.monotonic() - started < 3
    assert said == [f"the remote {place} failed (no answer within 0.3 s); the build goes on without it"]
    assert report.degraded
    required = Remote.open(str(place), RemoteMode.REQUIRED)
    with pytest.raises(RemoteError):
        required.intake.fetch(filled[1][0], filled[0])


def test_a_full_disk_ends_publishing_not_reading(
    tmp_path: Path, place: Path, filled: tuple[Store, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, keys = filled
    said: list[str] = []
    remote = Remote.open(str(place), RemoteMode.RW, warn=said.append)

    def full(fd: int, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("fftcas.store.remote.directory._write", full)
    for key in fill(store, 5, start=10):
        remote.publish(key, store)
    assert remote.publisher is not None
    remote.publisher.finish()
    with Store.open(tmp_path / "b") as other:
        assert all(remote.intake.fetch(key, other) for key in keys)
    report = remote.finish()
    assert report.published.failed == 5
    assert not report.degraded
    assert said == [
        f"the remote {place} failed (no room is left (no space left on device)); nothing more is written there"
    ]
    assert objects(place, "tmp") == []


def test_a_link_that_was_made_though_it_is_said_to_have_failed(
    place: Path, filled: tuple[Store, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """NFS: the answer is lost, the request repeated, and the second one finds the first one's link."""
    link = os.link

    def twice(*names: str, **how: object) -> None:
        link(*names, **how)  # type: ignore[arg-type]
        raise FileExistsError(errno.EEXIST, "File exists")

    monkeypatch.setattr(os, "link", twice)
    store, _ = filled
    assert publish(place, store, fill(store, 2, start=20)).published.claims == 2


def test_a_file_system_without_hard_links(tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*names: str, **how: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", never)
    with Store.open(tmp_path / "a") as store:
        keys = fill(store, 2)
        assert publish(place, store, keys).published.claims == 2
        assert objects(place, "tmp") == []
    assert check(place, tmp_path / "b", keys, []) == set(keys)


class Delayed(Directory):
    """A share where new objects show up in any order: here, packs never."""

    def get(self, name: str, start: int, stop: int) -> bytes | None:
        return None if name.startswith("packs") else super().get(name, start, stop)

    def stat(self, names: Collection[str]) -> dict[str, Entry]:
        return {}


def test_what_is_not_visible_yet_is_a_miss(
    tmp_path: Path, place: Path, filled: tuple[Store, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("fftcas.store.remote.probe.Directory", Delayed)
        said: list[str] = []
        assert check(place, tmp_path / "b", filled[1], said) == set()
        assert said == []
        assert publish(place, filled[0], filled[1]).published.failed == 0  # all is there, though it seems not to be
    assert check(place, tmp_path / "c", filled[1], []) == set(filled[1])
