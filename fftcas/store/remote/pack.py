"""Packs: many chunks in one immutable object.

    {"fftcas-pack":1,"frames":[[digest, length, seal], ...]}\\n   the head, one line of JSON
    frame frame ...                                               as `fftcas.store.frame` describes them

`digest` is blake3 of a frame's content and `seal` is blake3 of the frame's own bytes; the pack's name is blake3 of the
head (without its line end). So the name covers every byte, each frame is verified before it is decompressed, and it can
be read alone, by its range.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from blake3 import blake3

from fftcas.digest import Digest
from fftcas.store.frame import MAX_BLOB
from fftcas.store.remote.believable import Judging, digest_of, number, parse

TARGET = 8 << 20
"""Bytes of frames after which a pack is closed."""
MAX_FRAMES = 1 << 16
_MAX_FRAME = MAX_BLOB + 64


@dataclass(frozen=True)
class PackRef:
    """What a claim says of a pack: its name, the length of its head, and of all of it."""

    name: Digest
    head: int
    size: int


@dataclass(frozen=True)
class Frame:
    """An entry of a head: the digest of the content, and where the frame's bytes lie after the head."""

    digest: Digest
    start: int
    length: int
    seal: Digest

    def check(self, data: bytes | memoryview) -> None:
        """Raises ValueError unless these are the frame's bytes."""
        if len(data) != self.length or blake3(data).hexdigest() != self.seal:
            raise ValueError(f"the bytes of chunk {self.digest[:16]} are not those that were written")


@dataclass(frozen=True)
class Pack:
    """A pack to be written."""

    frames: tuple[tuple[Digest, bytes], ...]

    @cached_property
    def head(self) -> bytes:
        entries = [[digest, len(data), blake3(data).hexdigest()] for digest, data in self.frames]
        return json.dumps({"fftcas-pack": 1, "frames": entries}, separators=(",", ":")).encode()

    @cached_property
    def ref(self) -> PackRef:
        size = len(self.head) + 1 + sum(len(data) for _, data in self.frames)
        return PackRef(blake3(self.head).hexdigest(), len(self.head), size)

    def bytes(self) -> bytes:
        return b"".join((self.head, b"\n", *(data for _, data in self.frames)))


def packs(columns: Iterable[Iterable[tuple[Digest, bytes]]]) -> Iterator[Pack]:
    """Packs of a table's frames, given as one sequence per column, the first of which may be anything.

    Small columns share a pack. A large one has packs of its own, cut by its own content only: they stay the same when
    another column changes, or when rows are appended.
    """
    shared, shared_size = list[tuple[Digest, bytes]](), 0
    for column in columns:
        run, size, alone = list[tuple[Digest, bytes]](), 0, False
        for frame in column:
            run.append(frame)
            size += len(frame[1])
            if size >= TARGET or len(run) == MAX_FRAMES:
                yield Pack(tuple(run))
                run, size, alone = [], 0, True
        if alone:
            if run:
                yield Pack(tuple(run))
            continue
        if shared and (shared_size + size >= TARGET or len(shared) + len(run) > MAX_FRAMES):
            yield Pack(tuple(shared))
            shared, shared_size = [], 0
        shared += run
        shared_size += size
    if shared:
        yield Pack(tuple(shared))


@Judging()
def read_head(ref: PackRef, data: bytes | memoryview) -> list[Frame]:
    """The frames of a pack, from the bytes of its head. Raises ValueError unless these are what its name says."""
    if len(data) != ref.head or blake3(data).hexdigest() != ref.name:
        raise ValueError(f"the head of pack {ref.name[:16]} is not what was written")
    try:
        frames = parse(bytes(data))["frames"]
        entries = [(digest_of(digest), number(length, _MAX_FRAME), digest_of(seal)) for digest, length, seal in frames]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"pack {ref.name[:16]} has no head: {error}") from error
    starts = list(accumulate((length for _, length, _ in entries), initial=ref.head + 1))
    if len(entries) > MAX_FRAMES or starts[-1] != ref.size:
        raise ValueError(f"pack {ref.name[:16]} has a size that is wrong")
    return [Frame(d, start, length, seal) for (d, length, seal), start in zip(entries, starts, strict=False)]
