"""Nothing has changed: a run in which every node was fresh is remembered, with the state of all that it rested on.

Deciding is a function of the project's files, the environment, the arguments, the installed packages and the database.
If all of these are, to the last inode and nanosecond, what they were when the same command found every node fresh, then
it would find the same again, and what it said is said again. It is a memory of an observed run and knows no rule of
deciding; whenever anything looks different, or too young to be told apart, the run is done in full.

This module is what a build with nothing to do pays for, so it imports next to nothing: even `json`, `pathlib` and
`dataclasses` would double its time.
"""

from __future__ import annotations

import os
import sys
import time

from blake3 import blake3

from fftcas.amounts import duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

COMMANDS = ("build", "run", "seed")
FORMAT = "1"

PAST = ("--changed-since", "state:", "result:", "changed:")
"""What is chosen by these depends on commits and on earlier runs, which are not looked at here."""

NOISE = frozenset({"_", "PWD", "OLDPWD", "SHLVL", "COLUMNS", "LINES", "TERM", "PS1"})
"""Variables that differ from one call to the next; the working directory counts by itself."""

RACY_NS = 2_000_000_000
"""A file that was changed so shortly before it was looked at may change again and look the same."""

OTHERS = frozenset({"node_modules", "site-packages", "venv"})
"""Folders in a project's own that hold nothing that is read of it; hidden ones are left out as well."""

PART = "\x1e"
"""Stands between the parts of a memory; no part may contain it."""


def replay(arguments: Sequence[str]) -> int | None:
    """Say again what this command said, if it is remembered and nothing changed; else None: it has to be found out."""
    if not asks_to_build(arguments):
        return None
    started, start = time.time_ns(), time.monotonic()
    try:
        with open(memory(arguments), encoding="utf-8") as file:
            parts = file.read().split(PART)
        form, where, watched, files, said, warnings, before, after, stamps, results = parts
    except (OSError, ValueError):
        return None
    root = project_directory(arguments)
    same = form == FORMAT and where == environment() and watched == states(watched) and files == project_files(root)[0]
    if not same:
        return None
    head, tail = results[:2000], results[2000:]
    for old in stamps.split("\n"):
        head = head.replace(old, new_stamp(old, started), 1)
    try:
        write(os.path.join(root, ".fftcas", "target", "run_results.json"), head + tail)
    except OSError:
        return None
    if warnings:
        print(warnings, file=sys.stderr)
    summary = f"{before}{duration(time.monotonic() - start)}{after}" if before else ""
    print("\n".join(filter(None, [said, summary])), end="\n" if said or summary else "")
    return 0


class Look:
    """The state of all that a run may rest on, taken before it begins; kept with what it said if all was fresh."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self.arguments = arguments
        self.at = time.time_ns()
        self.environment = environment()
        self.files, self.newest = project_files(project_directory(arguments))

    def remember(
        self,
        watched: str,
        said: Sequence[str],
        warnings: Sequence[str],
        summary: tuple[str, str],
        stamps: Sequence[str],
        results: str,
    ) -> None:
        """Keep what was said, unless a file was changed too lately. Never raises: it is a convenience.

        `watched` are the states of files beside the project's own. `stamps` are the run's id, start and end as they
        stand in `results`, the text of its run_results.json; `summary` is the last line before and after the time.
        """
        if self.newest > self.at - RACY_NS:
            return
        parts = [FORMAT, self.environment, watched, self.files]
        parts += ["\n".join(said), "\n".join(warnings), *summary, "\n".join(stamps), results]
        if any(PART in part for part in parts):
            return
        try:
            write(memory(self.arguments), PART.join(parts))
        except OSError:
            return


def asks_to_build(arguments: Sequence[str]) -> bool:
    asks_the_past = any(word in argument for argument in arguments for word in PAST)
    return bool(arguments) and arguments[0] in COMMANDS and not asks_the_past


def memory(arguments: Sequence[str]) -> str:
    """Where the answer to this command, given here, is kept."""
    asked = PART.join([*arguments, os.getcwd(), str(sys.stdout.isatty())])
    name = blake3(asked.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return os.path.join(project_directory(arguments), ".fftcas", "unchanged", name)


def project_directory(arguments: Sequence[str]) -> str:
    """The directory that `-C` or `--project` names, else the one of FFTCAS_PROJECT, else this one."""
    for position, argument in enumerate(arguments):
        if argument in ("-C", "--project") and position + 1 < len(arguments):
            return arguments[position + 1]
        for prefix in ("--project=", "-C"):
            if argument.startswith(prefix) and argument != prefix:
                return argument[len(prefix) :]
    return os.environ.get("FFTCAS_PROJECT") or "."


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
                if name.startswith(".") or name == "__pycache__" or (folder == root and name in OTHERS):
                    continue
                if entry.is_symlink():
                    inside, real = leads_to(entry.path, root)
                    found.append(f"{entry.path} {real}")
                    newest = newest if inside else NEVER
                    if not inside or real in linked:
                        continue
                    linked.add(real)
                folders.append(entry.path)
            elif (not name.startswith(".") or name.startswith(".env")) and not name.endswith(DATABASES):
                try:
                    known = entry.stat()
                except OSError:  # a link to nothing
                    found.append(f"{entry.path} none")
                    continue
                newest = max(newest, known.st_mtime_ns, known.st_ctime_ns)
                found.append(f"{entry.path} {known.st_size} {known.st_mtime_ns} {known.st_ctime_ns} {known.st_ino}")
    return "\n".join(found), newest


NEVER = 1 << 80
"""A time at which nothing has stopped changing."""


def is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def leads_to(link: str, root: str) -> tuple[bool, str]:
    """Whether a link to a folder leads to one of the project, and where it leads."""
    real, top = os.path.realpath(link), os.path.realpath(root)
    return f"{real}{os.sep}".startswith(f"{top}{os.sep}"), real


DATABASES = (".duckdb", ".duckdb.wal")
"""Ends of files that are not read as the project's, and whose state is watched by itself where it counts."""


def entries(folder: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            yield from found
    except OSError:
        return


def watch(paths: Sequence[str]) -> str:
    """The state, now, of these files, a line each."""
    return states("\n".join(f"{path} " for path in paths))


def states(watched: str) -> str:
    """The state, now, of the files in a text of lines `path state`."""
    return "\n".join(
        f"{path} {state(path)}" for path in (line.rpartition(" ")[0] for line in watched.split("\n")) if path
    )


def state(path: str) -> str:
    """A file's size, times and inode."""
    try:
        known = os.stat(path)
    except OSError:
        return "none"
    return f"{known.st_size}:{known.st_mtime_ns}:{known.st_ctime_ns}:{known.st_ino}"


def environment() -> str:
    """A digest of the variables, of the interpreter, and of what is installed for it."""
    seen = sorted(f"{name}={value}" for name, value in os.environ.items() if name not in NOISE)
    seen += [sys.version, *(f"{place} {state(place)}" for place in sys.path[1:])]
    return blake3(PART.join(seen).encode("utf-8", "surrogateescape")).hexdigest()


def new_stamp(old: str, now: int) -> str:
    """A run id or a time in the form of an old one, for the time `now` in nanoseconds."""
    seconds, micros = divmod(now // 1000, 1_000_000)
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    if "+" in old:
        return f"{moment}.{micros:06d}+00:00"
    return moment.replace("-", "").replace(":", "") + "-" + os.urandom(3).hex()


def write(path: str, text: str) -> None:
    """Write a file at once or not at all, readable by its owner only. Raises OSError."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}.{os.getpid()}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(temporary, flags, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, path)
