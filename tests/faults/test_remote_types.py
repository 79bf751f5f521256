"""Columns of which the chunks are of several types: each chunk is right, and no reader takes them together."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "remote"))

from remote_cases import expected, fetch, fill, publish, rows
from test_remote_damage import forge

from fftcas.store import MissingBlob, Store
from fftcas.store.chunks import encode
from fftcas.store.remote import Remote, RemoteMode


def chunk(values: list[object], type_: pa.DataType, **metadata: str) -> tuple[bytes, int]:
    field = pa.field("", type_, metadata={f"ARROW:extension:{name}": value for name, value in metadata.items()})
    return encode(pa.array(values, type_), field).to_pybytes(), len(values)


WHOLE = chunk([*range(100)], pa.int64())
HALF = chunk([*range(50)], pa.int64())
MIXED = {
    "numbers and text": [HALF, chunk([str(number) for number in range(50)], pa.string())],
    "narrow and wide": [chunk([*range(50)], pa.int32()), HALF],
    "of an extension": [HALF, chunk([*range(50)], pa.int64(), name="unknown", metadata="")],
}


@pytest.mark.parametrize("reading", ["at once", "in parts", "passing"])
@pytest.mark.parametrize("how", MIXED)
def test_it_is_a_miss_and_is_healed(tmp_path: Path, how: str, reading: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "remote"
    place.mkdir()
    with Store.open(tmp_path / "a") as store:
        (key,) = fill(store, 1)
        publish(place, store, [key])
        forge(place, [[WHOLE], MIXED[how]])
        if reading != "at once":
            monkeypatch.setattr("fftcas.store.remote.claim.TOGETHER", 0)
        said: list[str] = []
        with Store.open(tmp_path / "b") as other:
            remote = Remote.open(str(place), RemoteMode.RW, warn=said.append)
            table = remote.intake.passing(key, other) if reading == "passing" else None
            if table is not None:
                with pytest.raises(MissingBlob):
                    list(table.batches)
            assert (table is not None) is (reading == "passing")
            assert remote.intake.fetch(key, other) is None
            assert other.realisation(key) is None
            remote.publish(key, store)
            assert remote.finish().published.claims == 1
        assert len(said) == 1
        assert "the chunks of a column are of several types" in said[0]
    with Store.open(tmp_path / "c") as store:
        assert fetch(place, store, [key], pytest.fail) == {key}
        assert rows(store, key) == expected(0)
