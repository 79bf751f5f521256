"""What is checked out, and the files that tell: they change whenever it does."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from fftcas.build.git import Checkout, Edits, checkout
from fftcas.cli.watched import watch


def git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=n", "-c", "user.email=e", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder: Path) -> str:
    git(folder, "commit", "-q", "--allow-empty", "-m", "one")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    commit(folder)
    return folder


PREPARED = {
    "plain": ("status",),
    "packed": ("pack-refs", "--all"),
    "detached": ("checkout", "-q", "--detach"),
    "worktree": ("worktree", "add", "-q", "-b", "topic/one", "../other"),
}


@pytest.mark.parametrize("words", PREPARED.values(), ids=PREPARED)
def test_a_commit_is_seen_in_the_files(repository: Path, words: tuple[str, ...]) -> None:
    git(repository, *words)
    folder = repository.parent / "other" if "worktree" in words else repository
    for _ in range(3):
        files = [str(file) for file in checkout(folder).files]
        before = watch(files)
        assert before == watch(files)
        made = commit(folder)
        assert checkout(folder).commit == made
        assert before != watch(files)


def test_another_branch_is_seen_in_the_files(repository: Path) -> None:
    files = [str(file) for file in checkout(repository).files]
    before = watch(files)
    git(repository, "checkout", "-q", "-b", "other")
    assert checkout(repository).branch == "other"
    assert before != watch(files)


def test_no_repository(tmp_path: Path) -> None:
    (file,) = checkout(tmp_path).files
    assert not file.exists()
    git(tmp_path, "init", "-q")
    assert file.exists()


def edited(root: Path, *read: str) -> bool | None:
    edits = Edits(root, checkout(root))
    edits.wait()
    return edits.concern(read)


def test_a_git_that_does_not_end_is_ended_with_what_it_has_started(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim, started = tmp_path / "bin/git", tmp_path / "started"
    shim.parent.mkdir()
    shim.write_text(f"#!/bin/sh\nsleep 600 > /dev/null & echo $! > {started}; wait\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shim.parent}:{os.environ['PATH']}")
    edits = Edits(repository, checkout(repository))
    while not (started.exists() and started.read_text()):
        time.sleep(0.01)
    edits.wait()
    assert edits.concern(()) is None
    state = Path(f"/proc/{started.read_text().strip()}/stat")
    with suppress(FileNotFoundError, ProcessLookupError):
        while state.read_text().split()[2] not in "ZX":  # the kernel ends it when its turn comes
            time.sleep(0.01)


def test_edits_are_what_a_project_would_not_find_in_the_commit(repository: Path) -> None:
    root = repository / "shop"
    (root / "models").mkdir(parents=True)
    model, other = root / "models/a b.sql", repository / "other.txt"
    for file in (model, other):
        file.write_text("1")
    assert edited(root, "models/a b.sql")  # the folder is as unknown as what is in it
    git(repository, "add", "-A")
    assert edited(root)
    commit(repository)
    assert edited(root, "models/a b.sql") is False
    other.write_text("2")
    (root / "out.csv").write_text("1")
    assert edited(root, "models/a b.sql", "seeds/out.csv") is False
    assert edited(root, "out.csv")
    model.write_text("2")
    assert edited(root)
    git(repository, "checkout", "-q", ".")
    assert edited(root) is False
    model.unlink()
    assert edited(root)


def test_edits_are_not_known_without_git(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / ".git/index").write_text("nothing")
    assert edited(repository) is None
    monkeypatch.setenv("PATH", str(repository))
    assert edited(repository) is None


def test_a_broken_repository_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("nothing")
    assert checkout(tmp_path) == Checkout()
