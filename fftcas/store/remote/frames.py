"""Reading packs: which bytes of the remote hold what a claim names, in as few requests as possible."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from fftcas.digest import Digest
from fftcas.store.remote import layout
from fftcas.store.remote.believable import fault
from fftcas.store.remote.claim import Claim
from fftcas.store.remote.pack import Frame, PackRef, read_head
from fftcas.store.remote.reach import said
from fftcas.store.remote.transport import Denied, Transport
from fftcas.store.remote.troubles import Bad

Places = dict[Digest, tuple[PackRef, Frame]]
"""Where each blob of a claim lies."""

_GAP = 1 << 16


def read_part(transport: Transport, ref: PackRef, start: int, stop: int) -> bytes:
    """Bytes of a pack. Raises Bad if it is missing, or may not be read, and OSError."""
    name = layout.pack(ref.name)
    try:
        data = transport.get(name, start, stop)
    except Denied as error:
        raise Bad(name, f"it may not be read ({said(error)})") from error
    if data is None:
        raise Bad(name, "it is missing", gone=True)
    return data


def head_of(transport: Transport, ref: PackRef) -> list[Frame]:
    """The frames that a pack's head lists, read and checked."""
    return frames_in(ref, read_part(transport, ref, 0, ref.head))


def frames_in(ref: PackRef, data: bytes | memoryview) -> list[Frame]:
    """The frames that the bytes of a pack's head list. Raises Bad if they are not those of the head."""
    with Told(ref):
        return read_head(ref, data)


def locate(claim: Claim, places: Places, digest: Digest) -> tuple[PackRef, Frame]:
    """Where a blob lies. Raises Bad if no pack of the claim has it."""
    if digest not in places:
        raise Bad(claim.name.path, f"none of its packs holds chunk {digest[:16]}")
    return places[digest]


def neighbours(frames: list[Frame], limit: int = 16 << 20) -> list[list[Frame]]:
    """Frames that are read with one request each: neighbours, or nearly so."""
    runs: list[list[Frame]] = []
    for frame in sorted(frames, key=lambda frame: frame.start):
        if runs:
            first, last = runs[-1][0], runs[-1][-1]
            end = frame.start + frame.length
            if frame.start - (last.start + last.length) <= _GAP and end - first.start <= limit:
                runs[-1].append(frame)
                continue
        runs.append([frame])
    return runs


def read_many(
    transport: Transport, claim: Claim, places: Places, digests: Sequence[Digest]
) -> dict[Digest, memoryview]:
    """The bytes of some frames, wherever they lie."""
    return {
        frame.digest: data
        for ref, frames in by_pack(claim, places, digests).items()
        for run in neighbours(frames)
        for frame, data in read_run(transport, ref, run)
    }


def by_pack(claim: Claim, places: Places, digests: Iterable[Digest]) -> dict[PackRef, list[Frame]]:
    """The frames of blobs, each once, by the packs that hold them."""
    by_pack: dict[PackRef, list[Frame]] = defaultdict(list)
    for digest in dict.fromkeys(digests):
        ref, frame = locate(claim, places, digest)
        by_pack[ref].append(frame)
    return by_pack


def read_run(transport: Transport, ref: PackRef, run: list[Frame]) -> list[tuple[Frame, memoryview]]:
    """The bytes of neighbouring frames."""
    start, stop = run[0].start, run[-1].start + run[-1].length
    view = memoryview(read_part(transport, ref, start, stop))
    return [(frame, view[frame.start - start : frame.start - start + frame.length]) for frame in run]


class Told:
    """What is wrong with a pack's bytes is said with its name."""

    def __init__(self, ref: PackRef) -> None:
        self._ref = ref

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        found = fault(error)
        if found is not None:
            raise Bad(layout.pack(self._ref.name), str(found)) from error
