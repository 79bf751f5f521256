"""The state, to the last inode and nanosecond, of what a command may rest on: files, variables, installed packages.

A build with nothing to do pays for every import here: even `json`, `pathlib` and `dataclasses` would double its time.
"""

from __future__ import annotations

import os
import stat
import sys

from blake3 import blake3

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NOISE = frozenset({"_", "OLDPWD", "SHLVL", "_FFTCAS_COMPLETE", "COMP_WORDS", "COMP_CWORD"})
"""Variables that differ from one call to the next and say nothing: no project sees them. The line to complete counts by
itself."""

OTHERS = frozenset({"node_modules", "site-packages", "venv"})
"""Folders in a project's own that hold nothing that is read of it; hidden ones are left out as well."""

DATABASES = (".duckdb", ".duckdb.wal")
"""Ends of files that are not read as the project's, and whose state is watched by itself where it counts."""

LARGEST_PAGE = 1 << 16
"""Bytes of a page in LMDB's files, at most."""

NEVER = 1 << 80
"""A time at which nothing has stopped changing."""

FFTCAS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def digest(*parts: str) -> str:
    """A short name for some texts, which may be bytes that no encoding knows, as file names may."""
    return blake3("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def environment() -> str:
    """A digest of the variables, of the interpreter, of what is installed for it, and of fftcas itself."""
    seen = sorted(f"{name}={value}" for name, value in os.environ.items() if name not in NOISE)
    first, *places = sys.path
    seen += [sys.version, first, *sorted(entry.name for entry in entries(first or ".") if is_importable(entry))]
    seen += [f"{place} {state(place)}" for place in places]
    return digest(*seen, project_files(FFTCAS)[0])


def forget_noise() -> None:
    """Take NOISE out of the environment: a project that saw it would be another one at each call, and unwatched."""
    for name in NOISE:
        os.environ.pop(name, None)


def project_files(root: str) -> tuple[str, int]:
    """The state of every file of the project, and the latest time of change among them, in nanoseconds.

    What a link to a folder outside the project shows is not watched: such a project counts as always changing.
    """
    found: list[str] = []
    newest = 0
    folders = [root]
    linked: set[str] = set()
    while folders:
        folder = folders.pop()
        for entry in sorted(entries(folder), key=lambda entry: entry.name):
            name = entry.name
            if is_folder(entry):
                if not is_entered(name, top=folder == root):
                    continue
                if entry.is_symlink():
                    inside, real = leads_to(entry.path, root)
                    found.append(f"{entry.path} {real}")
                    newest = newest if inside else NEVER
                    if not inside or real in linked:
                        continue
                    linked.add(real)
                folders.append(entry.path)
            elif is_noted(name):
                try:
                    known = entry.stat()
                except OSError:  # a link to nothing
                    found.append(f"{entry.path} none")
                    continue
                newest = max(newest, known.st_mtime_ns, known.st_ctime_ns)
                found.append(f"{entry.path} {known.st_size} {known.st_mtime_ns} {known.st_ctime_ns} {known.st_ino}")
    return "\0".join(found), newest


def sees(path: str) -> bool:
    """Whether a file of this path in the project, be it there or not, is one of which `project_files` tells."""
    *folders, name = path.split("/")
    return is_noted(name) and all(is_entered(folder, top=not depth) for depth, folder in enumerate(folders))


def is_entered(name: str, *, top: bool) -> bool:
    """Whether the files of a folder are looked at; `top` if it lies in the project's own."""
    return not (name.startswith(".") or name == "__pycache__" or (top and name in OTHERS))


def is_noted(name: str) -> bool:
    return name.startswith(".env") or not (name.startswith(".") or name.endswith(DATABASES))


def is_importable(entry: os.DirEntry[str]) -> bool:
    """Whether Python finds a module or a package's description here: the first place where it looks may be the working
    directory, where other things come and go."""
    packaged = is_folder(entry) and os.path.exists(f"{entry.path}/__init__.py")
    return packaged or entry.name.endswith((".py", ".so", "-info"))


def is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def leads_to(link: str, root: str) -> tuple[bool, str]:
    """Whether a link to a folder leads to one of the project, and where it leads."""
    real, top = os.path.realpath(link), os.path.realpath(root)
    return f"{real}{os.sep}".startswith(f"{top}{os.sep}"), real


def entries(folder: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            yield from found
    except OSError:
        return


def watch(paths: Sequence[str]) -> str:
    """The state, now, of these files."""
    return states("\0".join(f"{path} " for path in paths))


def states(watched: str) -> str:
    """The state, now, of the files in a text of parts `path state`."""
    return "\0".join(
        f"{path} {state(path)}" for path in (part.rpartition(" ")[0] for part in watched.split("\0")) if path
    )


def state(path: str) -> str:
    """A file's size, times and inode, and how it begins.

    Times may be the same before and after a change that comes at once: a store is written at the end of each build, and
    some file systems know times in whole seconds.
    """
    try:
        known = os.stat(path)
        begins = beginning(path) if stat.S_ISREG(known.st_mode) else ""
    except OSError:
        return "none"
    return f"{known.st_size}:{known.st_mtime_ns}:{known.st_ctime_ns}:{known.st_ino}{begins}"


def beginning(path: str) -> str:
    """A digest of a file's first bytes: there LMDB's transactions and DuckDB's checkpoints are counted, in one of two
    pages or blocks each. Raises OSError.

    Not while this process has a DuckDB file open: closing it ends all locks that the process has on it.
    """
    with open(path, "rb", buffering=0) as file:
        return f":{blake3(file.read(2 * LARGEST_PAGE)).hexdigest()[:32]}"


def changed_at(path: str) -> int:
    """When a file last changed, in nanoseconds; 0 if there is none."""
    try:
        known = os.stat(path)
    except OSError:
        return 0
    return max(known.st_mtime_ns, known.st_ctime_ns)
