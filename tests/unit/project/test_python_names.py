"""What of a Python model's code counts that is not in its own text: names, docstrings, what others hand on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from projects import error, load

from fftcas.project import python_installed

HEAD = "from fftcas import model, engine_model, var, env\n"


def recipe(root: Path, text: str, files: Mapping[str, str] | None = None, **options: Any) -> Any:
    root.mkdir(exist_ok=True)
    project = load(root, {**(files or {}), "models/lib/m.ff.py": text}, **options)
    return next(node.recipe for node in project.nodes.values() if node.path == "models/lib/m.ff.py")


def test_code_from_elsewhere_counts_with_what_it_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    libs = tmp_path / "libs"
    libs.mkdir()
    monkeypatch.syspath_prepend(str(libs))
    (libs / "team_rates.py").write_text("import json, pytest, team_rates\nfrom team_taxes import X\n")
    seen = set()
    for text in ("X = 1", "X = 2"):
        (libs / "team_taxes.py").write_text(text)
        python_installed.installed.cache_clear()
        found = recipe(tmp_path, HEAD + "import team_rates\n@model()\ndef f(): ...\n")
        seen.add(found["python"]["distributions"]["team_rates"])
    assert len(seen) == 2


NAMED = HEAD + "{}@model()\ndef f():\n    return 1\n"


@pytest.mark.parametrize(
    ("before", "helper"),
    [
        ("from helper import twice\n@twice\n", "def twice(function): return function\n"),
        ("from helper import SIZE\n", "SIZE = __name__\n"),
        ("from helper import SIZE\n", "from pathlib import Path\nSIZE = Path(__file__).stem\n"),
        ("from helper import here\n", "import sys\ndef here(): return sys._getframe(1).f_code.co_name\n"),
        ("from helper import here\n", "from inspect import stack\ndef here(): return stack()[1].function\n"),
        ("REGION = __file__\n", ""),
        ("REGION = eval('f.__name__')\n", ""),
        ("REGION = dir()\n", ""),
        ("from helper import first\n", "def first(function): return next(iter(function.__globals__))\n"),
        ("def first(): return next(iter(globals()))\n", ""),
    ],
)
def test_a_name_counts_where_code_may_look_at_it(tmp_path: Path, before: str, helper: str) -> None:
    text = NAMED.format(before)
    one = recipe(tmp_path / "one", text, {"models/lib/helper.py": helper})
    two = recipe(tmp_path / "two", text.replace("def f()", "def g()"), {"models/lib/helper.py": helper})
    assert one != two


@pytest.mark.parametrize(
    ("top", "below"),
    [("import functools\n", "@functools.cache\n"), ("HERE = __name__\n", ""), ("def rows(): return f, g\n", "")],
)
def test_two_models_of_a_file_are_two_where_their_names_count(tmp_path: Path, top: str, below: str) -> None:
    models = "".join(f"@model()\n{below}def {name}(): return {n}\n" for n, name in enumerate("fg"))
    recipes = [node.recipe for node in load(tmp_path, {"models/m.py": HEAD + top + models}).nodes.values()]
    assert len(recipes) == 2
    assert recipes[0] != recipes[1]


def test_where_a_file_lies_counts_where_code_may_look_at_it(tmp_path: Path) -> None:
    recipes = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        project = load(tmp_path / folder, {f"models/{folder}/m.py": NAMED.format("X = __file__\n")})
        recipes += [node.recipe for node in project.nodes.values()]
    assert recipes[0] != recipes[1]


@pytest.mark.parametrize(
    "idiom", ["if __name__ == '__main__': f()\n", "import logging\nlog = logging.getLogger(__name__)\n"]
)
def test_a_name_that_gets_into_no_rows_does_not_count(tmp_path: Path, idiom: str) -> None:
    text = NAMED.format("") + idiom.replace("f()", "pass")
    assert recipe(tmp_path / "one", text) == recipe(tmp_path / "two", text.replace("def f()", "def g()"))


def test_a_docstring_counts_where_another_module_may_look_at_it(tmp_path: Path) -> None:
    text = HEAD + "import helper\n@model()\ndef f():\n    return helper.g.{}\n"
    docs = ('def g():\n    """One."""\n', 'def g():\n    """Two."""\n')
    seen, unseen = (
        [recipe(tmp_path / f"{way}{n}", text.format(way), {"models/lib/helper.py": doc}) for n, doc in enumerate(docs)]
        for way in ("__doc__", "rows")
    )
    assert seen[0] != seen[1]
    assert unseen[0] == unseen[1]


@pytest.mark.parametrize(
    "use",
    [
        "import inspect\nX = inspect.getsource(helper.g)",
        "def f():\n    from traceback import format_exc\n    return format_exc()",
        "def f(e): return e.__traceback__.tb_lineno",
    ],
)
@pytest.mark.parametrize("path", ["models/lib/helper.py", "models/lib/m.ff.py"])
def test_comments_and_lines_count_where_code_may_look_at_them(tmp_path: Path, use: str, path: str) -> None:
    text = f"{HEAD}import helper\n{use}\n@model()\ndef m(): ...\n"
    files = {"models/lib/helper.py": "def g(): ...\n", "models/lib/m.ff.py": text}
    seen = []
    for above in ("", "\n", "# Why.\n"):
        project = load(tmp_path, {**files, path: above + files[path]})
        seen += [node.recipe for node in project.nodes.values()]
    assert seen[0] != seen[1] != seen[2] != seen[0]


@pytest.mark.parametrize(
    ("helper", "use"),
    [
        ("from fftcas import model, var\n", "from helper import var\nX = var('v')"),
        ("from fftcas import var as v\n", "import helper\nX = helper.v('v')"),
        ("from fftcas import var\n", "from helper import *\nX = var('v')"),
        ("import fftcas\n", "from helper import fftcas as f\nX = f.var('v')"),
        ("import fftcas\n", "from . import helper as h\nX = h.fftcas.var('v')"),
        ("", "import fftcas\nX = getattr(fftcas, 'var')('v')"),
    ],
)
def test_a_var_counts_however_it_is_had(tmp_path: Path, helper: str, use: str) -> None:
    text = f"from fftcas import model\n{use}\n@model()\ndef f(): ...\n"
    files = {"models/lib/helper.py": helper, "project.yml": "name: p\nversion: 1\nvars: {v: 1}\n"}
    assert recipe(tmp_path, text, files)["python"]["vars"] == {"v": [1]}


@pytest.mark.parametrize(
    ("helper", "use"),
    [
        ("from os import getenv\n", "from helper import getenv\nX = getenv('A')"),
        ("import os\n", "import helper\nX = helper.os.environ['A']"),
        ("import os\n", "import os\ndef g():\n    import sys as os\nX = os.environ['A']"),
    ],
)
def test_an_environment_variable_counts_however_it_is_had(tmp_path: Path, helper: str, use: str) -> None:
    text = f"from fftcas import model\n{use}\n@model()\ndef f(): ...\n"
    assert recipe(tmp_path, text, {"models/lib/helper.py": helper}, environ={"A": "1"})["python"]["env"] == {"A": ["1"]}


@pytest.mark.parametrize(
    "load",
    [
        "import importlib\nload = importlib.import_module",
        "from importlib import import_module\nload = [import_module][0]",
        "import importlib\nload = getattr(importlib, 'import_module')",
        "load = __import__",
    ],
)
def test_all_files_count_where_a_function_that_imports_is_handed_on(tmp_path: Path, load: str) -> None:
    text = HEAD + load + "\nX = load('helper').X\n@model()\ndef f(): ...\n"
    one, two = (recipe(tmp_path / name, text, {"models/lib/helper.py": f"X = {name!r}\n"}) for name in ("a", "b"))
    assert one != two


def test_a_helper_is_not_called_like_a_module_of_pythons_own(tmp_path: Path) -> None:
    text = HEAD + "import calendar\n@model()\ndef f(): ...\n"
    assert error(tmp_path, {"models/m.py": text, "models/calendar.py": "X = 1\n"}).startswith(
        "'calendar' is a module of Python's own, and models/calendar.py is called like it\n  at models/m.py:2"
    )


def test_code_that_is_nested_too_deeply_is_told_with_its_file(tmp_path: Path) -> None:
    text = HEAD + "X = " + "+".join(["1"] * 900) + "\n@model()\ndef f(): ...\n"
    assert error(tmp_path, {"models/m.py": text}).startswith(
        "the Python code is nested too deeply to be read\n  at models/m.py"
    )
