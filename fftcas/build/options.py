"""How a build is to be done."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fftcas.http.settings import HttpCacheMode
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


class Materialize(StrEnum):
    """Which outputs are put into the database: all; the targets, and what nodes that run read; only the latter."""

    ALL = "all"
    TARGETS = "targets"
    NONE = "none"


@dataclass(frozen=True)
class HttpOptions:
    """What was said about HTTP besides the environment's settings; a `mode` of None leaves it to them.

    Nodes in `refresh` have their responses asked for again. `locked`: exactly those of the lock file are used. `prove`:
    a model of which it is not known what it fetched is run.
    """

    offline: bool = False
    mode: HttpCacheMode | None = None
    refresh: frozenset[Label] = frozenset()
    locked: bool = False
    prove: bool = False


@dataclass(frozen=True)
class BuildOptions:
    """`forced` nodes are built whatever the store holds. `check`: targets are run again, and must give the same."""

    cache: CacheMode = CacheMode.RW
    jobs: int = 1
    keep_going: bool = False
    http: HttpOptions = HttpOptions()
    forced: frozenset[Label] = frozenset()
    materialize: Materialize = Materialize.ALL
    check: bool = False
