"""A command in a process of its own, and the modules that it imported."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from harness import Demo

SCRIPT = """
import sys
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
    def said(self) -> tuple[int, str, str]:
        return self.exit_code, self.stdout, self.stderr


def observe(demo: Demo, *arguments: str, **more: str) -> Observed:
    """Run a command on the demo's project, from somewhere else."""
    return observe_from(demo.home, demo, *arguments, **more)


def observe_from(folder: Path, demo: Demo, *arguments: str, **more: str) -> Observed:
    """Run a command on the demo's project, from some folder."""
    environment = demo.environment(**{"FFTCAS_PROJECT": str(demo.project), "FFT_ACTIVE_ENV": "dev_duckdb", **more})
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(arguments=arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    said, found, modules = done.stderr.rpartition("modules ")
    assert found, done.stderr
    return Observed(done.returncode, done.stdout, said, frozenset(modules.split()))
