"""Answers that an engine gave once, kept in the store's records."""

from __future__ import annotations

from collections.abc import Sequence

from fftcas.store import Store


class Answers:
    """The answers of one kind. New ones are kept all at once, in the end: a run that is cut short can ask again."""

    def __init__(self, store: Store, kind: str) -> None:
        self._store = store
        self._kind = kind
        self._new: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        return self._new.get(key) or self._store.get_records(self._kind, [key])[0]

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return [
            self._new.get(key) or kept
            for key, kept in zip(keys, self._store.get_records(self._kind, keys), strict=True)
        ]

    def put(self, key: bytes, answer: bytes) -> None:
        self._new[key] = answer

    def close(self) -> None:
        new, self._new = self._new, {}
        self._store.put_records(self._kind, new)
