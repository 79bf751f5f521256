"""A project's files as they were at a commit, in a directory of their own."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fftcas.errors import UsageError


def git(root: Path, *arguments: str) -> bytes:
    """What a git command prints. Raises UsageError with git's own words."""
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        raise UsageError("git is not installed", hint="it is needed to look into the past of the files") from None
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
        raise UsageError(f"git {arguments[0]} failed", why=words)
    return done.stdout


def commit_of(root: Path, ref: str) -> str:
    """The commit that a branch, tag or expression means. Raises UsageError."""
    try:
        return git(root, "rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}").decode().strip()
    except UsageError as error:
        if "not a git repository" in (error.why or ""):
            raise UsageError(f"{root} is in no git repository") from None
        raise UsageError(f"git knows no commit '{ref}'", why=error.why) from None


def edited_since(root: Path, ref: str) -> set[str]:
    """The paths, from `root`, of its files that are not what they were at a commit; also those that git does not know,
    but for ignored ones. Raises UsageError."""
    edited = git(root, "diff", "--name-only", "-z", "--relative", "--no-renames", commit_of(root, ref), "--", ".")
    unknown = git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", ".")
    return {path.decode("utf-8", "surrogateescape") for path in (edited + unknown).split(b"\0") if path}


@contextmanager
def tree_at(root: Path, ref: str) -> Iterator[Path]:
    """The project's directory as it was at a commit; removed afterwards. Raises UsageError.

    `.env` files that git does not know come from the working tree: they say where to connect, here as there.
    """
    commit = commit_of(root, ref)
    prefix = git(root, "rev-parse", "--show-prefix").decode().strip()
    top = Path(git(root, "rev-parse", "--show-toplevel").decode().strip())
    with tempfile.TemporaryDirectory(prefix="fftcas-tree-") as folder:
        tree = Path(folder, "tree")
        try:
            archive = git(top, "archive", "--format=tar", commit, *([prefix] if prefix else []))
        except UsageError as error:
            raise UsageError(f"the project was not there at {ref}", why=error.why) from None
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(tree, filter="data")
        then = tree / prefix
        for file in root.glob(".env*"):
            if file.is_file() and not (then / file.name).exists():
                shutil.copyfile(file, then / file.name)
        yield then
