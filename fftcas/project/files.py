"""The files of a project: found, read, and never from outside its directory."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from fftcas.errors import Location, ProjectError
from fftcas.project.yamlfile import read_text

IGNORED = frozenset({"__pycache__", "node_modules", "site-packages"})
IGNORED_AT_TOP = frozenset({"venv", "target"})
"""Further down, a folder that is called like this may be the project's own."""


@dataclass(frozen=True)
class Files:
    """Reads the files below `root`; paths are relative to it, with `/`. `read` gathers what was read or looked for."""

    root: Path
    read: set[str] = field(default_factory=set)

    def text(self, path: str) -> str:
        """A file's text. Raises ProjectError if it is missing, unreadable, not UTF-8 or outside the project."""
        self.read.add(path)
        text = read_text(self.inside(path), path)
        if text is None:
            raise ProjectError(f"there is no file {path}", where=Location(path))
        return text

    def inside(self, path: str) -> Path:
        """The absolute path. Raises ProjectError if it leads outside the project, through `..` or a symbolic link."""
        file = self.root / path
        plain = file.name != ".." and not file.is_symlink()
        if not (plain and self._holds(posixpath.dirname(path))) and not self._inside(file):
            raise ProjectError(
                f"{path} leads outside the project",
                where=Location(path),
                hint="copy the file into the project instead of linking to it",
            )
        return file

    def _inside(self, file: Path) -> bool:
        try:
            return file.resolve().is_relative_to(self._real_root)
        except (OSError, RuntimeError):  # a link to itself leads nowhere: whoever reads it is told
            return True

    def _holds(self, folder: str) -> bool:
        """Whether a folder is one of the project's; it is looked up once, and not for each of its files."""
        if folder not in self._folders:
            self._folders[folder] = self._inside(self.root / folder)
        return self._folders[folder]

    @cached_property
    def _real_root(self) -> Path:
        return self.root.resolve()

    @cached_property
    def _folders(self) -> dict[str, bool]:
        return {}

    def is_file(self, path: str) -> bool:
        self.read.add(path)
        return (self.root / path).is_file()

    def walk(self, folder: str, suffixes: tuple[str, ...]) -> list[str]:
        """The paths below a folder that end in one of `suffixes`, sorted; hidden folders and caches are left out."""
        if folder not in self._walked:
            self._walked[folder] = sorted(self._walk(folder))
        return [path for path in self._walked[folder] if path.endswith(suffixes)]

    @cached_property
    def _walked(self) -> dict[str, list[str]]:
        return {}

    def _walk(self, folder: str) -> Iterator[str]:
        top = self.root / folder
        for directory, folders, names in os.walk(top, onerror=self._unreadable):
            base = Path(directory).relative_to(self.root).as_posix()
            ignored = IGNORED | IGNORED_AT_TOP if base == "." else IGNORED
            folders[:] = [name for name in folders if not name.startswith(".") and name not in ignored]
            for name in folders:
                if (Path(directory) / name).is_symlink():
                    self.inside(f"{base}/{name}")
            for name in names:
                if not name.startswith("."):
                    yield name if base == "." else f"{base}/{name}"

    def _unreadable(self, error: OSError) -> None:
        if isinstance(error, FileNotFoundError):
            return
        path = Path(error.filename).relative_to(self.root).as_posix()
        raise ProjectError(f"cannot read the folder {path}", where=Location(path), why=error.strerror) from None
