"""Fixtures: a demo that was never built, one that was, and the demo's API."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import DEMO, Demo, copy_demo, new_demo
from small import Small, new_small


@pytest.fixture
def demo(tmp_path: Path) -> Demo:
    """A demo that was never built."""
    return new_demo(tmp_path)


@pytest.fixture(scope="session")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    demo = new_demo(tmp_path_factory.mktemp("built_once"))
    done = demo.build()
    assert done.exit_code == 0, done.stderr
    return demo


@pytest.fixture
def built(built_once: Demo, tmp_path: Path) -> Demo:
    """A demo that was built, to be changed."""
    return copy_demo(built_once, tmp_path)


@pytest.fixture(scope="session")
def api() -> Iterator[str]:
    """The URL of the demo's users API, served on a free port."""
    command = [sys.executable, str(DEMO / "api" / "server.py"), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().split()[1]
        server.terminate()


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Small:
    """A small project with one seed, `numbers`, and no model."""
    for name in [name for name in os.environ if name.startswith(("FF_", "FFT"))]:
        monkeypatch.delenv(name)
    return new_small(tmp_path)
