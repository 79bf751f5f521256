"""Frames that are read ahead: each as it was written, in whatever order it is asked for, and with few requests."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest
from blake3 import blake3

from fftcas.store.remote import layout, reach_for
from fftcas.store.remote.ahead import WINDOW, WINDOWS, Ahead
from fftcas.store.remote.directory import Directory
from fftcas.store.remote.frames import Places, frames_in
from fftcas.store.remote.pack import Pack
from fftcas.store.remote.troubles import Bad

SIZE = WINDOW // 10
FRAMES = {blake3(data).hexdigest(): data for data in (bytes([number]) * SIZE for number in range(25))}


class Counting(Directory):
    """A directory that counts the requests for bytes."""

    requests = 0

    def get(self, name: str, start: int, stop: int) -> bytes | None:
        self.requests += 1
        return super().get(name, start, stop)


@pytest.fixture
def directory(place: Path) -> Counting:
    return Counting(place)


def ahead(directory: Counting, columns: int) -> tuple[Ahead, Places]:
    """A reader of a pack that lies there, and where its frames are."""
    pack = Pack(tuple(FRAMES.items()))
    directory.put(layout.pack(pack.ref.name), pack.bytes())
    reach = reach_for(str(directory.path))
    reach.transport = directory
    places = {frame.digest: (pack.ref, frame) for frame in frames_in(pack.ref, pack.head)}
    return Ahead(reach, places, columns), places


def test_frames_are_read_several_at_a_time(directory: Counting) -> None:
    reader, places = ahead(directory, 1)
    assert {digest: bytes(reader.read(*place)) for digest, place in places.items()} == FRAMES
    assert directory.requests == 3
    assert bytes(reader.read(*next(iter(places.values())))) == next(iter(FRAMES.values()))
    assert not reader._ready, "what was asked for once is not read ahead again"


def test_what_nobody_asks_for_any_more_is_dropped(directory: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, places = ahead(directory, 1)
    first, second, third, *_ = places.values()
    reader.read(*first)
    assert reader.drop(second[1].digest)
    assert reader.drop(second[1].digest) is None
    assert bytes(reader.read(*second)) == FRAMES[second[1].digest]
    monkeypatch.setattr("fftcas.store.remote.ahead.WINDOWS", 1)
    for place in places.values():
        reader.drop(place[1].digest)
    assert not reader._waiting
    reader._waiting = 1  # as much as may be
    assert bytes(reader.read(*third)) == FRAMES[third[1].digest]
    assert not reader._ready


def test_those_of_wide_tables_are_not(directory: Counting) -> None:
    reader, places = ahead(directory, WINDOWS // SIZE + 1)
    assert {digest: bytes(reader.read(*place)) for digest, place in places.items()} == FRAMES
    assert directory.requests == len(FRAMES)


@pytest.mark.parametrize("threads", [1, 4])
def test_any_order_and_frames_that_are_asked_for_again(directory: Counting, threads: int) -> None:
    reader, places = ahead(directory, 1)
    wanted = Random(5).choices(list(FRAMES), k=100)
    with ThreadPoolExecutor(threads) as pool:
        found = pool.map(lambda digest: bytes(reader.read(*places[digest])), wanted)
    assert list(found) == [FRAMES[digest] for digest in wanted]


def test_a_pack_that_is_gone_is_bad(directory: Counting) -> None:
    reader, places = ahead(directory, 1)
    (ref, first), (_, second), *_ = places.values()
    assert reader.read(ref, first)
    directory.delete(layout.pack(ref.name))
    assert reader.read(ref, second), "it was read together with the first"
    with pytest.raises(Bad, match="missing"):
        reader.read(ref, first)
