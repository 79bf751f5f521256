"""Small tables are put back in the end, many at a time: what becomes of them where one of them cannot be."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from small import Small

from fftcas.build.options import BuildOptions
from fftcas.build.outcome import Status
from fftcas.build.recording import Recording
from fftcas.store.blobs import BLOB
from fftcas.store.gc import Policy, collect
from fftcas.store.tables import chunk_list

A = """
import os.path

@model()
def a():
    if os.path.exists("broken"):
        raise ValueError("no data today")
    return pd.DataFrame({{"k": [{k}]}})
"""


def damage(small: Small, *names: str) -> None:
    """Flip bits in all that the store has of the outputs that these models were given last."""
    with small.store() as store:
        for name in names:
            (made,) = store.history(str(small.root), f"//:{name}", 1)
            manifest = store.manifest(made.output)
            assert manifest is not None
            for column in manifest.columns:
                for chunk in chunk_list(store.blobs, column):
                    frame = store.blobs.frame(chunk.digest)
                    assert frame is not None
                    flipped = frame[:-1] + bytes([frame[-1] ^ 255])
                    store.blobs.environment.write(partial(put, BLOB + bytes.fromhex(chunk.digest), flipped))


def put(key: bytes, value: bytes, transaction: Any) -> None:
    transaction.put(key, value)


def outputs(small: Small, name: str) -> list[str]:
    with small.store() as store:
        return [made.output for made in store.history(str(small.root), f"//:{name}", 9)]


def all_the_same(small: Small) -> dict[str, Status]:
    """What becomes of each node in a build that goes on after a failure."""
    return {outcome.label.name: outcome.status for outcome in small.run(options=BuildOptions(keep_going=True)).outcomes}


def test_one_that_is_damaged_is_built_and_the_others_are_put_back(small: Small) -> None:
    small.models(**{f"m{i}": f"select {i} as k" for i in range(70)})
    small.build()
    small.database.unlink()
    damage(small, "m7")
    found = small.build()
    assert {name for name, status in found.items() if status == "built"} == {"m7"}
    assert {status for name, status in found.items() if name != "m7"} == {"restored"}
    assert small.sql("select distinct k from w.m7 union all select distinct k from w.m8") == [(7,), (8,)]
    assert set(small.build().values()) == {"fresh"}


def test_a_collection_meanwhile_leaves_what_waits_for_the_end(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    small.models(b="select random() as r", c="select 2 * r as r from {{ ref('b') }}")
    small.python(a="import time\n@model()\ndef a():\n    time.sleep(var('s', 0))\n    return pd.DataFrame({'k': [1]})")
    small.build()
    small.database.unlink()
    catch_up = Recording.catch_up

    def catch_up_then_collect(recording: Recording) -> None:
        catch_up(recording)
        assert collect(recording.store, Policy(max_size=1, grace=0)).forgotten

    monkeypatch.setattr(Recording, "catch_up", catch_up_then_collect)
    assert small.build(options=BuildOptions(jobs=2), s=0.5) == {
        "numbers": "restored",
        "a": "built",
        "b": "restored",
        "c": "restored",
    }


def test_a_reader_is_not_built_of_what_is_in_the_place_of_its_input(small: Small) -> None:
    small.models(b="select k * 10 as k from {{ ref('a') }}")
    small.python(a=A.format(k=1))
    small.build()
    old = small.database.read_bytes()
    small.python(a=A.format(k=2))
    small.build()
    small.database.write_bytes(old)
    damage(small, "a", "b")
    small.write("broken", "")
    assert all_the_same(small) == {
        "numbers": Status.FRESH,
        "a": Status.FAILED,
        "b": Status.FAILED,
    }
    small.write("broken", None)
    small.build()
    assert small.sql("select a.k, b.k from w.a, w.b") == [(2, 20)]


def test_a_reader_of_one_that_was_built_into_another_fails(small: Small) -> None:
    small.models(a="select random() as r", b="select 2 * r as r from {{ ref('a') }}")
    small.build()
    small.database.unlink()
    made = outputs(small, "b")
    damage(small, "a", "b")
    found = all_the_same(small)
    assert (found["a"], found["b"]) == (Status.FAILED, Status.FAILED)
    assert outputs(small, "b") == made, "nothing was made of another input than its key says"
