"""What a remote needs of the place where it lies: six operations on immutable objects with checked names."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Entry:
    """An object in a listing; `modified` is when it was written or last touched, in seconds since the epoch."""

    name: str
    size: int
    modified: float


class Unreachable(OSError):
    """The place does not answer, or not in time."""


class Full(OSError):
    """There is no room for another object."""


class Denied(OSError):
    """The place may not be read, or not be written."""


class Transport(Protocol):
    """A directory or a bucket. Methods raise OSError if the place fails; a missing object is no failure.

    `network` says whether a connection is opened to reach it: a directory is used as any other, whatever it lies on.
    `atomic` is False if two writers of one name may both be told that they were the first.
    """

    url: str
    network: bool
    atomic: bool
    parallel: int

    def get(self, name: str, start: int, stop: int) -> bytes | None:
        """The bytes from `start` to `stop`, fewer if the object ends before; None if there is no such object."""
        ...

    def put(self, name: str, data: bytes, replace: bool = False) -> bool:
        """Write an object, all at once; False if there is one of this name, which is left alone.

        With `replace` it takes the place of the one that is there: a reader sees either.
        """
        ...

    def stat(self, names: Collection[str]) -> Mapping[str, Entry]:
        """Those of the objects that exist."""
        ...

    def list(self, prefix: str) -> Iterator[Entry]:
        """All objects below a folder, in any order."""
        ...

    def strays(self, prefix: str) -> Iterator[str]:
        """What lies below a folder and is no object, though it may be in the place of one: links, pipes, folders."""
        ...

    def touch(self, name: str) -> None:
        """Make an object's `modified` the present, if it exists."""
        ...

    def delete(self, name: str) -> None:
        """Delete an object, or what is in its place."""
        ...
