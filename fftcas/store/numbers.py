"""Whole numbers in as few bytes as their range needs, or the steps between them, if these need fewer.

Bytes are looked at as words of eight or of four, whatever they mean: ids, dates, amounts of cents, lengths. Where the
words lie close together a codec after this has two to eight times less to do.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

LEAST = 1 << 16
"""Bytes below which it is not worth the import."""
_HEAD = 9 << 10
"""Bytes in front that stay as they are: what Arrow says of a chunk, and which of its 64 Ki rows are null."""
_TAIL = 8
"""Bytes at the end that stay: those that end an Arrow stream."""
_SAMPLE = 1 << 10
_SHAPE = struct.Struct("<BB?q")


@dataclass(frozen=True)
class Shape:
    """How words of `wide` bytes became `narrow` ones: `least` was taken from each, or from its step from the last."""

    wide: int
    narrow: int
    steps: bool
    least: int

    SIZE = _SHAPE.size

    def pack(self) -> bytes:
        return _SHAPE.pack(self.wide, self.narrow, self.steps, self.least)

    @classmethod
    def unpack(cls, data: Any) -> Shape:
        """Raises ValueError if the bytes tell of no shape."""
        try:
            shape = cls(*_SHAPE.unpack_from(data))
        except struct.error as error:
            raise ValueError("it is too short") from error
        limit = 1 << (8 * shape.wide - 1)
        if shape.wide not in (4, 8) or shape.narrow not in (1, 2, 4) or not -limit <= shape.least < limit:
            raise ValueError(f"its numbers have the shape {shape}")
        return shape

    def narrow_size(self, size: int) -> int:
        """Length of `size` bytes once they are narrowed. Raises ValueError if so many cannot have been."""
        count, odd = divmod(size - _HEAD - _TAIL, self.wide)
        if odd or count < 1:
            raise ValueError(f"{size} bytes are not narrowed")
        return _HEAD + count * self.narrow + _TAIL


def narrowed(data: memoryview) -> tuple[Shape, pa.Buffer] | None:
    """The bytes with their words narrowed, or None if the words need all that they have."""
    if data.nbytes < LEAST or data.nbytes % 8:
        return None
    import numpy as np

    for wide in (8, 4):
        words = np.frombuffer(data, f"<i{wide}")[_HEAD // wide - 1 : -_TAIL // wide]
        numbers, steps = words[1:], False
        needed = _needed(numbers)
        if _needed(np.diff(words[:_SAMPLE])) < needed and _needed(differences := np.diff(words)) < needed:
            numbers, steps, needed = differences, True, _needed(differences)
        if needed < wide:
            least = numbers.min()
            shape = Shape(wide, needed, steps, int(least))
            buffer, made = _room(shape.narrow_size(data.nbytes))
            made[:_HEAD] = np.frombuffer(data, np.uint8, _HEAD)
            made[-_TAIL:] = np.frombuffer(data, np.uint8, _TAIL, data.nbytes - _TAIL)
            np.subtract(numbers, least, out=made[_HEAD:-_TAIL].view(f"<u{needed}"), casting="unsafe")
            return shape, buffer
    return None


def widened(shape: Shape, data: Any, size: int) -> pa.Buffer:
    """The `size` bytes that were narrowed to `data`, of which there are as many as the shape says."""
    import numpy as np

    kind = np.dtype(f"<i{shape.wide}")
    buffer, made = _room(size)
    made[:_HEAD] = np.frombuffer(data, np.uint8, _HEAD)
    made[-_TAIL:] = np.frombuffer(data, np.uint8, _TAIL, len(data) - _TAIL)
    words = made[_HEAD - shape.wide : -_TAIL].view(kind)
    narrow = np.frombuffer(data, f"<u{shape.narrow}", len(words) - 1, _HEAD)
    np.add(narrow, np.array(shape.least, kind), out=words[1:], casting="unsafe")
    if shape.steps:
        np.cumsum(words, dtype=kind, out=words)
    return buffer


def _room(size: int) -> tuple[pa.Buffer, npt.NDArray[np.uint8]]:
    """Memory of Arrow's, which it takes into use again; NumPy's would be given back to the system each time."""
    import numpy as np
    import pyarrow as pa

    buffer = pa.allocate_buffer(size)
    return buffer, np.frombuffer(buffer, np.uint8)


def _needed(numbers: npt.NDArray[np.signedinteger[Any]]) -> int:
    """How many bytes hold the distance between the least and the greatest."""
    distance = int(numbers.max()) - int(numbers.min())
    return 1 if distance < 1 << 8 else 2 if distance < 1 << 16 else 4 if distance < 1 << 32 else 8
