"""Whole numbers in as few bytes as their range needs, or the steps between them, if these need fewer.

Bytes are looked at as words of sixteen, eight or four, whatever they mean: decimals and sums, ids, dates, amounts of
cents, lengths; as floats that are whole numbers of tenths, hundredths, or less; or as words that something else
follows, as texts follow the places where they begin. A codec after this has two to sixteen times less to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fftcas.store.shape import END, WHOLE, Shape

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Signed = npt.NDArray[np.signedinteger[Any]]
    Bytes = npt.NDArray[np.uint8]

LEAST = 1 << 16
"""Bytes below which it is not worth the import."""
_HEADS = (1 << 10, 17 << 10)
"""Bytes in front that stay as they are: what Arrow says of a chunk; that, and which of its rows are null."""
_SAMPLE = 1 << 10
_DIGITS = 6
"""The most digits behind the point of a float that are looked for."""
_STEP = 1 << 16
"""Steps below it may lead from text to text."""


@dataclass(frozen=True)
class _Reading:
    """What bytes may be: words, with the one before them. See Shape."""

    wide: int
    words: Signed
    head: int
    tail: int = END
    digits: int = WHOLE


def narrowed(data: memoryview) -> tuple[Shape, pa.Buffer] | None:
    """The bytes with their words narrowed, or None if the words need all that they have."""
    if data.nbytes < LEAST or data.nbytes % 8:
        return None
    for reading in _readings(data):
        numbers, steps, needed = _narrowest(reading.words, steps=reading.digits == WHOLE)
        if needed < reading.wide:
            least = int(numbers.min())
            shape = Shape(reading.wide, needed, steps, least, reading.head, reading.tail, reading.digits)
            return shape, _written(shape, data, numbers)
    return None


def _readings(data: memoryview) -> Iterator[_Reading]:
    for before in _HEADS:
        for wide in (16, 8, 4):
            head = before + (data.nbytes - before - END) % wide
            words = _halves(data, head) if wide == 16 else _words(data, head, wide)
            if words is not None:
                yield _Reading(wide, words, head)
        for wide in (8, 4):
            places = _words(data, before, wide)
            count = _small_steps(places)
            if count * wide >= LEAST:
                yield _Reading(wide, places[: count + 1], before, data.nbytes - before - count * wide)
    for before in _HEADS:
        floats = _words(data, before, 8)
        digits = _digits(floats)
        if digits is not None:
            whole = _without_point(floats, digits)
            if whole is not None:
                yield _Reading(8, whole, before, digits=digits)
            return  # after another head it would fail because of the same floats


def _words(data: memoryview, head: int, wide: int) -> Signed:
    """The words after so many bytes, and the one before them."""
    import numpy as np

    return np.frombuffer(data, f"<i{wide}")[head // wide - 1 : -END // wide]


def _halves(data: memoryview, head: int) -> Signed | None:
    """`_words` of sixteen bytes, the lower halves, if they say all: the upper ones are nothing but their signs."""
    import numpy as np

    pairs = np.frombuffer(data, "<i8")[head // 8 - 2 : -1].reshape(-1, 2)
    for some in (pairs[1:_SAMPLE], pairs[1:]):
        if (some[:, 1] != some[:, 0] >> 63).any():
            return None
    return np.ascontiguousarray(pairs[:, 0])


def _small_steps(words: Signed) -> int:
    """How many words follow the first before a step is negative or large; 0 if one soon is, and if none is."""
    import numpy as np

    for some in (words[:_SAMPLE], words):
        large = np.diff(some).view(f"<u{some.itemsize}") >= _STEP
        if large[: _SAMPLE - 1].any():
            return 0
    return int(large.argmax())


def _digits(words: Signed) -> int | None:
    """How many digits floats have behind the point, as far as a few of them tell; None if that is too many."""
    import numpy as np

    floats = words[1 :: len(words) // _SAMPLE].view("<f8")
    powers = 10.0 ** np.arange(_DIGITS + 1)[:, None]
    with np.errstate(all="ignore"):
        fits = (np.rint(floats * powers) / powers == floats).all(axis=1)
    return int(fits.argmax()) if fits.any() else None


def _without_point(words: Signed, digits: int) -> Signed | None:
    """Words that are floats, times ten to the power of `digits`, if dividing them gives all but the first back."""
    import numpy as np

    power = 10.0**digits
    with np.errstate(all="ignore"):
        whole: Signed = np.rint(words.view("<f8") * power).astype("<i8")
    return None if ((whole[1:] / power).view("<i8") != words[1:]).any() else whole


def _narrowest(words: Signed, *, steps: bool) -> tuple[Signed, bool, int]:
    """The words after the first, or the steps between them, and how many bytes they need; a few are asked first."""
    import numpy as np

    numbers, needed = words[1:], words.itemsize
    if _needed(numbers[:_SAMPLE]) < needed:
        needed = _needed(numbers)
    if steps and _needed(np.diff(words[:_SAMPLE])) < needed and _needed(differences := np.diff(words)) < needed:
        return differences, True, _needed(differences)
    return numbers, False, needed


def _needed(numbers: Signed) -> int:
    """How many bytes hold the distance between the least and the greatest: up to four, or eight."""
    distance = int(numbers.max()) - int(numbers.min())
    return next((count for count in (1, 2, 3, 4) if distance < 1 << 8 * count), 8)


def _written(shape: Shape, data: memoryview, numbers: Signed) -> pa.Buffer:
    """The bytes with narrow words in place of the numbers."""
    import numpy as np

    buffer, made = _room(shape.narrow_size(data.nbytes))
    _copy_ends(shape, np.frombuffer(data, np.uint8), made)
    least = numbers.dtype.type(shape.least)
    lower, upper = _parts(shape, made, len(numbers))
    if upper is None:
        np.subtract(numbers, least, out=lower, casting="unsafe")
    else:
        lower[:] = above = numbers - least
        np.right_shift(above, 8 * shape.lower, out=upper, casting="unsafe")
    return buffer


def widened(shape: Shape, data: Any, size: int) -> pa.Buffer:
    """The `size` bytes that were narrowed to `data`, of which there are as many as the shape says."""
    import numpy as np

    narrow = np.frombuffer(data, np.uint8)
    buffer, made = _room(size)
    _copy_ends(shape, narrow, made)
    kind = np.dtype(f"<i{min(shape.wide, 8)}" if shape.digits == WHOLE else "<f8")
    slots = made[shape.head - shape.wide : size - shape.tail].view(kind).reshape(-1, shape.wide // kind.itemsize)
    words = slots[:, 0]
    if shape.wide > 8:  # sums of what lies apart take twice as long
        words = np.empty(len(slots), kind)
        words[0] = slots[0, 0]
    numbers = words[1:]
    lower, upper = _parts(shape, narrow, len(numbers))
    if upper is not None:
        above = upper.astype(f"<u{2 * shape.lower}")
        above <<= 8 * shape.lower
        above |= lower
        lower = above
    # The type is named: NumPy 1 would add small numbers as small ones, before it writes them where they fit, and any
    # would add signed ones of eight bytes to others as floats.
    np.add(lower, np.array(shape.least, kind), out=numbers, dtype=kind, casting="unsafe")
    if shape.steps:
        np.cumsum(words, dtype=kind, out=words)
    if shape.digits != WHOLE:
        numbers /= 10.0**shape.digits
    if shape.wide > 8:
        slots[1:, 0] = numbers
        np.right_shift(numbers, 63, out=slots[1:, 1])
    return buffer


def _copy_ends(shape: Shape, given: Bytes, made: Bytes) -> None:
    """What lies before and behind the words is the same in both forms."""
    made[: shape.head], made[-shape.tail :] = given[: shape.head], given[-shape.tail :]


def _parts(shape: Shape, narrow: Bytes, count: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
    """The lower bytes of `count` narrow words, and the upper ones, if they have any."""
    middle = shape.head + count * shape.lower
    end = shape.head + count * shape.narrow
    lower = narrow[shape.head : middle].view(f"<u{shape.lower}")
    return lower, narrow[middle:end].view(f"<u{shape.narrow - shape.lower}") if shape.lower < shape.narrow else None


def _room(size: int) -> tuple[pa.Buffer, Bytes]:
    """Memory of Arrow's, which it takes into use again; NumPy's would be given back to the system each time."""
    import numpy as np
    import pyarrow as pa

    buffer = pa.allocate_buffer(size)
    return buffer, np.frombuffer(buffer, np.uint8)
