"""A store that has grown above its bound is brought below it, by builds themselves."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from fftcas.build.bound import SLACK, bound, default_bound, keep_within
from fftcas.build.outcome import Identity
from fftcas.build.recording import Recording
from fftcas.digest import digest_bytes
from fftcas.errors import UsageError
from fftcas.label import Label
from fftcas.store import Realisation, RunRecord, Store, gc
from fftcas.table import Column, Manifest, Table


def add(store: Store, number: int) -> Manifest:
    """An output of some 100 KB, made long ago."""
    data = pa.record_batch([pa.array([os.urandom(50_000).hex()])], ["x"])
    manifest = store.write_table(Table((Column("x", "VARCHAR"),), data.schema, iter([data])))
    key = digest_bytes(b"%d" % number)
    at = f"2020-01-{number + 1:02}T00:00:00+00:00"
    made = Realisation(key, key, manifest.output, f"//t:t{number}", "sql", 1, 100_000, 1.0, at, "run", "host")
    store.commit(made, b"{}", manifest)
    return manifest


def test_the_oldest_go_and_what_a_running_build_has_stays(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        oldest = add(store, 0)
        for number in range(1, 20):
            add(store, number)
    with Store.open(tmp_path) as store:
        store.put_records("http-response", {b"x": bytes(1000)})
        run = RunRecord("r", "/p", "dev", "2020-01-01T00:00:00+00:00")
        known = {Label("t", "t0"): Identity.of(oldest), Label("", "orders", "raw"): Identity("a source's content")}
        Recording(store, run, known, lambda labels: {}).keep()
        assert [each.outputs for each in store.runs("/p", 1)] == [{"//t:t0": oldest.output}]
        assert keep_within(store, 100 << 20) is None
        limit = 1_000_000
        done = keep_within(store, limit)
        assert done is not None
        assert not done.compacted
        assert 0 < done.bytes_kept <= limit * SLACK
        gone = [realisation.label for realisation in done.forgotten]
        assert gone == [f"//t:t{number}" for number in range(1, 1 + len(gone))]
        assert store.holds(oldest)
        assert store.get_records("http-response", [b"x"]) == [bytes(1000)]
        assert keep_within(store, limit) is None


def test_what_a_build_has_begun_to_use_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store.open(tmp_path) as store:
        oldest, _ = add(store, 0), add(store, 1)
    choose = gc.choose

    def begun_meanwhile(*arguments: Any) -> list[gc.Candidate]:
        store.record_run(RunRecord("r", "/p", "dev", "2020-01-01T00:00:00+00:00", outputs={"//t:t0": oldest.output}))
        return choose(*arguments)

    monkeypatch.setattr(gc, "choose", begun_meanwhile)
    with Store.open(tmp_path) as store:
        assert [each.label for each in gc.collect(store, gc.Policy(max_size=0)).forgotten] == ["//t:t1"]
        assert store.holds(oldest)


def test_the_bound_is_named_or_a_part_of_the_disk(tmp_path: Path) -> None:
    assert bound(tmp_path, {"FFTCAS_STORE_SIZE": "2GB"}) == 2 << 30
    assert bound(tmp_path, {}) == default_bound(tmp_path) <= 50 << 30
    with pytest.raises(UsageError, match="FFTCAS_STORE_SIZE must not be negative"):
        bound(tmp_path, {"FFTCAS_STORE_SIZE": "-1"})
