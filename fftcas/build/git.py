"""The git branch and commit that a project is checked out at, read from git's own files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Checkout:
    """Branch and commit; None where there is no repository, a detached head, or no commit yet.

    `files` are those of git's that say so, be they there or not: while they are what they are, so is the rest.
    """

    branch: str | None = None
    commit: str | None = None
    files: tuple[Path, ...] = ()


def checkout(root: Path) -> Checkout:
    """What the repository around `root` is at. Never raises: a broken repository counts as none."""
    try:
        return _read(root.resolve())
    except (OSError, ValueError):
        return Checkout()


def _read(root: Path) -> Checkout:
    dot_git = next((place / ".git" for place in (root, *root.parents) if (place / ".git").exists()), None)
    if dot_git is None:
        return Checkout(files=(root / ".git" / "HEAD",))
    directory = dot_git
    if dot_git.is_file():  # a worktree: the file names its directory
        directory = (dot_git.parent / dot_git.read_text("utf-8").removeprefix("gitdir:").strip()).resolve()
    top = directory / "HEAD"
    head = top.read_text("utf-8").strip()
    if not head.startswith("ref: "):
        return Checkout(None, head, (top,))
    reference = head.removeprefix("ref: ")
    branch = reference.removeprefix("refs/heads/")
    shared = directory / "commondir"
    common = (directory / shared.read_text("utf-8").strip()).resolve() if shared.exists() else directory
    loose = [place / reference for place in dict.fromkeys((directory, common))]
    packed = common / "packed-refs"
    files = (top, *loose, packed)
    for file in loose:
        if file.is_file():
            return Checkout(branch, file.read_text("utf-8").strip(), files)
    for line in packed.read_text("utf-8").splitlines() if packed.is_file() else ():
        if line.endswith(f" {reference}"):
            return Checkout(branch, line.split(" ", 1)[0], files)
    return Checkout(branch, None, files)
