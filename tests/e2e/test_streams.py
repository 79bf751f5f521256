"""What becomes of a command whose output nobody can take, or whose streams a model has closed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from harness import IMPORTED
from small import Small

CLOSES = """import sys

@model()
def a():
    print('said first')
    sys.stdout.close()
    sys.stderr.close()
    return pd.DataFrame({'x': [1]})

@model(deps=['a'])
def b(a):
    print('said next')
    raise ValueError('b is bad')
"""


def run(small: Small, command: str) -> subprocess.CompletedProcess[str]:
    """Run a shell's command line, in which `fftcas` is one."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(small.folder),
        "FFTCAS_STORE": str(small.folder / "store"),
        "PYTHONPATH": os.pathsep.join(map(str, IMPORTED[1:])),
    }
    line = command.replace("fftcas", f"{sys.executable} -m fftcas", 1)
    return subprocess.run(
        ["bash", "-c", line], cwd=small.root, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize(
    "command", ["--version", "--help", "build", "ls", "why-rebuild", "show numbers -f csv", "stats", "doctor"]
)
def test_an_output_that_cannot_be_written_is_an_error(small: Small, command: str) -> None:
    assert run(small, "fftcas build").returncode == 0
    done = run(small, f"fftcas {command} > /dev/full")
    assert done.returncode == 2
    assert done.stderr == "error: what there is to say cannot be written\n  No space left on device\n"
    assert run(small, f"fftcas {command} > /dev/full 2>&1").returncode == 2


@pytest.mark.parametrize("command", ["--version", "build", "build --rebuild", "ls", "why-rebuild", "doctor"])
def test_an_output_that_nobody_wants_is_no_trouble(small: Small, command: str) -> None:
    done = run(small, f"fftcas {command} >&-")
    assert (done.returncode, done.stderr) == (0, "")
    assert run(small, f"fftcas {command} >&- 2>&-").returncode == 0
    assert run(small, "fftcas doctor").returncode == 0, "no file of the store was taken for an output"


def test_a_model_may_close_the_streams(small: Small) -> None:
    small.python(models=CLOSES)
    done = run(small, "fftcas build")
    assert done.returncode == 1
    assert "said first\n" in done.stdout
    assert "said next\n" in done.stdout
    assert "2 built, 1 failed" in done.stdout
    assert "ValueError: b is bad" in done.stderr
    assert "I/O operation on closed file" not in done.stderr
    done = run(small, "fftcas build --json")
    assert done.returncode == 1
    assert [result["status"] for result in json.loads(done.stdout)["results"]] == ["fresh", "fresh", "failed"]
    assert "said next\n" in done.stderr
    assert "failed    //:b" in done.stderr


def test_no_letter_is_too_many_for_an_encoding(small: Small) -> None:
    small.models(a="{{ config(description='é Ł 😀') }}select * from {{ ref('numbers') }}")
    done = run(small, "PYTHONIOENCODING=ascii fftcas build --json")
    assert (done.returncode, done.stderr) == (0, "")
    done = run(small, "PYTHONIOENCODING=ascii fftcas ls a -o json")
    assert json.loads(done.stdout)[0]["description"] == "é Ł 😀"
    done = run(small, "PYTHONIOENCODING=latin1 fftcas ls -o tree")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u2514" in done.stdout


def test_a_directory_is_no_file_to_write(small: Small) -> None:
    done = run(small, "fftcas build --md .")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: cannot write .\n  Is a directory\n  hint: name a file in it\n"
