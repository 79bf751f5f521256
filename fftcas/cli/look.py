"""A look at all that a command rests on, and what the same command said when all of that was the same.

What a command finds out is a function of the project's files, the environment, the arguments, the installed packages
and, for some, database and store. If all of these are what they were when the same command was observed, then it would
find the same again. It is a memory of observed runs and knows no rule of any command; whenever anything looks
different, or too young to be told apart, the command is run in full.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
import time

from fftcas.cli.watched import changed_at, digest, entries, environment, project_files, state, states

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

FORMAT = "6"

RACY_NS = 2_000_000_000
"""A file that was changed so shortly before it was looked at may change again and look the same."""

PART = "\x1e"
"""Stands between the parts of a memory; no part may contain it."""

MOST, MOST_BYTES = 100, 64 << 20
"""So many memories of a project are kept, of so many bytes in all: the newest."""


class Look:
    """The state of what a command rests on, taken before it begins. `at` is the time, in nanoseconds."""

    def __init__(self, arguments: Sequence[str], root: str) -> None:
        self.arguments = arguments
        self.root = root
        self.at = time.time_ns()
        files, newest = project_files(root)
        here = os.getcwd()
        variables = os.path.join(here, ".env")
        self.files = digest(files, state(variables))
        self.newest = max(newest, changed_at(variables))
        self.around = (here, root, environment())
        self.path = self.place("unchanged", *arguments, str(sys.stdout.isatty()))

    @property
    def is_young(self) -> bool:
        """Whether a file was changed too lately for anything to be kept."""
        return self.newest > self.at - RACY_NS

    def place(self, folder: str, *words: str) -> str:
        """The path of the memory of this name, for this working directory and environment."""
        return os.path.join(self.root, ".fftcas", folder, digest(*words, *self.around))

    def recall(self) -> list[str] | None:
        """The parts that were kept for this command; None if there are none, or anything looks different."""
        known = self.recall_from(self.path)
        return known[0] if known else None

    def recall_from(self, path: str) -> tuple[list[str], str] | None:
        """The parts of the memory at `path`, and the states of the other files that it rests on."""
        try:
            with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
                *kept, seal = file.read().split(PART)
            form, watched, *parts = kept
        except (OSError, ValueError):
            return None
        same = form == FORMAT and seal == self._seal(path, kept) and watched == states(watched)
        return (parts, watched) if same else None

    def _seal(self, path: str, kept: Sequence[str]) -> str:
        """What tells that a memory is whole, lies where it was put, and is of the project's files as they are."""
        return digest(os.path.basename(path), self.files, *kept)

    def remember(self, parts: Sequence[str], watched: str = "", path: str | None = None) -> None:
        """Keep these parts, unless a file was changed too lately. Never raises: it is a convenience.

        `watched` are the states of files beside the project's own, `path` is another place than this command's. Nothing
        is kept in a project that was never built: whoever only asks must not find new files there.
        """
        path = path or self.path
        kept = [FORMAT, watched, *parts]
        built = os.path.isdir(os.path.dirname(os.path.dirname(path)))
        if not built or self.is_young or any(PART in part for part in kept):
            return
        try:
            write(path, PART.join([*kept, self._seal(path, kept)]))
            forget_oldest(os.path.dirname(path))
        except (OSError, ValueError):
            return


def look_at(arguments: Sequence[str], options: Sequence[str]) -> Look | None:
    """A look for a command whose `options` may name the project; None if that is no project, or cannot be looked at.

    Nor is there one where the output can only say ASCII, or is closed: click knows better what to do then.
    """
    if sys.stdout is None or codecs.lookup(sys.stdout.encoding).name == "ascii":
        return None
    root = project_directory(options)
    try:
        return Look(arguments, root) if os.path.isdir(os.path.join(root, "models")) else None
    except FileNotFoundError:  # the working directory is gone
        return None


def project_directory(options: Sequence[str]) -> str:
    """The directory that `-C` or `--project` seems to name, else the one of FFTCAS_PROJECT, else this one.

    Options may be written in ways that are not seen here: whoever remembers has to compare it with the project's.
    """
    for position, option in enumerate(options):
        if option in ("-C", "--project") and position + 1 < len(options):
            return options[position + 1]
        for prefix in ("--project=", "-C"):
            if option.startswith(prefix) and option != prefix:
                return option[len(prefix) :]
    return os.environ.get("FFTCAS_PROJECT") or "."


def write(path: str, text: str, mode: int = 0o600) -> None:
    """Write a file at once or not at all, by default readable by its owner only. Raises OSError or UnicodeError."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    data = text.encode("utf-8", "surrogateescape")
    temporary = f"{path}.{os.getpid()}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
    try:
        with os.fdopen(os.open(temporary, flags, mode), "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def forget_oldest(folder: str) -> None:
    """Remove the memories that are too many. Raises OSError."""
    found = [(known.st_mtime_ns, known.st_size, entry.path) for entry in entries(folder) for known in [entry.stat()]]
    size = 0
    for position, (_, own, path) in enumerate(sorted(found, reverse=True)):
        size += own
        if position and (position >= MOST or size > MOST_BYTES):
            os.unlink(path)
