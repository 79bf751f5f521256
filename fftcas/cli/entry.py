"""Where `fftcas` begins: what needs no finding out is said at once, before anything large is imported."""

from __future__ import annotations

import os
import sys

from fftcas.cli.unchanged import replay

INTERRUPTED = 130


def main() -> int:
    """Run the command line of this process; returns the exit code."""
    code = replay(sys.argv[1:])
    if code is None:
        from fftcas.cli.main import main as run

        code = run(sys.argv[1:])
    if code == INTERRUPTED:
        # A model's own Python code cannot be stopped, and would keep the process until it is done.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code
