"""The store's promises: what is committed comes back, what is bad is a miss, and garbage goes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from fftcas.digest import digest_bytes
from fftcas.store import MissingBlob, Realisation, RunRecord, Store, Together, gc, measure_table, runs, stats, tables
from fftcas.store.doctor import examine_store
from fftcas.store.pins import pin, unpin
from fftcas.store.records import RecordTxn
from fftcas.store.tables import chunk_list
from fftcas.table import Column, Manifest, Table

LONG_AGO = "2020-01-01T00:00:00+00:00"


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def store(tmp_path: Path, warnings: list[str]) -> Iterator[Store]:
    with Store.open(tmp_path / "s", warn=warnings.append) as opened:
        yield opened


def table(**columns: list[Any]) -> Table:
    data = pa.table(columns)
    return Table(tuple(Column(name, "ANY") for name in columns), data.schema, iter(data.to_batches()))


def name(text: str) -> str:
    return digest_bytes(text.encode())


def realisation(derivation: str, manifest: Manifest) -> Realisation:
    return Realisation(
        name(derivation),
        name("recipe"),
        manifest.output,
        "//a:b",
        "sql",
        manifest.rows,
        manifest.size,
        2.0,
        LONG_AGO,
        "r1",
        "h",
    )


def realise(store: Store, derivation: str, manifest: Manifest, **changes: Any) -> Realisation:
    made = replace(realisation(derivation, manifest), **changes)
    store.commit(made, b"document " + derivation.encode(), manifest)
    return made


def run(number: int, **changes: Any) -> RunRecord:
    record = RunRecord(f"r{number}", "/p", "dev", f"2024-01-{number:02}T00:00:00+00:00", LONG_AGO, summary={"built": 1})
    return replace(record, **changes)


def rows(store: Store, manifest: Manifest, columns: list[str] | None = None) -> dict[str, list[Any]]:
    read = store.read_table(manifest, columns)
    found: dict[str, list[Any]] = pa.Table.from_batches(list(read.batches), read.schema).to_pydict()
    return found


def test_outputs_come_at_once_or_not_at_all(store: Store) -> None:
    def put(together: Together, derivation: str, values: list[int]) -> Manifest:
        manifest = together.write_table(table(a=values))
        together.commit(realisation(derivation, manifest), b"document", manifest)
        return manifest

    together = Together(store)
    one, two = put(together, "one", [1]), put(together, "two", [2])
    assert store.manifest(one.output) is None
    assert not together.committed
    together.end()
    assert together.committed == {name("one"), name("two")}
    assert [rows(store, each) for each in (one, two)] == [{"a": [1]}, {"a": [2]}]
    assert all(store.realisation(name(each)) for each in ("one", "two"))

    put(Together(store), "three", [3])  # which nobody ends
    assert store.realisation(name("three")) is None
    assert not store.holds(measure_table(table(a=[3])))


def test_a_large_output_does_not_stay_in_memory(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "WRITE_BYTES", 1000)
    Together(store).write_table(table(a=[i * 7919 % 65_537 for i in range(50_000)]))
    assert list(store.blobs.scan(b"b", lambda key, frame: key))  # before the end, and nothing names it


def test_a_commit_comes_back(store: Store) -> None:
    manifest = store.write_table(table(id=[1, 2], name=["a", None]))
    assert store.manifest(manifest.output) is None, "the manifest is part of the commit"
    realisation = realise(store, "d1", manifest)
    assert store.realisation(name("d1")) == realisation
    assert store.manifest(manifest.output) == manifest
    assert store.derivation_document(name("d1")) == b"document d1"
    assert store.holds(manifest)
    assert rows(store, manifest) == {"id": [1, 2], "name": ["a", None]}
    assert rows(store, manifest, ["name"]) == {"name": ["a", None]}


def test_a_list_of_chunks_that_is_known_has_to_be_there(store: Store) -> None:
    manifest = store.write_table(table(a=[1, 2]))
    assert store.holds(manifest)
    key = b"b" + bytes.fromhex(manifest.columns[0].digest)
    store.blobs.environment.write(lambda txn: txn.delete(key))
    assert not store.holds(manifest)
    store.write_table(table(a=[1, 2]))
    assert store.holds(manifest)
    store.blobs.environment.write(lambda txn: txn.put(key, b"rotten"))
    store.weed(manifest)
    assert not store.holds(manifest)


def test_realisations_of_a_recipe_are_newest_first_whatever_the_clock_says(store: Store) -> None:
    manifest = store.write_table(table(id=[1]))
    for number in range(5):
        realise(store, f"d{number}", manifest, built_at=f"20{30 - number}-01-01T00:00:00+00:00")
    realise(store, "d1", manifest)
    found = [each.derivation for each in store.realisations_of(name("recipe"), "//a:b", 3)]
    assert found == [name("d1"), name("d4"), name("d3")]


def test_disowning_forgets_the_manifest_with_its_last_realisation(store: Store) -> None:
    manifest = store.write_table(table(id=[1]))
    realise(store, "d1", manifest)
    realise(store, "d2", manifest)
    store.disown(name("d1"))
    assert store.realisation(name("d1")) is None
    assert store.manifest(manifest.output) == manifest
    store.disown(name("d2"))
    assert store.manifest(manifest.output) is None
    assert store.realisations_of(name("recipe"), "//a:b") == []


def test_equivalences_lead_to_one_representative(store: Store) -> None:
    a, b, c, d = (name(each) for each in "abcd")
    store.record_same(a, b)
    store.record_same(c, d)
    store.record_same(a, c)
    assert len({store.same(each) for each in (a, b, c, d)}) == 1
    store.record_same(b, a)
    assert store.same(name("other")) == name("other")


def test_caches_keep_order_and_long_keys(store: Store) -> None:
    long = b"/" + b"x" * 5000
    store.put_records("stat", {b"a": b"1", long: b"2"})
    assert store.get_records("stat", [b"none", long, b"a"]) == [None, b"2", b"1"]
    assert store.get_records("other", [b"a"]) == [None]


def test_runs_and_history(store: Store) -> None:
    manifests = [store.write_table(table(id=[number])) for number in range(3)]
    for number, manifest in enumerate(manifests):
        realise(store, f"d{number}", manifest, run_id=f"r{number + 1}")
    for number, manifest in enumerate(manifests[:2], 1):
        store.record_run(run(number, outputs={"//a:b": manifest.output}))
    store.record_run(run(9, project="/other"))
    assert [each.run_id for each in store.runs("/p")] == ["r2", "r1"]
    assert store.runs("/p")[0].outputs == {"//a:b": manifests[1].output}
    assert [each.derivation for each in store.history("/p", "//a:b")] == [name("d1"), name("d0")]
    assert store.history("/p", "//a:other") == []


def test_a_run_is_updated_in_place_and_old_runs_go(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "KEEP", 3)
    store.record_run(run(1, finished=None))
    assert store.runs("/p")[0].finished is None
    for number in range(1, 7):
        store.record_run(run(number, outputs={"//a:b": name(str(number))}))
    assert [each.run_id for each in store.runs("/p")] == ["r6", "r5", "r4"]
    assert store.runs("/p")[2].outputs == {"//a:b": name("4")}
    assert len(store.records.read(lambda txn: list(txn.scan("outputs")))) == 3


def damage(store: Store, digest: str, at: int = -1) -> None:
    key = b"b" + bytes.fromhex(digest)

    def work(txn: Any) -> None:
        value = bytearray(txn.get(key))
        value[at] ^= 0x10
        txn.put(key, bytes(value))

    store.blobs.environment.write(work)


def test_a_bad_blob_is_a_miss_said_once_and_heals(store: Store, warnings: list[str]) -> None:
    manifest = store.write_table(table(id=list(range(1000))))
    chunk = chunk_list(store.blobs, manifest.columns[0])[0].digest
    damage(store, chunk)
    with pytest.raises(MissingBlob) as caught:
        rows(store, manifest)
    assert caught.value.digest == chunk
    assert len(warnings) == 1
    assert chunk[:16] in warnings[0]
    assert not store.holds(manifest)
    assert store.write_table(table(id=list(range(1000)))) == manifest
    assert rows(store, manifest) == {"id": list(range(1000))}


def test_bad_small_blobs_and_records_are_misses(store: Store, warnings: list[str]) -> None:
    digest = store.put_blob(b"body " * 100)
    damage(store, digest)
    assert store.get_blob(digest) is None
    assert store.get_blob(digest) is None
    assert len(warnings) == 1
    realise(store, "d1", store.write_table(table(id=[1])))
    key = b"realisation\0" + bytes.fromhex(name("d1"))
    store.records.environment.write(lambda txn: txn.put(key, bytes(txn.get(key) or b"")[:-1] + b"?"))
    assert store.realisation(name("d1")) is None
    assert store.realisation(name("d1")) is None
    assert len(warnings) == 2


def test_a_frame_that_declares_too_much_is_not_unpacked(store: Store, warnings: list[str]) -> None:
    digest = store.put_blob(b"body " * 100)
    damage(store, digest, 4)
    assert store.get_blob(digest) is None


def policy(**changes: Any) -> gc.Policy:
    return replace(gc.Policy(max_size=1 << 40, older_than=86400, grace=0), **changes)


def closed_and_opened(store: Store) -> Store:
    store.blobs.release()
    return store


def test_gc_keeps_last_runs_and_pins_and_forgets_the_rest(store: Store) -> None:
    kept, pinned, lost = (store.write_table(table(id=[number] * 5000)) for number in range(3))
    for number, manifest in enumerate((kept, pinned, lost)):
        realise(store, f"d{number}", manifest)
    store.record_run(run(1, outputs={"//a:b": kept.output}))
    pin(store.records, "release", [pinned.output])
    closed_and_opened(store)
    plan = gc.collect(store, policy(), dry_run=True)
    assert [each.derivation for each in plan.forgotten] == [name("d2")]
    assert plan.seconds == 2.0
    assert store.holds(lost)
    done = gc.collect(store, policy())
    assert (done.blobs, done.bytes_freed) == (plan.blobs, plan.bytes_freed)
    assert store.holds(kept)
    assert store.holds(pinned)
    assert not store.holds(lost)
    assert store.realisation(name("d2")) is None
    unpin(store.records, "release")
    assert len(gc.collect(store, policy()).forgotten) == 1


def test_gc_goes_below_the_bound_oldest_first(store: Store) -> None:
    manifests = [store.write_table(table(id=[f"{number}-{row}" for row in range(20_000)])) for number in range(4)]
    for number, manifest in enumerate(manifests):
        realise(store, f"d{number}", manifest, built_at=f"2020-01-0{number + 1}T00:00:00+00:00")
    closed_and_opened(store)
    size = gc.collect(store, policy(older_than=None), dry_run=True).bytes_kept
    done = gc.collect(store, policy(max_size=size * 6 // 10, older_than=None))
    assert [each.derivation for each in done.forgotten] == [name("d0"), name("d1")]
    assert done.bytes_kept <= size * 6 // 10


def test_gc_leaves_alone_what_is_young_held_or_in_use(store: Store) -> None:
    now = datetime.now(UTC).isoformat()
    young, used, orphan = (store.write_table(table(id=[number] * 5000)) for number in range(3))
    realise(store, "young", young, built_at=now)
    realise(store, "used", used)
    realise(store, "future", orphan, built_at="2999-01-01T00:00:00+00:00")  # which is no way to stay for good
    store.record_run(run(1, finished=None, outputs={"//a:b": used.output}))
    done = gc.collect(store, policy(max_size=0, grace=60))
    assert [each.built_at[:4] for each in done.forgotten] == ["2999"]
    assert store.holds(orphan), "it is held by this process, which has not committed it yet"
    closed_and_opened(store)
    gc.collect(store, policy(max_size=0, grace=60))
    assert not store.holds(orphan)
    assert store.holds(young)
    assert store.holds(used)


def test_gc_keeps_shared_chunks_and_responses(store: Store) -> None:
    shared = list(range(5000))
    kept = store.write_table(table(a=shared, b=[1] * 5000))
    lost = store.write_table(table(a=shared, b=[2] * 5000))
    body, other, loose = (store.put_blob(bytes([number]) * 100) for number in range(3))
    realise(store, "d1", kept, http={"GET /": body})
    realise(store, "d2", lost)
    store.record_run(run(1, outputs={"//a:b": kept.output}))
    closed_and_opened(store)
    gc.collect(store, policy(), keep_blobs=[other])
    assert rows(store, kept) == {"a": shared, "b": [1] * 5000}
    assert not store.holds(lost)
    assert [store.get_blob(each) is None for each in (body, other, loose)] == [False, False, True]


def test_gc_sees_what_is_committed_while_it_sweeps(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    late = store.write_table(table(id=["late"] * 5000))
    store.blobs.release()
    forget = gc._forget

    def forget_then_commit(*arguments: Any) -> list[gc.Candidate]:
        went = forget(*arguments)
        realise(store, "late", late)
        return went

    monkeypatch.setattr(gc, "_forget", forget_then_commit)
    gc.collect(store, policy(max_size=0))
    assert rows(store, late) == {"id": ["late"] * 5000}


def test_gc_drops_caches_that_have_grown_too_large(store: Store) -> None:
    store.put_records("parsed", {b"%d" % number: bytes(1 << 20) for number in range(70)})
    gc.collect(store, policy(max_size=1 << 29))
    assert store.get_records("parsed", [b"1"]) == [None]


def test_the_doctor_removes_what_is_bad(tmp_path: Path, warnings: list[str]) -> None:
    with Store.open(tmp_path / "s") as store:
        good, bad = (store.write_table(table(id=[number] * 5000)) for number in range(2))
        realise(store, "good", good)
        realise(store, "bad", bad)
    assert examine_store(tmp_path / "s", warnings.append).healthy
    with Store.open(tmp_path / "s") as store:
        chunk = chunk_list(store.blobs, bad.columns[0])[0].digest
        damage(store, chunk)
    report = examine_store(tmp_path / "s", warnings.append)
    assert report.bad_blobs == (chunk,)
    assert [each.derivation for each in report.disowned] == [name("bad")]
    assert examine_store(tmp_path / "s", warnings.append).healthy
    with Store.open(tmp_path / "s") as store:
        assert rows(store, good) == {"id": [0] * 5000}
        assert store.realisation(name("bad")) is None


@pytest.mark.parametrize("damage", ["{}", "[1]", "null", '"x"', "{", '{"outputs": 1, "owner": 2}'])
def test_records_that_cannot_be_read_count_as_not_there(tmp_path: Path, warnings: list[str], damage: str) -> None:
    with Store.open(tmp_path / "s") as store:
        manifest = store.write_table(table(id=[1] * 5000))
        realise(store, "d1", manifest, run_id="r1")
        store.record_run(run(1, outputs={"//a:b": manifest.output}))
        pin(store.records, "keep", [manifest.output])

        def spoil(txn: RecordTxn) -> None:
            for kind in ("run", "outputs", "pin", "manifest"):
                for key, _ in list(txn.scan(kind)):
                    txn.put(kind, key, damage.encode())

        store.records.write(spoil)
        assert store.runs() == []
        assert store.history("/p", "//a:b") == []
        assert store.latest("/p") == {}
        assert store.manifest(manifest.output) is None
        assert stats.measure(store).tables == 0
        store.record_run(run(2, outputs={"//a:b": manifest.output}))
        assert store.runs()[0].outputs == {"//a:b": manifest.output}
        gc.collect(store, policy(), dry_run=True)
    report = examine_store(tmp_path / "s", warnings.append)
    assert sorted(report.bad_records) == ["manifest", "pin", "run"]
    assert [each.derivation for each in report.disowned] == [name("d1")]
    assert examine_store(tmp_path / "s", warnings.append).healthy
    with Store.open(tmp_path / "s") as store:
        assert [each.run_id for each in store.runs()] == ["r2"]


def test_stats_tell_sizes_and_savings(store: Store) -> None:
    manifest = store.write_table(table(id=[1] * 5000))
    realise(store, "d1", manifest)
    realise(store, "d2", manifest)
    store.record_run(run(1, saved=3.0))
    store.record_run(run(2, saved=4.0, summary={"fresh": 5}))
    found = stats.measure(store)
    assert (found.realisations, found.tables, found.projects) == (2, 1, ("/p",))
    assert 1.9 < found.dedup < 2
    assert found.compression > 10
    assert found.saved == 7.0
    assert [day.nodes for day in found.days] == [{"built": 1}, {"fresh": 5}]


def test_many_small_tables_are_quick(store: Store) -> None:
    start = time.perf_counter()
    manifests = [store.write_table(table(id=[number])) for number in range(20)]
    assert time.perf_counter() - start < 5
    assert all(store.holds(manifest) for manifest in manifests)
