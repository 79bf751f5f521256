"""The git branch and commit that a project is checked out at, read from git's own files; and what was edited since."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 1.0
"""Seconds that a run that is done waits for git."""

UNKNOWN = "?? "
"""Marks a file or a folder that git does not know."""


@dataclass(frozen=True)
class Checkout:
    """Branch and commit; None where there is no repository, a detached head, or no commit yet.

    `files` are those of git's that say so, be they there or not: while they are what they are, so is the rest. `folder`
    is the project's path in the repository, "" for its top.
    """

    branch: str | None = None
    commit: str | None = None
    files: tuple[Path, ...] = ()
    folder: str = ""


def checkout(root: Path) -> Checkout:
    """What the repository around `root` is at. Never raises: a broken repository counts as none."""
    try:
        return _read(root.resolve())
    except (OSError, ValueError):
        return Checkout()


class Edits:
    """What in a project's folder is not as it was committed: git looks while the run goes on."""

    def __init__(self, root: Path, here: Checkout) -> None:
        self._folder = here.folder
        self._changes: list[str] | None = None
        self._git: subprocess.Popen[bytes] | None = None
        if here.commit is None:
            return
        how = ("--porcelain", "-z", "--no-renames", "--untracked-files=normal")
        command = ["git", "--no-optional-locks", "-C", str(root), "status", *how, "--", "."]
        with suppress(OSError):  # there is no git
            self._git = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # what it starts in turn is ended with it
            )

    def wait(self) -> None:
        """Let git come to its end, or end it if it takes too long."""
        if self._git is None:
            return
        with self._git as git:
            try:
                said, _ = git.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(git.pid, signal.SIGKILL)
                return
        if not git.returncode:
            self._changes = said.decode("utf-8", "surrogateescape").split("\0")[:-1]

    def concern(self, read: Collection[str]) -> bool | None:
        """Whether they concern a project that has read these files; None if git could not tell.

        A file that git does not know counts only if it was read.
        """
        if not self._changes:
            return None if self._changes is None else False
        new = {change.removeprefix(UNKNOWN) for change in self._changes if change.startswith(UNKNOWN)}
        folders = tuple(each for each in new if each.endswith("/"))
        paths = (self._folder + path for path in read)
        return len(new) < len(self._changes) or any(path in new or path.startswith(folders) for path in paths)


def _read(root: Path) -> Checkout:
    dot_git = next((place / ".git" for place in (root, *root.parents) if (place / ".git").exists()), None)
    if dot_git is None:
        return Checkout(files=(root / ".git" / "HEAD",))
    directory = dot_git
    if dot_git.is_file():  # a worktree: the file names its directory
        directory = (dot_git.parent / dot_git.read_text("utf-8").removeprefix("gitdir:").strip()).resolve()
    top = directory / "HEAD"
    within = root.relative_to(dot_git.parent).as_posix()
    folder = "" if within == "." else f"{within}/"
    head = top.read_text("utf-8").strip()
    if not head.startswith("ref: "):
        return Checkout(None, head, (top,), folder)
    reference = head.removeprefix("ref: ")
    branch = reference.removeprefix("refs/heads/")
    shared = directory / "commondir"
    common = (directory / shared.read_text("utf-8").strip()).resolve() if shared.exists() else directory
    loose = [place / reference for place in dict.fromkeys((directory, common))]
    packed = common / "packed-refs"
    files = (top, *loose, packed)
    for file in loose:
        if file.is_file():
            return Checkout(branch, file.read_text("utf-8").strip(), files, folder)
    for line in packed.read_text("utf-8").splitlines() if packed.is_file() else ():
        if line.endswith(f" {reference}"):
            return Checkout(branch, line.split(" ", 1)[0], files, folder)
    return Checkout(branch, None, files, folder)
