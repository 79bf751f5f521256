"""Large tables pass through to their reader while the store takes them over: whole and verified, or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from blake3 import blake3
from remote_cases import (
    claim_parts,
    derivation,
    expected,
    fetch,
    fill,
    manifest_of,
    objects,
    publish,
    realisation,
    replace_frames,
    rows,
    write_claim,
)

from fftcas.store import MissingBlob, Store
from fftcas.store.blobs import Blob
from fftcas.store.chunks import encode
from fftcas.store.frame import Codec, pack
from fftcas.store.remote import Remote, RemoteMode, passing
from fftcas.store.remote.ahead import Ahead
from fftcas.store.tables import chunk_list
from fftcas.table import Column, Table

COUNT = 200_000


@pytest.fixture(autouse=True)
def everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fftcas.store.remote.claim.TOGETHER", 0)
    monkeypatch.setattr("fftcas.store.remote.pack.TARGET", 1 << 15)


@pytest.fixture
def key(tmp_path: Path, place: Path) -> str:
    """The derivation of a published table."""
    with Store.open(tmp_path / "a") as store:
        (key,) = fill(store, 1, rows=COUNT)
        publish(place, store, [key])
        return key


def reader(place: Path, said: list[str] | None = None) -> Remote:
    return Remote.open(str(place), RemoteMode.RO, warn=pytest.fail if said is None else said.append)


def is_damaged(place: Path, path: Path, key: str) -> tuple[list[str], int]:
    """Try to read a table that is not whole: what is said, and how many rows came. Nothing of it counts."""
    said: list[str] = []
    came: list[int] = []
    with Store.open(path) as store:
        remote = reader(place, said)
        table = remote.intake.passing(key, store)
        if table is not None:
            with pytest.raises(MissingBlob):
                came.extend(map(len, table.batches))
        assert store.realisation(key) is None
        assert not remote.intake.has(key)
        assert remote.intake.fetch(key, store) is None  # it is not asked for again
        remote.finish()
    return said, sum(came)


def test_of_a_table_that_is_half_there_only_the_other_half_is_read(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers: list[Ahead] = []

    class Watched(Ahead):
        def __init__(self, *how: Any) -> None:
            super().__init__(*how)
            readers.append(self)

    monkeypatch.setattr(passing, "Ahead", Watched)
    monkeypatch.setattr("fftcas.store.chunks.ROWS", COUNT // 20)
    with Store.open(tmp_path / "a") as a, Store.open(tmp_path / "b") as store:
        (key,) = fill(a, 1, rows=COUNT, start=7)
        publish(place, a, [key])
        manifest = manifest_of(a, key)
        chunks = [chunk.digest for column in manifest.columns for chunk in chunk_list(a.blobs, column)]
        held = [(digest, a.blobs.frame(digest)) for digest in chunks[1::2]]
        store.blobs.put([Blob(digest, 0, Codec.ZSTD, frame) for digest, frame in held])
        remote = reader(place)
        table = remote.intake.passing(key, store)
        assert table is not None
        assert sum(len(batch) for batch in table.batches) == COUNT
        assert rows(store, key) == expected(7, COUNT)
        remote.finish()
        (watched,) = readers
        assert watched._seen == set(chunks[::2])
        assert not watched._ready


def test_a_table_is_in_the_store_when_its_stream_has_ended(tmp_path: Path, place: Path, key: str) -> None:
    with Store.open(tmp_path / "b") as store:
        remote = reader(place)
        table = remote.intake.passing(key, store)
        assert table is not None
        found = []
        for batch in table.batches:
            assert store.realisation(key) is None
            found += batch.to_pylist()
        assert found == expected(0, COUNT)
        assert remote.intake.has(key)
        report = remote.finish()
        assert report.fetched == 1
        assert report.fetched_bytes > sum(path.stat().st_size for path in objects(place, "packs")) * 0.9
    with Store.open(tmp_path / "b") as store:
        assert rows(store, key) == expected(0, COUNT)


def test_a_table_that_was_not_read_to_its_end_is_not_there(tmp_path: Path, place: Path, key: str) -> None:
    with Store.open(tmp_path / "b") as store:
        remote = reader(place)
        table = remote.intake.passing(key, store)
        assert table is not None
        next(table.batches)
        table.batches.close()  # type: ignore[attr-defined]
        assert store.realisation(key) is None
        assert not remote.intake.has(key)
        assert remote.intake.fetch(key, store) is not None
        remote.finish()
        assert rows(store, key) == expected(0, COUNT)


def test_only_what_is_missing_is_read(tmp_path: Path, place: Path, key: str) -> None:
    with Store.open(tmp_path / "b") as store:
        fill(store, 1, rows=COUNT - 1)  # the last chunks differ
        remote = reader(place)
        table = remote.intake.passing(key, store)
        assert table is not None
        assert sum(len(batch) for batch in table.batches) == COUNT
        assert remote.finish().fetched_bytes < sum(path.stat().st_size for path in objects(place, "packs")) / 2
        assert rows(store, key) == expected(0, COUNT)


def test_what_the_store_holds_and_is_bad_is_read_again(tmp_path: Path, place: Path, key: str) -> None:
    said: list[str] = []
    with Store.open(tmp_path / "b", said.append) as store:
        (same,) = fill(store, 1, rows=COUNT)
        manifest = store.manifest(store.realisation(same).output)  # type: ignore[union-attr]
        assert manifest is not None
        digest = chunk_list(store.blobs, manifest.columns[1])[0].digest
        store.blobs.environment.write(lambda txn: txn.put(b"b" + bytes.fromhex(digest), pack(b"else", Codec.RAW)))
        remote = reader(place)
        table = remote.intake.passing(key, store)
        assert table is not None
        assert [row for batch in table.batches for row in batch.to_pylist()] == expected(0, COUNT)
        remote.finish()
        assert len(said) == 1
        assert rows(store, same) == expected(0, COUNT)


@pytest.mark.parametrize("how", ["flip", "cut", "gone"])
def test_damaged_packs_end_the_stream(tmp_path: Path, place: Path, key: str, how: str) -> None:
    for turn, victim in enumerate(objects(place, "packs")):
        good = victim.read_bytes()
        if how == "gone":
            victim.unlink()
        else:
            victim.write_bytes(good[:-9] + b"?" * 9 if how == "flip" else good[: len(good) // 2])
        said, came = is_damaged(place, tmp_path / f"b{turn}", key)
        assert came < COUNT
        assert len(said) == (how != "gone")
        victim.write_bytes(good)
    assert turn > 1
    with Store.open(tmp_path / "c") as store:
        assert fetch(place, store, [key]) == {key}


@pytest.mark.parametrize("how", ["other bytes", "a bomb", "no Arrow", "a list larger than its column"])
def test_forged_frames_are_neither_read_nor_kept(tmp_path: Path, place: Path, how: str) -> None:
    """Their seals are right: what they hold is not."""
    field = pa.field("id", pa.int64())
    chunk = bytes(encode(pa.array(range(10)), field)) if how != "no Arrow" else b"ARROW1" * 50
    digest = blake3(chunk).hexdigest()
    with Store.open(tmp_path / "a") as store:
        columns, schema = (Column("id", "BIGINT"),), pa.schema([field])
        table = Table(columns, schema, iter([pa.record_batch([pa.array(range(10))], schema=schema)]))
        key = realisation(store, derivation(0), table).derivation
        publish(place, store, [key])
    (path,) = objects(place, "claims")
    body = claim_parts(path)[1]
    manifest = json.loads(str(body["manifest"]))
    listed = json.dumps([[digest, 10, len(chunk)]]).encode() + b" " * 1000 * (how == "a list larger than its column")
    manifest["columns"][0][3:] = [blake3(listed).hexdigest(), len(chunk)]
    body["manifest"] = json.dumps(manifest, separators=(",", ":"))
    body["realisation"]["output"] = blake3(str(body["manifest"]).encode()).hexdigest()
    write_claim(path, body)
    bomb = pack(bytes(1 << 28), Codec.ZSTD)
    frame = {
        "other bytes": pack(bytes(len(chunk)), Codec.RAW),
        "a bomb": bomb[:1] + len(chunk).to_bytes(4, "little") + bomb[5:],
    }.get(how, pack(chunk, Codec.RAW))
    replace_frames(place, [(blake3(listed).hexdigest(), pack(listed, Codec.RAW)), (digest, frame)])
    said, came = is_damaged(place, tmp_path / "b", key)
    assert came == 0
    assert len(said) == 1
    with Store.open(tmp_path / "b") as store:
        assert not store.blobs.has([digest])


def test_what_rests_on_responses_does_not_pass(tmp_path: Path, place: Path, key: str) -> None:
    (path,) = objects(place, "claims")
    body = claim_parts(path)[1]
    body["realisation"]["http"] = {"1" * 64: "2" * 64}
    write_claim(path, body)
    with Store.open(tmp_path / "b") as store:
        assert reader(place).intake.passing(key, store) is None


def test_small_tables_do_not_pass(tmp_path: Path, place: Path, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fftcas.store.remote.claim.TOGETHER", 1 << 30)
    with Store.open(tmp_path / "b") as store:
        assert reader(place).intake.passing(key, store) is None
