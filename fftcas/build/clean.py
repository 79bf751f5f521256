"""Forgetting a project's state: what runs left in its directory, and the store's records of its runs."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from fftcas.errors import UsageError
from fftcas.store import Store
from fftcas.store.runs import forget_project, project_key

FOLDER = ".fftcas"
OURS = ("target", "runs", "unchanged", "outlines")
"""What fftcas keeps in the folder; a database or a store that someone has put there is not touched."""


@dataclass(frozen=True)
class Cleaned:
    """What went, or would go: paths, and the count of the runs that the store knew of."""

    paths: tuple[Path, ...]
    runs: int


def clean(root: Path, store: Store, *, dry_run: bool = False) -> Cleaned:
    """Remove the state of the project in `root`. Its database and the store's blobs are not touched.

    Raises UsageError if `root` is no directory, or its files cannot be removed.
    """
    if not root.is_dir():
        raise UsageError(f"there is no directory {root}", hint="name the project with --project")
    root = root.resolve()
    paths = tuple(path for name in OURS if (path := root / FOLDER / name).exists())
    if dry_run:
        runs = store.records.read(lambda txn: sum(1 for _ in txn.scan("run", project_key(str(root)))))
        return Cleaned(paths, runs)
    try:
        for path in paths:
            shutil.rmtree(path)
        with contextlib.suppress(OSError):  # something else lies there
            (root / FOLDER).rmdir()
    except OSError as error:
        raise UsageError(f"cannot remove {error.filename}", why=error.strerror) from error
    return Cleaned(paths, forget_project(store.records, str(root)))
