"""The remote as a build uses it: what is published on one machine is taken over on another, whole and equal."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pyarrow as pa
import pytest
from remote_cases import derivation, expected, fetch, fill, objects, publish, realisation, rows, table, view

from fftcas.errors import RemoteError, StoreError, UsageError
from fftcas.store import Store
from fftcas.store.remote import Remote, RemoteMode, decoded
from fftcas.store.remote.claim import TOGETHER, Claim
from fftcas.store.remote.fetch import Fetcher
from fftcas.table import Column, Table

TARGET = 1 << 15
"""Bytes of a pack where a test wants several of them."""


def test_tables_travel(tmp_path: Path, place: Path) -> None:
    with Store.open(tmp_path / "a") as a, Store.open(tmp_path / "b") as b:
        keys = fill(a, 3)
        report = publish(place, a, keys)
        assert (report.published.claims, report.published.failed) == (3, 0)
        assert fetch(place, b, keys) == set(keys)
        for number, key in enumerate(keys):
            assert rows(b, key) == expected(number)
            assert b.realisation(key) == a.realisation(key)
            assert b.derivation_document(key) == a.derivation_document(key)


def test_prefetched_tables_are_the_same(tmp_path: Path, place: Path) -> None:
    with Store.open(tmp_path / "a") as a, Store.open(tmp_path / "b") as b:
        keys = fill(a, 20)
        publish(place, a, keys)
        remote = Remote.open(str(place), RemoteMode.RO)
        assert remote.finder.find([*keys, "0" * 64]) == set(keys)
        remote.intake.prefetch(keys, b)
        assert all(remote.intake.fetch(key, b) for key in keys)
        assert [rows(b, key) for key in keys] == [expected(number) for number in range(20)]
        b.disown(keys[7])  # as `gc` does, while the run goes on
        assert remote.intake.fetch(keys[7], b) is not None
        assert rows(b, keys[7]) == expected(7)
        assert len(remote.intake.fetched) == 20


def test_what_was_decoded_to_be_checked_is_kept_for_one_reader(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open(tmp_path / "a") as a, Store.open(tmp_path / "b") as b:
        keys = fill(a, 3)
        publish(place, a, keys)
        manifests = [found for key in keys if (made := a.realisation(key)) and (found := a.manifest(made.output))]
        monkeypatch.setattr(decoded, "CHUNK", 0)
        monkeypatch.setattr(decoded, "MOST", sum(manifest.size for manifest in manifests[:2]))
        remote = Remote.open(str(place), RemoteMode.RO)
        assert all(remote.intake.fetch(key, b) for key in keys)
        kept = [remote.intake.decoded.take(manifest.output) for manifest in manifests]
        assert [each is None for each in kept] == [False, False, True]
        for table, manifest in zip(kept[:2], manifests, strict=False):
            stored = b.read_table(manifest)
            assert table is not None
            assert (table.columns, table.schema) == (stored.columns, stored.schema)
            assert list(table.batches) == list(stored.batches)
        assert remote.intake.decoded.take(manifests[0].output) is None


def test_a_store_that_fails_is_told_by_who_needs_the_table(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loose: list[object] = []
    monkeypatch.setattr("threading.excepthook", loose.append)
    with Store.open(tmp_path / "a") as a:
        keys = fill(a, 3)
        publish(place, a, keys)
    with Store.open(tmp_path / "b") as b:
        remote = Remote.open(str(place), RemoteMode.RO)
        remote.finder.find(keys)
    remote.intake.prefetch(keys, b)  # which is closed by now, as after an interrupt
    with pytest.raises(StoreError):
        remote.intake.fetch(keys[0], b)
    assert loose == []


def test_views_travel_without_packs(tmp_path: Path, place: Path) -> None:
    with Store.open(tmp_path / "a") as a, Store.open(tmp_path / "b") as b:
        key = view(a, 1)
        publish(place, a, [key])
        assert objects(place, "packs") == []
        assert fetch(place, b, [key]) == {key}
        assert b.realisation(key) == a.realisation(key)


def test_an_empty_table_travels(tmp_path: Path, place: Path) -> None:
    with Store.open(tmp_path / "a") as a, Store.open(tmp_path / "b") as b:
        keys = fill(a, 1, rows=0)
        publish(place, a, keys)
        assert fetch(place, b, keys) == set(keys)
        assert rows(b, keys[0]) == []


def test_a_large_table_has_packs_of_its_columns_and_travels(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fftcas.store.remote.pack.TARGET", TARGET)
    monkeypatch.setattr("fftcas.store.remote.claim.TOGETHER", TARGET)
    count = 300_000
    with Store.open(tmp_path / "a") as a, Store.open(tmp_path / "b") as b:
        key = fill(a, 1, rows=count)[0]
        publish(place, a, [key])
        sizes = [path.stat().st_size for path in objects(place, "packs")]
        assert len(sizes) > 1
        assert max(sizes) < 2 * TARGET
        assert fetch(place, b, [key]) == {key}
        assert len(rows(b, key)) == count


def test_what_becomes_many_bytes_is_not_small(tmp_path: Path, place: Path) -> None:
    """Its packs are: a number that is always the same takes up next to nothing."""
    count = 3_000_000
    data = pa.table({"id": pa.repeat(pa.scalar(7, pa.int64()), count)})
    with Store.open(tmp_path / "a") as a, Store.open(tmp_path / "b") as b:
        many = realisation(a, derivation(0), Table((Column("id", "BIGINT"),), data.schema, iter(data.to_batches())))
        few = fill(a, 1, start=1)
        publish(place, a, [many.derivation, *few])
        remote = Remote.open(str(place), RemoteMode.RO)
        claim, other = remote.finder.claim(many.derivation), remote.finder.claim(few[0])
        assert claim is not None
        assert other is not None
        assert claim.size < TOGETHER
        assert (claim.small, other.small) == (False, True)
        assert remote.intake.passing(few[0], b) is None
        assert remote.intake.fetch(many.derivation, b) is not None
        assert remote.intake.decoded.take(many.output) is None
        table = remote.intake.passing(many.derivation, b)
        assert table is not None
        assert sum(batch.num_rows for batch in table.batches) == count


def test_tables_are_taken_over_together_as_long_as_they_are_few_bytes(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    together = Fetcher.together

    def note(self: Fetcher, claims: list[Claim], store: Store) -> object:
        asked.append([claim.realisation.derivation for claim in claims])
        return together(self, claims, store)

    with Store.open(tmp_path / "a") as a, Store.open(tmp_path / "b") as b:
        keys = fill(a, 7)
        publish(place, a, keys)
        remote = Remote.open(str(place), RemoteMode.RO)
        remote.finder.find(keys)
        size = max(claim.unpacked for key in keys if (claim := remote.finder.known(key)))
        monkeypatch.setattr("fftcas.store.remote.intake._BATCH_BYTES", 3 * size)
        monkeypatch.setattr(Fetcher, "together", note)
        remote.intake.prefetch(keys, b)
        assert all(remote.intake.fetch(key, b) for key in keys)
    assert asked == [keys[:3], keys[3:6], keys[6:]]


def test_only_what_is_missing_is_uploaded(tmp_path: Path, place: Path) -> None:
    with Store.open(tmp_path / "a") as a:
        keys = fill(a, 2)
        publish(place, a, keys)
        again = publish(place, a, keys)
        assert (again.published.known, again.published.objects) == (2, 0)
        same = realisation(a, derivation(99), table(0), "//marts:renamed")
        report = publish(place, a, [same.derivation])
        assert report.published.objects == 2  # claim and name, but no pack


def test_only_what_is_missing_is_downloaded(tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fftcas.store.remote.pack.TARGET", TARGET)
    monkeypatch.setattr("fftcas.store.remote.claim.TOGETHER", TARGET)
    count = 300_000
    with Store.open(tmp_path / "a") as a, Store.open(tmp_path / "b") as b:
        key = fill(a, 1, rows=count)[0]
        fill(b, 1, rows=65_536 * 4)
        publish(place, a, [key])
        remote = Remote.open(str(place), RemoteMode.RO)
        assert remote.intake.fetch(key, b)
        total = sum(path.stat().st_size for path in objects(place, "packs"))
        assert remote.finish().fetched_bytes < total / 2


def test_a_small_table_is_at_most_three_objects(tmp_path: Path, place: Path) -> None:
    with Store.open(tmp_path / "a") as a:
        publish(place, a, fill(a, 10))
        assert sum(len(objects(place, folder)) for folder in ("claims", "packs", "near")) <= 30


def test_modes(tmp_path: Path, place: Path) -> None:
    assert "off (there is no remote yet)" in Remote.open(str(place), RemoteMode.RO).summary
    assert Remote.open(str(place), RemoteMode.RW).summary == f"remote: {place}, read-write, 0 outputs"
    with Store.open(tmp_path / "a") as a:
        publish(place, a, fill(a, 1))
        remote = Remote.open(f"file://{place}", RemoteMode.RO)
        assert remote.summary == f"remote: {place}, read-only, 1 output"
        remote.publish(fill(a, 1, start=5)[0], a)
        assert remote.finish().published.claims == 0


def test_a_place_that_is_not_there(tmp_path: Path) -> None:
    remote = Remote.open(str(tmp_path / "none"), RemoteMode.RW)
    assert not remote.reads
    assert "off (No such file or directory)" in remote.summary
    with pytest.raises(RemoteError, match="is required and cannot be used") as caught:
        Remote.open(str(tmp_path / "none"), RemoteMode.REQUIRED)
    assert caught.value.exit_code == 6


def test_a_directory_of_something_else_is_left_alone(place: Path) -> None:
    (place / "thesis.tex").write_text("precious")
    remote = Remote.open(str(place), RemoteMode.RW)
    assert "off (the directory is not a remote, and not empty)" in remote.summary
    assert [path.name for path in place.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("content", [b'{"fftcas-remote": 99}', b"[]", b"\xff", b'{"fftcas-remote": {"a": 1}}'])
def test_a_remote_of_another_format_is_not_used(place: Path, content: bytes) -> None:
    (place / "fftcas.json").write_bytes(content)
    assert ", off (its " in (summary := Remote.open(str(place), RemoteMode.RW).summary) or "format" in summary
    assert not Remote.open(str(place), RemoteMode.RW).reads


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://host/x", "http://host/x", "file://otherhost/x", "file://me:SECRET@otherhost/x", "http://[::1"),
        *("s3://[bad/x", "s3://me:SECRET@[bad/x", "s3://me:SECRET\u2100@h/x", "//[x", "a\0b", "file:///tmp/r%00x"),
        *("file://", "file:", "file://localhost", "file:here", "http://me:SECRET@host/x?sig=SECRET"),
    ],
)
def test_urls_that_cannot_be_a_remote(url: str) -> None:
    with pytest.raises(UsageError) as found:
        Remote.open(url, RemoteMode.RW)
    assert found.value.hint
    assert "SECRET" not in str(found.value)


@pytest.mark.parametrize("namespace", ["../x", "PR/1", "a/b/c", "", " ", "pr/../../x", "pr/"])
def test_namespaces_that_are_none(place: Path, namespace: str) -> None:
    if namespace:
        with pytest.raises(UsageError):
            Remote.open(str(place), RemoteMode.RW, namespace=namespace)


@pytest.mark.parametrize("umask", [0o077, 0o022])
def test_a_group_can_share_whatever_the_umask(tmp_path: Path, place: Path, umask: int) -> None:
    place.chmod(0o2770)
    before = os.umask(umask)
    try:
        with Store.open(tmp_path / "a") as a:
            publish(place, a, fill(a, 1))
    finally:
        os.umask(before)
    for path in place.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o2770 if path.is_dir() else 0o660), path


def test_nothing_is_left_behind_in_tmp(tmp_path: Path, place: Path) -> None:
    with Store.open(tmp_path / "a") as a:
        publish(place, a, fill(a, 3))
    assert objects(place, "tmp") == []


def test_near_realisations_are_found_by_label(tmp_path: Path, place: Path) -> None:
    with Store.open(tmp_path / "a") as a:
        one = realisation(a, derivation(1), table(1))
        two = realisation(a, derivation(2), table(2))
        publish(place, a, [one.derivation, two.derivation])
        remote = Remote.open(str(place), RemoteMode.RO)
        near = remote.finder.near("//marts:orders")
        assert {claim.realisation.derivation for claim in near} == {one.derivation, two.derivation}
        assert near[0].derivation().recipe["kind"] == "sql"
        assert remote.finder.near("//marts:other") == []
