"""Looks: what they see, and how much is kept of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fftcas.cli import look, watched
from fftcas.cli.look import Look, forget_oldest, look_at


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project that has not been changed for long."""
    (tmp_path / "models").mkdir()
    (tmp_path / ".fftcas").mkdir()
    (tmp_path / "models" / "one.sql").write_text("select 1")
    return tmp_path


def later(root: Path, *arguments: str, seconds: int = 60) -> Look:
    """A look that is taken when all files are old."""
    seen = look_at(["ls", *arguments], ["-C", str(root)])
    assert seen is not None
    seen.at += seconds * 1_000_000_000
    return seen


def test_what_was_remembered_is_recalled_until_a_file_changes(root: Path) -> None:
    assert later(root).recall() is None
    later(root).remember(["said", "warned"])
    assert later(root).recall() == ["said", "warned"]
    assert later(root, "-o", "json").recall() is None
    (root / "models" / "one.sql").write_text("select 2")
    assert later(root).recall() is None


def test_each_environment_has_a_memory_of_its_own(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    later(root).remember(["without"])
    monkeypatch.setenv("FF_DEMO_TOGGLE", "1")
    assert later(root).recall() is None
    later(root).remember(["with"])
    assert later(root).recall() == ["with"]
    monkeypatch.delenv("FF_DEMO_TOGGLE")
    assert later(root).recall() == ["without"]


def test_other_files_are_watched_where_it_is_asked_for(root: Path, tmp_path: Path) -> None:
    other = tmp_path / ".hidden" / "a file\nof two lines"
    other.parent.mkdir()
    for change in (lambda: other.write_text("there"), other.unlink, lambda: None):
        later(root).remember(["said"], watched.watch([str(other)]))
        assert later(root).recall() == ["said"]
        change()
    assert later(root).recall() == ["said"]


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("models/one.sql", True),
        (".env.dev", True),
        ("models/venv/one.sql", True),
        ("venv/one.sql", False),
        ("a/.b/one.sql", False),
        ("a/../one.sql", False),
        ("a/__pycache__/one.sql", False),
        ("a/.one.sql", False),
        ("a.duckdb", False),
    ],
)
def test_files_that_are_seen_are_those_whose_change_is_noticed(root: Path, path: str, seen: bool) -> None:
    assert watched.sees(path) == seen
    before = later(root).files
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text("new")
    assert (later(root).files != before) == seen or ".." in path


def test_another_fftcas_is_another_environment(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = tmp_path / "code" / "module.py"
    code.parent.mkdir()
    code.write_text("1")
    monkeypatch.setattr(watched, "FFTCAS", str(code.parent))
    before = watched.environment()
    assert watched.environment() == before
    code.write_text("2")
    assert watched.environment() != before


def test_young_files_are_not_trusted(root: Path) -> None:
    later(root, seconds=0).remember(["said"])
    assert later(root).recall() is None


def test_a_project_that_was_never_built_stays_as_it_is(root: Path) -> None:
    (root / ".fftcas").rmdir()
    later(root).remember(["said"])
    assert not (root / ".fftcas").exists()


def test_what_is_no_project_is_not_looked_at(tmp_path: Path) -> None:
    assert look_at(["ls"], ["-C", str(tmp_path)]) is None


def test_memories_do_not_grow_without_bound(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "MOST", 3)
    for number in range(6):
        later(root, str(number)).remember(["said"])
    assert [later(root, str(number)).recall() for number in range(6)] == [None] * 3 + [["said"]] * 3
    monkeypatch.setattr(look, "MOST_BYTES", 50_000)
    later(root, "large").remember(["x" * 100_000])
    assert len(list((root / ".fftcas" / "unchanged").iterdir())) == 1
    assert later(root, "large").recall() == ["x" * 100_000]


def test_the_newest_memory_is_kept_whatever_its_size(tmp_path: Path) -> None:
    for age, name in enumerate(("new", "old")):
        (tmp_path / name).write_bytes(b"x" * look.MOST_BYTES)
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    forget_oldest(str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


@pytest.mark.parametrize("bad", ["", "\x1e", "2\x1e", "nonsense", "\udc80"])
def test_what_is_no_memory_is_none(root: Path, bad: str) -> None:
    seen = later(root)
    Path(seen.path).parent.mkdir(parents=True)
    Path(seen.path).write_bytes(bad.encode("utf-8", "surrogateescape"))
    assert seen.recall() is None


def test_a_memory_that_was_cut_off_is_none(root: Path) -> None:
    seen = later(root)
    seen.remember(["said", "warned", "results"])
    whole = Path(seen.path).read_bytes()
    for size in range(len(whole)):
        Path(seen.path).write_bytes(whole[:size])
        assert seen.recall() is None
    Path(seen.path).write_bytes(whole)
    assert seen.recall() == ["said", "warned", "results"]


def test_a_file_whose_name_is_no_text_is_no_trouble(root: Path) -> None:
    (root / "models" / os.fsdecode(b"\xff.txt")).write_text("")
    later(root).remember(["said"])
    assert later(root).recall() == ["said"]
