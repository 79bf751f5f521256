"""Streams of Arrow record batches, cut anew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def regrouped(batches: Iterable[pa.RecordBatch], rows: int, most_bytes: int | None = None) -> Iterator[list[pa.Array]]:
    """The columns of a stream in groups of exactly `rows` rows; the last may be shorter, and none is empty.

    A group also ends with the batch that brings it to `most_bytes`.
    """
    pieces: list[pa.RecordBatch] = []
    have = size = 0

    def group() -> list[pa.Array]:
        if len(pieces) == 1:
            return list(pieces[0].columns)
        return [_joined(arrays) for arrays in zip(*(piece.columns for piece in pieces), strict=True)]

    for batch in batches:
        start = 0
        while start < batch.num_rows:
            piece = batch.slice(start, rows - have)
            pieces.append(piece)
            have += piece.num_rows
            start += piece.num_rows
            if most_bytes is not None:
                size += piece.nbytes
            if have == rows or (most_bytes is not None and size >= most_bytes):
                yield group()
                pieces, have, size = [], 0, 0
    if have:
        yield group()


def _joined(arrays: Sequence[pa.Array]) -> pa.Array:
    """Arrays one after another; not copied if they are neighbouring slices of one."""
    import pyarrow as pa

    kind, buffers, end = arrays[0].type, arrays[0].buffers(), arrays[0].offset
    plain = not (kind.num_fields or isinstance(kind, pa.DictionaryType | pa.BaseExtensionType)) and len(buffers) <= 3
    places = [buffer and buffer.address for buffer in buffers]
    for array in arrays if plain else ():
        if array.offset != end or [buffer and buffer.address for buffer in array.buffers()] != places:
            break
        end += len(array)
    else:
        if plain:
            return pa.Array.from_buffers(kind, end - arrays[0].offset, buffers, offset=arrays[0].offset)
    return pa.concat_arrays(arrays)
