"""How many tests run at a time."""

from __future__ import annotations

from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Two more than there are cores: many a test waits for a disk, for another process, or for time to go by."""
    return (yield) + 2
