"""Commands in processes of their own, forked from one that has imported what others wrote: that takes longer than most
commands. fftcas itself is imported anew by each of them; `observed.py` has processes that begin with nothing at all.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import signal
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

SECONDS = 120
"""How long a command may take before it is killed."""


@dataclass(frozen=True)
class Forks:
    """The process from which commands are forked, one at a time."""

    server: subprocess.Popen[str]

    def run(self, arguments: tuple[str, ...], folder: Path, environment: dict[str, str]) -> tuple[int, str, str]:
        """`python -m fftcas ARGUMENTS` in a folder: its exit code, and what it says to stdout and stderr."""
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        with TemporaryDirectory() as said:
            print(json.dumps([arguments, str(folder), environment, said]), file=self.server.stdin, flush=True)
            code = int(self.server.stdout.readline())
            return code, Path(said, "1").read_text("utf-8"), Path(said, "2").read_text("utf-8")


@cache
def forks(python_path: str) -> Forks:
    """It is started once, and ends with this process."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": python_path}
    command = [sys.executable, __file__]
    server = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(server.communicate)
    return Forks(server)


def serve() -> None:
    """Fork for each line of stdin, and say how that process ended; only these processes return."""
    import jinja2  # noqa: F401
    import lmdb  # noqa: F401
    import pandas  # noqa: F401
    import pyarrow  # noqa: F401
    import rich.console  # noqa: F401
    import yaml  # noqa: F401
    from sitecustomize import log_queries

    if not version("duckdb").startswith("1."):  # which begins threads when it is imported: a forked process misses them
        import duckdb
    gc.freeze()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            become(*json.loads(line))
            import duckdb

            log_queries(duckdb)
            return
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    os._exit(0)


def become(arguments: list[str], folder: str, environment: dict[str, str], said: str) -> None:
    """Make this process look as if it had just been started."""
    signal.alarm(SECONDS)
    for number, path in enumerate([os.devnull, f"{said}/1", f"{said}/2"]):
        opened = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(folder)
    os.environ.update(environment)
    sys.argv[1:] = arguments
    sys.path[0] = folder


if __name__ == "__main__":
    serve()
    runpy.run_module("fftcas", run_name="__main__", alter_sys=True)
