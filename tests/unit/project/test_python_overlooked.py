"""Files without models: helpers, or what was meant to be a model."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import load

HEAD = "from fftcas import model, engine_model\n"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("helper.py", "X = 1\ndef model(data, session): ...\n"),
        ("m.ff.py", HEAD + "@engine_model(only='postgres')\ndef f(): ...\n"),
        ("macros_py/m.ff.py", "def f(): ...\n"),
        ("helper.py", HEAD + "def nightly(**k):\n    return model(tags=['nightly'], **k)\n"),
        ("helper.py", "class registry:\n    model = print\n@registry.model\ndef f(): ...\n"),
        ("helper.py", "from .registry import tables\n@tables.model('t')\ndef f(): ...\n"),
    ],
)
def test_a_file_without_models_is_a_helper(tmp_path: Path, path: str, text: str) -> None:
    project = load(tmp_path, {f"models/{path}": text})
    assert (project.nodes, project.warnings) == ({}, ())


@pytest.mark.parametrize(
    ("path", "text", "line"),
    [
        ("m.py", "import helper\nfrom helper import model\n@model\ndef f(): ...\n", ":3"),
        ("m.py", HEAD + "def all():\n    @model()\n    def f(): ...\n", ":3"),
        ("m.py", HEAD + "def f(): ...\na = model(name='a')(f)\n", ":3"),
        ("m.py", "import fftcas as ff\nclass C:\n    @ff.model\n    def f(): ...\n", ":3"),
        ("m.py", "from helper import *\n@ff.model\ndef f(): ...\n", ":2"),
        ("m.py", "def model(dbt, session):\n    return dbt.ref('a')\n", ":1"),
        ("m.ff.py", "def f(): ...\n", ""),
    ],
)
def test_what_seems_to_be_a_model_is_told(tmp_path: Path, path: str, text: str, line: str) -> None:
    project = load(tmp_path, {f"models/{path}": text, "helper.py": HEAD})
    assert not project.nodes
    assert [each.partition(": ")[0] for each in project.warnings] == [f"models/{path}{line}"]
    assert "no model is declared here: write @model" in project.warnings[0]
