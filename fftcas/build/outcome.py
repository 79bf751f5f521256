"""What became of a node in a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from fftcas.digest import Digest
from fftcas.errors import FftcasError
from fftcas.label import Label
from fftcas.table import Column, Manifest

if TYPE_CHECKING:
    from fftcas.http.context import HttpUsage


class Status(StrEnum):
    FRESH = "fresh"
    RESTORED = "restored"
    BUILT = "built"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Identity:
    """What a node's readers see: the output digest, the columns, and for a stored table its manifest.

    A view has no columns here: its readers look through it. A source has no manifest; `narrowed` tells the identity of
    what a reader of some of its columns sees (None: all).
    """

    output: Digest
    columns: tuple[Column, ...] = ()
    manifest: Manifest | None = None
    narrowed: Callable[[frozenset[str] | None], Digest] | None = field(default=None, compare=False)

    @classmethod
    def of(cls, manifest: Manifest) -> Identity:
        return cls(manifest.output, manifest.schema, manifest)


@dataclass(frozen=True)
class Outcome:
    """What became of a node; times are ISO 8601 in UTC, `seconds` is the whole node, `query_seconds` its own code.

    `saved_seconds` is what its own code took when it last ran, if it did not have to run now. `source` says where a
    restored table came from, `http` tells of the responses that the output rests on. `output_changed` says whether
    readers can notice.
    """

    label: Label
    status: Status
    reason: str
    derivation: Digest | None = None
    identity: Identity | None = None
    output_changed: bool = False
    rows: int | None = None
    bytes: int = 0
    bytes_scanned: int = 0
    started_at: str = ""
    finished_at: str = ""
    seconds: float = 0.0
    query_seconds: float = 0.0
    saved_seconds: float = 0.0
    source: str | None = None
    http: HttpUsage | None = None
    warnings: tuple[str, ...] = field(default=())
    error: FftcasError | None = None

    @property
    def ok(self) -> bool:
        return self.status not in (Status.FAILED, Status.SKIPPED)
