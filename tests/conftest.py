"""How many tests run at a time, which of them come first, and what tests of several folders share."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Two more than there are cores: many a test waits for a disk, for another process, or for time to go by."""
    return (yield) + 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest test is not the last one, for which all would wait."""
    items.sort(key=lambda item: "property" not in item.path.parts)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty directory, to become a remote."""
    path = tmp_path / "remote"
    path.mkdir()
    return path
