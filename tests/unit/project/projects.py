"""Small projects on disk, for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from fftcas.errors import ProjectError
from fftcas.label import Label
from fftcas.project.load import load_project
from fftcas.project.nodes import PythonModel, SqlModel
from fftcas.project.project import Project


class Memory:
    """Remembers in this process, and counts what it was given."""

    def __init__(self) -> None:
        self.records: dict[bytes, bytes] = {}
        self.puts = 0

    def get_records(self, kind: str, keys: Sequence[bytes]) -> list[bytes | None]:
        return [self.records.get(key) for key in keys]

    def put_records(self, kind: str, items: Mapping[bytes, bytes]) -> None:
        self.records.update(items)
        self.puts += len(items)


def write(root: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def load(
    root: Path,
    files: Mapping[str, str],
    environ: Mapping[str, str] | None = None,
    cli_vars: Mapping[str, Any] | None = None,
    memory: Memory | None = None,
) -> Project:
    """Write the files and load the project."""
    (root / "models").mkdir(exist_ok=True)
    write(root, files)
    return load_project(root, None, environ=environ or {}, cwd=root, cli_vars=cli_vars or {}, memory=memory)


def error(root: Path, files: Mapping[str, str], environ: Mapping[str, str] | None = None) -> str:
    """The error that loading raises, as people see it."""
    with pytest.raises(ProjectError) as caught:
        load(root, files, environ)
    return str(caught.value)


def sql(project: Project, label: str) -> SqlModel:
    node = project.nodes[Label.parse(label)]
    assert isinstance(node, SqlModel)
    return node


def python(project: Project, label: str) -> PythonModel:
    node = project.nodes[Label.parse(label)]
    assert isinstance(node, PythonModel)
    return node
