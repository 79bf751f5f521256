"""A command in a process of its own, and the modules that it imported."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from forks import forks
from harness import Demo

Said = tuple[int, str, str]
"""An exit code, and what went to stdout and stderr."""

SCRIPT = """
import os, sys
sys.path[0] = os.getcwd()
sys.argv = ["fftcas", *{arguments!r}]
from fftcas.cli.entry import main
code = main()
print("modules", *sorted(sys.modules), file=sys.stderr)
sys.exit(code)
"""
HEAVY = {"duckdb", "pyarrow", "pandas", "jinja2", "yaml", "urllib3", "rich", "click", "lmdb", "json"}
"""What a command that finds nothing out does not import."""


@dataclass(frozen=True)
class Observed:
    """A command that has ended."""

    exit_code: int
    stdout: str
    stderr: str
    modules: frozenset[str]

    @property
    def remembered(self) -> bool:
        """Whether it was said again, without finding it out."""
        return not self.modules & HEAVY

    @property
    def said(self) -> Said:
        return self.exit_code, self.stdout, self.stderr


def observe(demo: Demo, *arguments: str, **more: str) -> Observed:
    """Run a command on the demo's project, from somewhere else."""
    return observe_from(demo.home, demo, *arguments, **more)


def observe_from(folder: Path, demo: Demo, *arguments: str, **more: str) -> Observed:
    """Run a command on the demo's project, from some folder."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(arguments=arguments)],
        cwd=folder,
        env=environment(demo, more),
        capture_output=True,
        text=True,
        timeout=120,
    )
    said, found, modules = done.stderr.rpartition("modules ")
    assert found, done.stderr
    return Observed(done.returncode, done.stdout, said, frozenset(modules.split()))


def tell(demo: Demo, *arguments: str, **more: str) -> Said:
    """Run a command as `observe` does, whatever it imports."""
    variables = environment(demo, more)
    return forks(variables["PYTHONPATH"]).run(arguments, demo.home, variables)


def tell_in_full(demo: Demo, *arguments: str, **more: str) -> Said:
    """Run a command when nothing is known of the project."""
    for folder in ("outlines", "unchanged"):
        shutil.rmtree(demo.project / ".fftcas" / folder, ignore_errors=True)
    return tell(demo, *arguments, **more)


def environment(demo: Demo, more: dict[str, str]) -> dict[str, str]:
    return demo.environment(**{"FFTCAS_PROJECT": str(demo.project), "FFT_ACTIVE_ENV": "dev_duckdb", **more})
