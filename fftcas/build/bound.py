"""The bound of the store: nobody's disk is to fill because nobody thought of `fftcas gc`."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fftcas.errors import UsageError
from fftcas.project.budgets import parse_size
from fftcas.store import Store

if TYPE_CHECKING:
    from fftcas.store.gc import Collected

VARIABLE = "FFTCAS_STORE_SIZE"
SLACK = 0.9
"""Above the bound, the store is brought down to this part of it, so that not every build has to collect."""


def bound(path: Path, environ: Mapping[str, str]) -> int:
    """The bytes that the store at `path` may take: `FFTCAS_STORE_SIZE`, or the default. Raises UsageError."""
    wanted = environ.get(VARIABLE)
    if not wanted:
        return default_bound(path)
    try:
        return parse_size(wanted)
    except ValueError as error:
        raise UsageError(f"{VARIABLE} {error}") from error


def default_bound(path: Path) -> int:
    """A tenth of the disk, at most 50 GiB."""
    return int(min(50 << 30, shutil.disk_usage(path).total // 10))


def keep_within(store: Store, limit: int) -> Collected | None:
    """Collect garbage if the store has grown above its bound.

    Space is not given back to the disk, which would take a copy of the store: what is written next goes there. May be
    interrupted at any moment. Raises StoreError.
    """
    environments = (store.blobs.environment, store.records.environment)
    if sum(environment.size() for environment in environments) <= limit:
        return None  # the usual case costs nothing
    if sum(environment.size() - environment.free_bytes() for environment in environments) <= limit:
        return None
    from fftcas.http.sharing import blobs_to_keep
    from fftcas.store.gc import Policy, collect

    policy = Policy(int(limit * SLACK))
    return collect(store, policy, keep_blobs=blobs_to_keep(store), compact=False)
