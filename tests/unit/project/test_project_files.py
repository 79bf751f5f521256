"""Files of a project: whatever leads out of it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from fftcas.errors import ProjectError
from fftcas.project.files import Files


@pytest.fixture
def files(tmp_path: Path) -> Files:
    root = tmp_path / "project"
    for folder in (root / "models" / "a", tmp_path / "elsewhere"):
        folder.mkdir(parents=True)
        (folder / "m.sql").write_text("select 1")
    (root / "models/in").symlink_to(root / "models/a")
    (root / "models/out").symlink_to(tmp_path / "elsewhere")
    (root / "models/a/in.sql").symlink_to(root / "models/a/m.sql")
    (root / "models/a/out.sql").symlink_to(tmp_path / "elsewhere/m.sql")
    (tmp_path / "link").symlink_to(root)
    return Files(tmp_path / "link")


INSIDE = ["models/a/m.sql", "models/in/m.sql", "models/a/in.sql", "models/../models/a/m.sql", "models/out/../models"]
OUTSIDE = [
    "/m.sql",
    "models/out/m.sql",
    "models/a/out.sql",
    "../elsewhere/m.sql",
    "..",
    "models/out/..",
    "models/../..",
]


@pytest.mark.parametrize("path", [*INSIDE[:4], "", ".", "models", "models/..", "nothing/here"])
def test_inside(files: Files, path: str) -> None:
    for _ in range(2):
        assert files.inside(path) == files.root / path


@pytest.mark.parametrize("path", OUTSIDE)
def test_outside(files: Files, path: str) -> None:
    files.inside("models/a/m.sql")
    for _ in range(2):
        with pytest.raises(ProjectError, match="leads outside the project"):
            files.inside(path)


@pytest.mark.parametrize("path", [*INSIDE, *OUTSIDE, "", "."])
def test_it_is_what_the_whole_path_tells(files: Files, path: str) -> None:
    expected = (files.root / path).resolve().is_relative_to(files.root.resolve())
    try:
        files.inside(path)
    except ProjectError:
        assert not expected
    else:
        assert expected


def test_only_a_folder_of_a_name_that_no_project_has_is_left_out_wherever_it_is(tmp_path: Path) -> None:
    for folder in ("target", "venv", "node_modules", "models/target", "models/venv", "models/node_modules"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "m.py").write_text("")
    assert Files(tmp_path).walk(".", (".py",)) == ["models/target/m.py", "models/venv/m.py"]
    assert Files(tmp_path).walk("models", (".py",)) == ["models/target/m.py", "models/venv/m.py"]
