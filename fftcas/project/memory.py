"""What loading a project may remember, so that only what has changed is worked out again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class Memory(Protocol):
    """Small values under a kind and a key; a key is a digest of all that its value was worked out from."""

    def get_records(self, kind: str, keys: Sequence[bytes]) -> list[bytes | None]: ...

    def put_records(self, kind: str, items: Mapping[bytes, bytes]) -> None: ...
