"""How numbers became fewer bytes, as frames say it, so that they can be made again."""

from __future__ import annotations

import struct
from dataclasses import astuple, dataclass, replace

_FORMS = (struct.Struct("<BB?q"), struct.Struct("<BB?qI"), struct.Struct("<BB?qIIb"))
"""What was written of a shape at first, then with its head, and now. What an older form lacks has a default."""
NEWEST = len(_FORMS)
END = 8
"""Bytes at the end that stay at least: those that end an Arrow stream."""
WHOLE = -1
"""The digits of words that are no floats."""


@dataclass(frozen=True)
class Shape:
    """Words of `wide` bytes became narrow ones: `least` was taken from each, or from its step from the last.

    The words are those between the first `head` and the last `tail` bytes. With `digits` they are floats: whole numbers
    divided by ten to that power, and these were narrowed. Narrow words lie in two parts, unless they are `old`: the
    `lower` bytes of all of them, then the upper ones.
    """

    wide: int
    narrow: int
    steps: bool
    least: int
    head: int = 9 << 10
    tail: int = END
    digits: int = WHOLE
    old: bool = False

    def pack(self) -> bytes:
        return _FORMS[-1].pack(*astuple(self)[:-1])

    @classmethod
    def unpack(cls, data: memoryview, form: int = NEWEST) -> tuple[Shape, memoryview]:
        """The shape that bytes begin with in one of the forms 1 to `NEWEST`, and the rest. Raises ValueError."""
        layout = _FORMS[form - 1]
        try:
            shape = replace(cls(*layout.unpack_from(data)), old=form < NEWEST)
        except struct.error as error:
            raise ValueError("it is too short") from error
        if not shape._can_be():
            raise ValueError(f"its numbers have the shape {shape}")
        return shape, data[layout.size :]

    def _can_be(self) -> bool:
        return (
            self.wide in (4, 8, 16)
            and self.narrow in ((1, 2, 4, 8) if self.old else (1, 2, 3, 4, 8))
            and self.narrow < self.wide
            and -(limit := 1 << 8 * min(self.wide, 8) - 1) <= self.least < limit
            and self.head >= max(8, self.wide)
            and self.head % 8 == 0
            and self.tail >= END
            and (self.digits == WHOLE or (self.wide == 8 and not self.steps and 0 <= self.digits <= 15))
        )

    @property
    def lower(self) -> int:
        """Bytes of a narrow word that lie in the first part."""
        return self.narrow if self.old or self.narrow == 1 else (self.narrow + 1) // 2

    def narrow_size(self, size: int) -> int:
        """Length of `size` bytes once they are narrowed. Raises ValueError if so many cannot have been."""
        count, odd = divmod(size - self.head - self.tail, self.wide)
        if odd or count < 1:
            raise ValueError(f"{size} bytes are not narrowed")
        return self.head + count * self.narrow + self.tail
