"""What the first two pages of an LMDB data file say, read without mapping it: LMDB itself dies on a truncated file."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

MAGIC = 0xBEEFC0DE
FORMAT = 1
_META = struct.Struct("<IIQQ")  # magic, version, address, map size
_META_AT = 16  # after the page header
_PAGE_SIZE_AT = _META_AT + 24
_LAST_PAGE_AT = _META_AT + 24 + 2 * 48  # after the two root records


@dataclass(frozen=True)
class Header:
    """The newer of the two meta pages."""

    page_size: int
    last_page: int
    transaction: int

    @property
    def size(self) -> int:
        """Size of a file that holds every page."""
        return (self.last_page + 1) * self.page_size


def read_header(path: Path) -> Header | None:
    """The header of a data file, or None if LMDB would begin a new one. Raises ValueError if it is no data file."""
    try:
        with path.open("rb") as file:
            head = file.read(_LAST_PAGE_AT + 16)
            if not head:
                return None
            first = _meta(head)
            file.seek(first.page_size)
            second = _meta(file.read(_LAST_PAGE_AT + 16))
    except FileNotFoundError:
        return None
    return max(first, second, key=lambda header: header.transaction)


def _meta(page: bytes) -> Header:
    if len(page) < _LAST_PAGE_AT + 16:
        raise ValueError("it is shorter than its header")
    magic, version, _, _ = _META.unpack_from(page, _META_AT)
    if magic != MAGIC:
        raise ValueError("it is not an LMDB file")
    if version != FORMAT:
        raise ValueError(f"it is in LMDB's data format {version}, not {FORMAT}")
    (page_size,) = struct.unpack_from("<I", page, _PAGE_SIZE_AT)
    last_page, transaction = struct.unpack_from("<QQ", page, _LAST_PAGE_AT)
    if page_size not in (1 << power for power in range(9, 17)):
        raise ValueError(f"its page size is {page_size}")
    return Header(page_size, last_page, transaction)
