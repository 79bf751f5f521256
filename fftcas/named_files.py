"""Files that statements name: which names mean one, and the files that are found."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path

from fftcas.relation import RelationName


def means_file(name: RelationName, root: Path) -> bool:
    """Whether a name of which there is no table means a file, with its suffix: it may be missing, but for one that
    would also be a schema and a table, as `d.csv`."""
    return "." in name.name or ("." in str(name) and any(True for _ in matching(str(name), root)))


def matching(pattern: str, root: Path) -> Iterator[str]:
    """The files that a literal means: that file, those that fit the pattern, those below that directory."""
    plain = os.path.expanduser(pattern)  # noqa: PTH111
    found = glob.glob(plain, root_dir=root, recursive=True, include_hidden=True)  # noqa: PTH207
    for name in {plain, *found}:
        path = root / name
        if path.is_dir():
            yield from (str(Path(name) / file.relative_to(path)) for file in path.rglob("*") if file.is_file())
        elif path.exists():
            yield name
