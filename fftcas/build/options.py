"""How a build is to be done."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fftcas.label import Label


class CacheMode(StrEnum):
    """Whether the store is read, written, both or neither. Relations and their stamps always tell the truth."""

    OFF = "off"
    RW = "rw"
    RO = "ro"
    WO = "wo"

    @property
    def reads(self) -> bool:
        return self in (CacheMode.RW, CacheMode.RO)

    @property
    def writes(self) -> bool:
        return self in (CacheMode.RW, CacheMode.WO)


@dataclass(frozen=True)
class BuildOptions:
    """`forced` nodes are built whatever the store holds."""

    cache: CacheMode = CacheMode.RW
    jobs: int = 1
    keep_going: bool = False
    forced: frozenset[Label] = frozenset()
