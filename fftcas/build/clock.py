"""When a piece of work began, and how long it has taken."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class Clock:
    """Start of a piece of work, in UTC and on a clock that never goes back."""

    at: float = field(default_factory=time.time)
    started: float = field(default_factory=time.monotonic)

    @property
    def started_at(self) -> str:
        return iso(self.at)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started


def now() -> str:
    """The present as ISO 8601 in UTC, to the microsecond."""
    return iso(time.time())


def iso(at: float) -> str:
    """A time in seconds since 1970 as ISO 8601 in UTC, to the microsecond."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")
