"""What a run publishes, told as it happens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fftcas.engines.base import Session, Staged
from fftcas.relation import RelationName, Stamp
from fftcas.table import Table


class Publishing:
    """A session of the engine that tells what is published: None when that begins, the stamp when it is done."""

    def __init__(self, session: Session, tell: Callable[[RelationName, Stamp | None], None]) -> None:
        self._session = session
        self._tell = tell
        self._held: list[Stamp] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def publish(self, staged: Staged, stamp: Stamp) -> None:
        if self._held is not None:
            self._session.publish(staged, stamp)
            self._held.append(stamp)
            return
        self._tell(stamp.relation, None)
        self._session.publish(staged, stamp)
        self._tell(stamp.relation, stamp)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        held: list[Stamp] = []
        self._held = held
        try:
            with self._session.at_once():
                yield
                for stamp in held:
                    self._tell(stamp.relation, None)
        finally:
            self._held = None
        for stamp in held:
            self._tell(stamp.relation, stamp)

    def publish_tables(self, tables: Iterable[tuple[Table, Stamp]]) -> None:
        begun = []

        def told() -> Iterator[tuple[Table, Stamp]]:
            for table, stamp in tables:
                self._tell(stamp.relation, None)
                begun.append(stamp)
                yield table, stamp

        self._session.publish_tables(told())
        for stamp in begun:
            self._tell(stamp.relation, stamp)

    def publish_view(self, relation: RelationName, sql: str, stamp: Stamp, root: Path | None = None) -> None:
        self._tell(stamp.relation, None)
        self._session.publish_view(relation, sql, stamp, root)
        self._tell(stamp.relation, stamp)
