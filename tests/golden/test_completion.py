"""Shell completion, through click's own mechanism."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from shop import Shop


@pytest.mark.parametrize(
    ("line", "expected"),
    {
        "fftcas why": ["why-rebuild", "why-hit"],
        "fftcas build //mar": ["//marts:stock", "//marts:titles", "//marts:spend", "//marts/...", "//marts:all"],
        "fftcas ls 2+//mar": ["2+//marts:spend", "2+//marts:all"],
        "fftcas ls sta": ["state:"],
        "fftcas show //seeds:us": ["//seeds:users"],
        "fftcas show spe": ["spend"],
        "fftcas build spe": ["spend"],
        "fftcas seed us": ["users"],
        "fftcas build --changed": ["--changed-since"],
        "fftcas query --output t": ["tree"],
    }.items(),
)
def test_completion(line: str, expected: list[str], shop: Shop) -> None:
    script = "import sys; sys.argv[0] = 'fftcas'; from fftcas.cli.entry import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "FFTCAS_PROJECT": str(shop.root),
            "_FFTCAS_COMPLETE": "bash_complete",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split()) - 1),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    found = [item.partition(",")[2] for item in done.stdout.splitlines()]
    assert [word for word in expected if word not in found] == []
    assert all(word.startswith(line.split()[-1]) for word in found)
