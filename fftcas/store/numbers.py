"""Whole numbers in as few bytes as their range needs, or the steps between them, if these need fewer.

Bytes are looked at as words of sixteen, eight or four, whatever they mean: decimals and sums, ids, dates, amounts of
cents, lengths. Where the words lie close together a codec after this has two to sixteen times less to do.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Signed = npt.NDArray[np.signedinteger[Any]]

LEAST = 1 << 16
"""Bytes below which it is not worth the import."""
_HEADS = (1 << 10, 17 << 10)
"""Bytes in front that stay as they are: what Arrow says of a chunk; that, and which of its rows are null."""
_OLD_HEAD = 9 << 10
_TAIL = 8
"""Bytes at the end that stay: those that end an Arrow stream."""
_SAMPLE = 1 << 10
_OLD_SHAPE, _SHAPE = struct.Struct("<BB?q"), struct.Struct("<BB?qI")


@dataclass(frozen=True)
class Shape:
    """How words of `wide` bytes became `narrow` ones: `least` was taken from each, or from its step from the last.

    The words are those after the first `head` bytes.
    """

    wide: int
    narrow: int
    steps: bool
    least: int
    head: int = _OLD_HEAD

    def pack(self) -> bytes:
        return _SHAPE.pack(self.wide, self.narrow, self.steps, self.least, self.head)

    @classmethod
    def unpack(cls, data: memoryview, *, old: bool) -> tuple[Shape, memoryview]:
        """The shape that bytes begin with (`old`: without its head), and the rest. Raises ValueError if it is none."""
        form = _OLD_SHAPE if old else _SHAPE
        try:
            shape = cls(*form.unpack_from(data))
        except struct.error as error:
            raise ValueError("it is too short") from error
        limit = 1 << (8 * min(shape.wide, 8) - 1)
        narrow = (1, 2, 4, 8) if shape.wide == 16 else (1, 2, 4)
        right = shape.wide in (4, 8, 16) and shape.narrow in narrow and -limit <= shape.least < limit
        if not right or shape.head < max(8, shape.wide) or shape.head % 8:
            raise ValueError(f"its numbers have the shape {shape}")
        return shape, data[form.size :]

    def narrow_size(self, size: int) -> int:
        """Length of `size` bytes once they are narrowed. Raises ValueError if so many cannot have been."""
        count, odd = divmod(size - self.head - _TAIL, self.wide)
        if odd or count < 1:
            raise ValueError(f"{size} bytes are not narrowed")
        return self.head + count * self.narrow + _TAIL


def narrowed(data: memoryview) -> tuple[Shape, pa.Buffer] | None:
    """The bytes with their words narrowed, or None if the words need all that they have."""
    if data.nbytes < LEAST or data.nbytes % 8:
        return None
    import numpy as np

    for before in _HEADS:
        for wide in (16, 8, 4):
            head = before + (data.nbytes - before - _TAIL) % wide
            words = _halves(data, head) if wide == 16 else _words(data, head, wide)
            if words is None:
                continue
            numbers, steps, needed = _narrowest(words)
            if needed < wide:
                least = numbers.min() if needed < 8 else words.dtype.type(0)
                shape = Shape(wide, needed, steps, int(least), head)
                buffer, made = _room(shape.narrow_size(data.nbytes))
                made[:head] = np.frombuffer(data, np.uint8, head)
                made[-_TAIL:] = np.frombuffer(data, np.uint8, _TAIL, data.nbytes - _TAIL)
                np.subtract(numbers, least, out=made[head:-_TAIL].view(_kind(needed)), casting="unsafe")
                return shape, buffer
    return None


def _words(data: memoryview, head: int, wide: int) -> Signed:
    """The words after so many bytes, and the one before them."""
    import numpy as np

    return np.frombuffer(data, f"<i{wide}")[head // wide - 1 : -_TAIL // wide]


def _halves(data: memoryview, head: int) -> Signed | None:
    """`_words` of sixteen bytes, the lower halves, if they say all: the upper ones are nothing but their signs."""
    import numpy as np

    pairs = np.frombuffer(data, "<i8")[head // 8 - 2 : -1].reshape(-1, 2)
    for some in (pairs[1:_SAMPLE], pairs[1:]):
        if (some[:, 1] != some[:, 0] >> 63).any():
            return None
    return np.ascontiguousarray(pairs[:, 0])


def _kind(narrow: int) -> str:
    """The type of narrow words. Those of eight bytes have a sign: NumPy would add signed ones to others as floats."""
    return f"<u{narrow}" if narrow < 8 else "<i8"


def _narrowest(words: Signed) -> tuple[Signed, bool, int]:
    """The words after the first, or the steps between them, and how many bytes they need; a few are asked first."""
    import numpy as np

    numbers, steps, needed = words[1:], False, words.itemsize
    if _needed(numbers[:_SAMPLE]) < needed:
        needed = _needed(numbers)
    if _needed(np.diff(words[:_SAMPLE])) < needed and _needed(differences := np.diff(words)) < needed:
        numbers, steps, needed = differences, True, _needed(differences)
    return numbers, steps, needed


def widened(shape: Shape, data: Any, size: int) -> pa.Buffer:
    """The `size` bytes that were narrowed to `data`, of which there are as many as the shape says."""
    import numpy as np

    kind = np.dtype(f"<i{min(shape.wide, 8)}")
    buffer, made = _room(size)
    made[: shape.head] = np.frombuffer(data, np.uint8, shape.head)
    made[-_TAIL:] = np.frombuffer(data, np.uint8, _TAIL, len(data) - _TAIL)
    given = made[shape.head - shape.wide : -_TAIL].view(kind).reshape(-1, shape.wide // kind.itemsize)
    words = given[:, 0] if shape.wide <= 8 else given[:, 0].copy()  # sums of what lies apart take twice as long
    narrow = np.frombuffer(data, _kind(shape.narrow), len(words) - 1, shape.head)
    # The type is named: NumPy 1 would add small numbers as small ones, before it writes them where they fit.
    np.add(narrow, np.array(shape.least, kind), out=words[1:], dtype=kind, casting="unsafe")
    if shape.steps:
        np.cumsum(words, dtype=kind, out=words)
    if shape.wide > 8:
        given[1:, 0] = words[1:]
        np.right_shift(words[1:], 63, out=given[1:, 1])
    return buffer


def _room(size: int) -> tuple[pa.Buffer, npt.NDArray[np.uint8]]:
    """Memory of Arrow's, which it takes into use again; NumPy's would be given back to the system each time."""
    import numpy as np
    import pyarrow as pa

    buffer = pa.allocate_buffer(size)
    return buffer, np.frombuffer(buffer, np.uint8)


def _needed(numbers: Signed) -> int:
    """How many bytes hold the distance between the least and the greatest."""
    distance = int(numbers.max()) - int(numbers.min())
    return 1 if distance < 1 << 8 else 2 if distance < 1 << 16 else 4 if distance < 1 << 32 else 8
