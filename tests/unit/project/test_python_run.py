"""Calling Python models."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from projects import load, python

from fftcas.declare import MODEL_RUNS, var
from fftcas.errors import NodeError
from fftcas.label import Label
from fftcas.project.nodes import PythonModel
from fftcas.project.python_import import environment
from fftcas.project.python_run import call_model, check_required
from fftcas.relation import RelationName

HEAD = "from fftcas import model, engine_model, var, env\nimport os\n"


def call(root: Path, text: str, files: dict[str, str] | None = None, *frames: Any, **environ: str) -> Any:
    text = HEAD + text
    project = load(root, {"models/users.sql": "select 1", **(files or {}), "models/lib/m.ff.py": text}, environ)
    node = next(node for node in project.nodes.values() if node.path == "models/lib/m.ff.py")
    return call_model(project, python(project, node.label.text), frames)


def test_a_model_gets_its_frames(tmp_path: Path) -> None:
    frame = object()
    assert call(tmp_path, "@model(deps='users', require='id')\ndef f(u): return u", {}, frame) is frame


def test_missing_columns_are_named() -> None:
    node = PythonModel(Label.parse("//lib:f"), "f", "models/f.py", RelationName("f"))
    users = Label.parse("//:users")
    check_required(node, users, ["id"], ["id", "name"])
    with pytest.raises(NodeError, match="//lib:f requires columns that //:users does not have: age") as caught:
        check_required(node, users, ["id", "age"], ["id", "name"])
    assert "//:users has: id, name" in str(caught.value)


def test_helpers_are_found_and_always_fresh(tmp_path: Path) -> None:
    text = (
        "import helpers\nfrom .near import X\nfrom . import near\nimport near as again\nfrom space.inner import Y\n"
        "@model()\ndef f():\n    import lazy\n    return helpers.V, X, again.X, Y, lazy.Z\n"
    )
    files = {
        "helpers.py": "V = 1",
        "models/lib/near.py": "X = 2",
        "space/inner.py": "Y = 3",
        "lazy.py": "Z = 4",
    }
    assert call(tmp_path, text, files) == (1, 2, 2, 3, 4)
    assert call(tmp_path, text, {"helpers.py": "V = 9", "lazy.py": "Z = 8", "space/inner.py": "Y = 7"}) == (
        9,
        2,
        2,
        7,
        8,
    )
    assert not list(tmp_path.rglob("__pycache__"))
    assert not [path for path in sys.path if path.startswith(str(tmp_path))]


def test_what_a_packages_own_file_has_can_be_imported(tmp_path: Path) -> None:
    text = "from . import X, near\nfrom .. import *\n@model()\ndef f(): return X, near.Y, Z"
    files = {
        "models/lib/__init__.py": "from .near import Y\nfrom . import near\nX = Y + 1",
        "models/lib/near.py": "Y = 1",
        "models/__init__.py": "__all__ = ['Z']\nZ = 3",
    }
    assert call(tmp_path, text, files) == (2, 1, 3)
    assert call(tmp_path, "from .near import Y\n@model()\ndef f(): return Y", {"models/lib/__init__.py": "1 / 0"}) == 1
    with pytest.raises(NodeError, match="has no attribute 'nothing'"):
        call(tmp_path, text, {"models/lib/__init__.py": "import os\nos.nothing"})


def test_variables_and_vars_are_seen_only_while_it_runs(tmp_path: Path) -> None:
    files = {".env": "FF_TOWN=Bern\n", "project.yml": "name: p\nversion: 1\nvars: {n: 3}\n"}
    text = "@model()\ndef f():\n    return os.environ['FF_TOWN'], env('FF_TOWN'), os.environ['FF_ENGINE'], \\\n"
    text += "        var('n'), var('m', 1)\n"
    assert call(tmp_path, text, files) == ("Bern", "Bern", "duckdb", 3, 1)
    assert "FF_TOWN" not in os.environ


def test_the_time_zone_is_utc_while_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "from datetime import datetime\n@model()\ndef f(): return datetime.fromtimestamp(0).hour, os.environ['TZ']\n"
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        assert call(tmp_path, text) == (0, "UTC")
        assert time.localtime(0).tm_hour == 9
    time.tzset()


def test_assertions_count_with_o_as_well(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("assert False, 'of course'")
    run = "import pathlib\nfrom fftcas.project.python_import import import_file\nimport_file(pathlib.Path('.'), 'm.py')"
    found = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-O", "-c", run], cwd=tmp_path, env=found, stderr=subprocess.PIPE, text=True)
    assert done.stderr.endswith("AssertionError: of course\n")


THREAD = """
from concurrent.futures import ThreadPoolExecutor
def work(i):
    from helpers import f
    return f(i) * var('n', 1)
@model()
def f():
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(work, [1, 2]))
"""


def test_threads_of_a_model_see_its_vars_and_its_helpers(tmp_path: Path) -> None:
    files = {"project.yml": "name: p\nversion: 1\nvars: {n: 3}\n", "helpers.py": "def f(i): return 10 * i"}
    assert call(tmp_path, THREAD, files) == [30, 60]


def test_a_process_that_a_model_starts_knows_no_vars(tmp_path: Path) -> None:
    with (
        pytest.raises(NodeError, match=r"var\('n'\) in a process that the model has started"),
        environment({MODEL_RUNS: "1"}),
    ):
        var("n", 1)


def test_what_a_model_makes_of_a_var_is_its_own(tmp_path: Path) -> None:
    text = "@model()\ndef f():\n    ids = var('ids'); ids[0].append(99)\n    return var('ids')\n"
    files = {"project.yml": "name: p\nversion: 1\nvars: {ids: [[1]]}\n"}
    assert call(tmp_path, text, files) == [[1]]


def test_the_variant_for_the_engine_runs(tmp_path: Path) -> None:
    text = (
        "@engine_model(only='duckdb', name='x')\ndef f(): return 1\n"
        "@engine_model(only='postgres', name='x')\ndef f(): return 2\n"
    )
    assert call(tmp_path, text) == 1


@pytest.mark.parametrize(
    ("text", "line", "last"),
    [
        ("@model()\ndef f():\n    return 1 // 0", 5, "ZeroDivisionError: integer division or modulo by zero"),
        ("import helpers\n@model()\ndef f(): return helpers.fail()", 5, "KeyError: 'k'"),
        ("import nothing_here\n@model()\ndef f(): ...", 3, "ModuleNotFoundError: No module named 'nothing_here'"),
        ("@model()\ndef f(): raise SystemExit(3)", 4, "SystemExit: 3"),
        ("import yaml\n@model()\ndef f(): ...", 3, "yaml/__init__.py"),
        ("import asyncio\n@model()\ndef f(): raise asyncio.CancelledError('x')", 5, "CancelledError: x"),
    ],
)
def test_what_a_model_raises_is_told_from_its_own_frame_on(tmp_path: Path, text: str, line: int, last: str) -> None:
    with pytest.raises(NodeError) as caught:
        call(tmp_path, text, {"helpers.py": "def fail(): return {}['k']\n", "yaml.py": "X = 1"})
    error = caught.value
    assert str(error.where) == f"models/lib/m.ff.py:{line}"
    assert error.why is not None
    assert error.why.strip().endswith(last)
    assert "python_run.py" not in error.why


def test_secrets_are_blotted_out(tmp_path: Path) -> None:
    with pytest.raises(NodeError) as caught:
        call(tmp_path, "@model()\ndef f(): raise ValueError(os.environ['MY_TOKEN'])", MY_TOKEN="hush-hush")
    assert "ValueError: ***" in str(caught.value)


def test_many_threads_each_get_their_own_helper(tmp_path: Path) -> None:
    files = {}
    for i in range(8):
        files[f"models/d{i}/helper.py"] = f"V = {i}"
        files[f"models/d{i}/m{i}.py"] = HEAD + (
            f"import helper\n@model()\ndef f{i}():\n    import time; time.sleep(0.01)\n    import helper as late\n"
            "    return helper.V, late.V\n"
        )
    assert at_once(tmp_path, files, [f"//d{i}:f{i}" for i in range(8)]) == [(i, i) for i in range(8)]


def at_once(root: Path, files: dict[str, str], labels: list[str]) -> list[Any]:
    """What models give that are called in threads."""
    project = load(root, files)
    with ThreadPoolExecutor(len(labels)) as pool:
        return list(pool.map(lambda label: call_model(project, python(project, label), []), labels))


DURING = """
import pickle, time
from helpers import Row
@model()
def {0}():
    time.sleep(0.1)
    return pickle.loads(pickle.dumps(Row())).x
"""


def test_a_model_that_pickles_finds_its_own_helper(tmp_path: Path) -> None:
    files = {f"models/{name}.py": HEAD + DURING.format(name) for name in "ab"}
    assert at_once(tmp_path, {**files, "helpers.py": "class Row:\n    x = 1"}, ["//:a", "//:b"]) == [1, 1]


BESIDE = """
import time
from pathlib import Path
from helpers_{0} import made
@model()
def {0}():
    here = Path(__file__).parent
    (here / '{0}').touch()
    until = time.monotonic() + 20
    while not ((here / 'a').exists() and (here / 'b').exists()):
        assert time.monotonic() < until
    return made()().x
"""
HELPER = """from __future__ import annotations
import dataclasses
def made():
    @dataclasses.dataclass
    class Row:
        x: int = 1
    return Row
"""


def test_what_a_model_has_imported_is_there_while_it_runs(tmp_path: Path) -> None:
    files = {f"models/{name}.py": HEAD + BESIDE.format(name) for name in "ab"}
    files |= {f"helpers_{name}.py": HELPER for name in "ab"}
    assert at_once(tmp_path, files, ["//:a", "//:b"]) == [1, 1]


TWICE = """
def twice(function):
    def f():
        return 2 * function()
    return f

class Once:
    def __init__(self, function):
        self.function = function
    def __call__(self):
        return self.function()

"""


@pytest.mark.parametrize(
    ("text", "gives"),
    [
        ("@model\ndef f(): return 1", 1),
        ("import fftcas\n@fftcas.engine_model\ndef f(): return 1", 1),
        ("@(\n    model(\n        name='f',\n    )\n)\n# more\n@twice\ndef other(): return 1", 2),
        ("import functools\n@model()\n@functools.cache\ndef f(): return 1", 1),
        ("@model()\n@Once\ndef f(): return 1", 1),
        ("from helpers import other\n@model()\n@other\ndef f(): return 1", 3),
        ("@model()\ndef f(): return 1\n@model()\n@twice\ndef other(): return 2", 1),
        ("@model()\ndef f(): return 1\ndef f(): return 2", 1),
        ("from functools import partial\nmodel = partial(model, cache=True)\n@model()\ndef f(): return 1", 1),
    ],
)
def test_a_model_is_what_its_own_decorator_was_given(tmp_path: Path, text: str, gives: int) -> None:
    helpers = "def other(function):\n    def f(): return 3\n    return f\n"
    assert call(tmp_path, TWICE + text, {"helpers.py": helpers}) == gives


def test_a_model_that_was_moved_in_its_file_is_found(tmp_path: Path) -> None:
    models = "@model()\ndef f(): return 1\n@model()\ndef g(): return 2\n"
    project = load(tmp_path, {"models/m.py": HEAD + models})
    (tmp_path / "models/m.py").write_text(HEAD + models.replace("@model()\ndef f(): return 1\n", "", 1) + models[:26])
    assert call_model(project, python(project, "//:g"), []) == 2
    (tmp_path / "models/m.py").write_text(HEAD + models[:26])
    with pytest.raises(NodeError, match="//:g is not in its file any more"):
        call_model(project, python(project, "//:g"), [])
    (tmp_path / "models/m.py").write_text(HEAD + "if not os:\n    @model()\n    def g(): ...\n")
    with pytest.raises(NodeError, match=r"//:g is not declared when its file runs\n  at models/m.py:4"):
        call_model(project, python(project, "//:g"), [])


def test_a_model_may_print_to_anything_that_can_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    text = "import sys\nclass Said(list):\n    write = list.append\n"
    assert call(tmp_path, text + "@model()\ndef f():\n    sys.stdout = Said()\n    print('x')\n    return 1") == 1
