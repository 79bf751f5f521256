"""Frames that are asked for one by one, and read several at a time: a request costs as much as many bytes."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from itertools import takewhile
from threading import Lock

from fftcas.digest import Digest
from fftcas.store.remote.frames import Places, neighbours, read_run
from fftcas.store.remote.pack import Frame, PackRef
from fftcas.store.remote.reach import Reach

WINDOW, WINDOWS = 4 << 20, 48 << 20
"""Bytes that are read at once, and bytes of all columns' windows: they are in memory until they are asked for."""


class Ahead:
    """Reads the frames of a table of so many columns, which are asked for in about the order in which they lie in their
    packs. Those in `places` will be asked for, others may be. Threads may share it."""

    def __init__(self, reach: Reach, places: Places, columns: int) -> None:
        self._reach = reach
        self._window = min(WINDOW, WINDOWS // columns)
        self._frames: defaultdict[PackRef, list[Frame]] = defaultdict(list)
        for ref, frame in places.values():
            self._frames[ref].append(frame)
        for frames in self._frames.values():
            frames.sort(key=_start)
        self._lock = Lock()
        self._locks: defaultdict[PackRef, Lock] = defaultdict(Lock)
        self._ready: dict[Digest, memoryview] = {}
        self._waiting = 0
        self._seen: set[Digest] = set()

    def read(self, ref: PackRef, frame: Frame) -> memoryview:
        """The bytes of a frame, which are not kept. Raises Bad if they are missing, and OSError."""
        with self._lock:
            lock = self._locks[ref]
        with lock:
            if (ready := self.drop(frame.digest)) is not None:
                return ready
            run = self._run(ref, frame) if self._waiting < WINDOWS else [frame]
            (_, data), *more = self._reach.run(lambda: read_run(self._reach.transport, ref, run))
            self._seen.update(each.digest for each in run)
            with self._lock:
                self._ready.update((each.digest, following) for each, following in more)
                self._waiting += sum(len(following) for _, following in more)
            return data

    def drop(self, digest: Digest) -> memoryview | None:
        """The bytes of a frame, if they were read ahead; they are not kept any longer."""
        with self._lock:
            data = self._ready.pop(digest, None)
            self._waiting -= 0 if data is None else len(data)
        return data

    def _run(self, ref: PackRef, first: Frame) -> list[Frame]:
        """A frame, and its neighbours after it that will be asked for soon, and were not yet."""
        frames = self._frames[ref]
        following = frames[bisect_right(frames, first.start, key=_start) :]
        new = takewhile(lambda frame: frame.digest not in self._seen, following)
        return neighbours([first, *new], self._window)[0]


def _start(frame: Frame) -> int:
    return frame.start
