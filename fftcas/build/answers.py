"""Answers that an engine gave once, kept in the store's records; the engines of others may have given them before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING

from fftcas.digest import Digest, digest_value
from fftcas.engines.drivers import driver_version
from fftcas.project.project import Project
from fftcas.store import Store
from fftcas.version import __version__

if TYPE_CHECKING:
    from fftcas.store.remote.answers import Given

FEW = 32
"""Questions that one's own engine is asked sooner than others' answers are read. Its very first answer takes 100 ms."""


class Exchange:
    """What a run may take over from others' engines, and what it has asked its own. Threads may share it.

    `read` gets what others have; it is called once, when more than a few answers are unknown, or the store has none.
    """

    def __init__(self, read: Callable[[], Given] = dict) -> None:
        self.asked: dict[str, dict[bytes, bytes]] = {}
        self._read = read
        self._given: Given | None = None
        self._unknown = 0
        self._lock = Lock()

    def given(self, kind: str, unknown: Sequence[bytes], *, first: bool) -> Mapping[bytes, bytes]:
        """What others' engines answered, as far as it is worth while to look; nobody has checked it yet.

        `first` says that the store has no answers of this kind.
        """
        with self._lock:
            self._unknown += len(unknown)
            if self._given is None and (first or self._unknown > FEW):
                self._given = self._read()
            return (self._given or {}).get(kind, {})

    def give(self, kind: str, asked: Mapping[bytes, bytes]) -> None:
        self.asked.setdefault(kind, {}).update(asked)


class Answers:
    """The answers of one kind. New ones are kept all at once, in the end: a run that is cut short can ask again.

    Only what is `sound` is taken from others, or given to them.
    """

    def __init__(self, store: Store, kind: str, exchange: Exchange, sound: Callable[[bytes], bool]) -> None:
        self._store = store
        self._kind = kind
        self._exchange = exchange
        self._sound = sound
        self._asked: dict[bytes, bytes] = {}
        self._taken: dict[bytes, bytes] = {}

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        kept = dict(zip(keys, self._store.get_records(self._kind, keys), strict=True))
        found = {key: self._asked.get(key) or self._taken.get(key) or answer for key, answer in kept.items()}
        unknown = [key for key, answer in found.items() if answer is None]
        if not unknown:
            return [found[key] for key in keys]
        first = len(unknown) == len(found) and not self._store.has_records(self._kind)
        given = self._exchange.given(self._kind, unknown, first=first)
        taken = {key: given[key] for key in unknown if key in given and self._sound(given[key])}
        self._taken |= taken
        return [taken.get(key) or found[key] for key in keys]

    def put(self, key: bytes, answer: bytes) -> None:
        self._asked[key] = answer

    def close(self) -> None:
        new, asked = self._taken | self._asked, self._asked
        self._taken, self._asked = {}, {}
        self._store.put_records(self._kind, new)
        self._exchange.give(self._kind, {key: answer for key, answer in asked.items() if self._sound(answer)})


def scope(project: Project) -> Digest:
    """Whose answers are of use to a project: those of its like, with the same engine and the same fftcas."""
    engine = project.profile.engine
    return digest_value("answers 1", [project.settings.name, __version__, engine, driver_version(engine)])
