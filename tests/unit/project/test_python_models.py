"""Python models as their text declares them, and what is part of their recipe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from projects import error, load, python

from fftcas.label import Label
from fftcas.project import python_installed

HEAD = "from fftcas import model, engine_model, var, env\n"
BASE = {"models/users.ff.sql": "select 1 as id", "models/orders.ff.sql": "select 1 as id"}


def recipe(root: Path, text: str, files: Mapping[str, str] | None = None, **options: Any) -> Any:
    root.mkdir(exist_ok=True)
    project = load(root, {**BASE, **(files or {}), "models/lib/m.ff.py": text}, **options)
    return next(node.recipe for node in project.nodes.values() if node.path == "models/lib/m.ff.py")


def test_a_declaration_is_read_without_importing_the_file(tmp_path: Path) -> None:
    text = (
        "import nothing_like_this\nfrom fftcas import model as m\nimport fftcas\n"
        "@m('py_users.ff', ['users.ff', 'orders'], requires={'users': ['id'], 'orders.ff': {'b', 'a'}}, tags='t',\n"
        "   meta={'tags': ['u']}, cache=False, description='Both.')\ndef build(users, orders): ...\n"
        "@fftcas.model()\ndef other(): ...\n"
    )
    project = load(tmp_path, {**BASE, "models/lib/m.ff.py": text})
    node = python(project, "//lib:py_users")
    users, orders = Label.parse("//:users"), Label.parse("//:orders")
    assert (node.name, node.relation.name) == ("py_users.ff", "py_users")
    assert (node.inputs, node.tags, node.cache) == ((users, orders), frozenset({"t", "u"}), False)
    assert node.require == node.columns == {users: ("id",), orders: ("a", "b")}
    assert project.descriptions[node.label] == "Both."
    assert python(project, "//lib:other").inputs == ()


def test_require_of_fft_is_only_a_check(tmp_path: Path) -> None:
    text = "from fastflowtransform import model\n@model(deps='users', require=['id'])\ndef f(u): ...\n"
    node = python(load(tmp_path, {**BASE, "models/m.py": text}), "//:f")
    assert node.require == {Label.parse("//:users"): ("id",)}
    assert node.columns == {}


def test_an_ephemeral_model_has_no_rows_to_give(tmp_path: Path) -> None:
    files = {"models/e.sql": "{{ config(materialized='ephemeral') }}select 1", "models/m.py": HEAD}
    files["models/m.py"] += "@model(deps='e')\ndef f(e): ...\n"
    assert error(tmp_path, files).startswith("//:f reads //:e, which is ephemeral\n  at models/m.py:2")


def test_columns_narrow_the_frame(tmp_path: Path) -> None:
    text = HEAD + "@model(deps='users', require=['id'], columns={'users': ['name']})\ndef f(u): ...\n"
    node = python(load(tmp_path, {**BASE, "models/m.py": text}), "//:f")
    assert node.columns == {Label.parse("//:users"): ("name", "id")}
    assert node.recipe["columns"] == {"0": ("name", "id")}


def test_engine_models_exist_where_they_are_wanted(tmp_path: Path) -> None:
    text = HEAD + (
        "@engine_model(only='duckdb', name='x')\ndef build(): return 1\n"
        "@engine_model(only=['bigquery'], name='x')\ndef build(): return 2\n"
        "@engine_model(env_match={'FF_ENGINE': 'duckdb', 'V': '1'}, name='y')\ndef other(): ...\n"
    )
    assert [n.text for n in load(tmp_path, {"models/m.py": text}).nodes] == ["//:x"]
    assert [n.text for n in load(tmp_path, {}, {"V": "1"}).nodes] == ["//:x", "//:y"]


def test_a_view_is_built_as_a_table(tmp_path: Path) -> None:
    project = load(tmp_path, {"models/m.py": HEAD + "@model(materialized='view')\ndef f(): ...\n"})
    assert python(project, "//:f").materialized == "table"
    assert project.warnings[0].startswith("models/m.py:2: a Python model has rows of its own")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "@model(deps=['usrs'])\ndef f(u): ...",
            "there is no model or seed 'usrs'\n  at models/m.py:2\n  hint: did you",
        ),
        ("@model(name=NAME)\ndef f(): ...", "the decorator's argument name must be a literal\n  at models/m.py:2"),
        ("@model(**X)\ndef f(): ...", "the decorator's argument ** must be a literal"),
        (
            "@model(dep=['a'])\ndef f(): ...",
            "the decorator has no argument 'dep'\n  at models/m.py:2\n  hint: did you mean",
        ),
        ("@model(1, 2, 3, 4, 5)\ndef f(): ...", "the decorator has too many arguments without a name"),
        ("@model(name=3)\ndef f(): ...", "a model's name must be a text"),
        (
            "@model(name='a b')\ndef f(): ...",
            "label '//:a b' has a character that is not allowed: ' '\n  at models/m.py",
        ),
        (
            "@model(deps=['users'])\ndef f(): ...",
            "f is called with 1 data frame, one for each of its deps\n  at models/m.py:3",
        ),
        ("@model()\ndef f(users): ...", "f is called with no arguments, as it has no deps\n  at models/m.py:3"),
        ("@model(deps=['users'])\ndef f(a, b): ...", "f is called with 1 data frame"),
        ("@model()\ndef f(*, key): ...", "f is called with no arguments"),
        ("@model()\nasync def f(): ...", "f is async; a model is a plain function"),
        ("@model()\n@model()\ndef f(): ...", "f is declared as a model twice"),
        (
            "@model(deps='users', require='a', requires='b')\ndef f(u): ...",
            "require and requires are the same argument",
        ),
        ("@model(deps=['users', 'orders'], require=['a'])\ndef f(u, o): ...", "require must say which of the 2 inputs"),
        ("@model(deps='users', require={'user': ['a']})\ndef f(u): ...", "require names 'user', which is not in deps"),
        ("@model(materialized='incremental')\ndef f(): ...", "incremental models come in a later version"),
        ("@model(materialized='ephemeral')\ndef f(): ...", "a Python model cannot be materialized as 'ephemeral'"),
        ("@model(tags=[1])\ndef f(): ...", "tags must be a text or a list of texts"),
        ("@model(meta=[1])\ndef f(): ...", "meta must be a mapping"),
        ("@model(cache=1)\ndef f(): ...", "cache must be True or False"),
        ("@engine_model(env_match=1)\ndef f(): ...", "env_match must be a mapping"),
        ("def f(:", "this is not valid Python\n  at models/m.py:2"),
        ("@model()\ndef f():\n    from ....x import y", "this import leads outside the project\n  at models/m.py:4"),
    ],
)
def test_mistakes_are_told_with_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    assert error(tmp_path, {**BASE, "models/m.py": HEAD + text}).startswith(message)


CODE = HEAD + "RATE = 2\n@model(deps=['users'])\ndef f(users):\n    return users * RATE\n"


@pytest.mark.parametrize(
    "text",
    [
        CODE.replace("RATE = 2", "RATE = 2  # two\n\n"),
        CODE.replace("RATE = 2", '"""Docs."""\nRATE = (2)'),
        CODE.replace("users):", 'users):\n    """Docs."""'),
        CODE.replace("['users']", "['orders.ff']"),
        CODE.replace("['users']", "['users'], tags=['x'], description='x'"),
        CODE.replace("['users']", "['users'], name='renamed'"),
        CODE.replace("def f", "def g"),
    ],
)
def test_what_cannot_change_the_output_leaves_the_recipe_alone(tmp_path: Path, text: str) -> None:
    assert recipe(tmp_path, text) == recipe(tmp_path, CODE)


@pytest.mark.parametrize(
    "text",
    [
        CODE.replace("RATE = 2", "RATE = 3"),
        CODE.replace("RATE = 2", "RATE = 2.0"),
        CODE.replace("* RATE", "* RATE * 1"),
        CODE.replace("['users']", "['users'], require=['id']"),
        CODE.replace("['users']", "['users'], columns=['id']"),
        CODE + "import json\n",
        CODE.replace("RATE = 2", "RATE = 2\nNAME = 'f'").replace("def f", "def g"),
        CODE.replace("users):", "users):\n    '''Docs.'''") + "print(f.__doc__)",
    ],
)
def test_what_can_change_the_output_changes_the_recipe(tmp_path: Path, text: str) -> None:
    assert recipe(tmp_path, text) != recipe(tmp_path, CODE)


@pytest.mark.parametrize(
    ("statement", "modules"),
    [
        ("import helpers", {"helpers"}),
        ("import helpers as h, os.path", {"helpers"}),
        ("from helpers import X", {"helpers"}),
        ("from pack import dates", {"pack", "pack.dates", "pack.deep"}),
        ("from pack.dates import month", {"pack", "pack.dates", "pack.deep"}),
        ("import pack.deep", {"pack", "pack.deep"}),
        ("import near", {"near"}),
        ("from . import near", {"near"}),
        ("from .near import X", {"near"}),
        ("from .. import above", {"models.above"}),
        ("import importlib; importlib.import_module('helpers')", {"helpers"}),
        ("from importlib import import_module as load; load('pack.deep')", {"pack", "pack.deep"}),
        ("__import__('helpers')", {"helpers"}),
        ("exec('import helpers')", {"helpers"}),
        ("def lazy():\n    import helpers", {"helpers"}),
        ("try:\n    import helpers\nexcept ImportError:\n    helpers = None", {"helpers"}),
        ("import space.inner", {"space.inner"}),
        ("import json, fftcas.http", set()),
        ("from every import *", {"every", "every.one", "every.two"}),
        ("from pack import *", {"pack"}),
    ],
)
def test_the_modules_that_a_model_imports_are_part_of_it(tmp_path: Path, statement: str, modules: set[str]) -> None:
    files = {
        "helpers.py": "X = 1\n",
        "pack/__init__.py": "",
        "pack/dates.py": "from .deep import day\nmonth = 1\n",
        "pack/deep.py": "day = 1\n",
        "space/inner.py": "",
        "every/__init__.py": "__all__ = ['one']",
        "every/one.py": "",
        "every/two/__init__.py": "",
        "every/two/far.py": "",
        "models/lib/near.py": "X = 1\n",
        "models/above.py": "",
    }
    found = recipe(tmp_path, f"{statement}\n{HEAD}@model()\ndef f(): ...\n", files)
    assert set(found["python"]["modules"]) == modules


def test_an_edited_helper_changes_the_recipe(tmp_path: Path) -> None:
    text = HEAD + "from pack.dates import month\n@model()\ndef f(): ...\n"
    files = {"pack/dates.py": "from pack import deep\n", "pack/deep.py": "X = 1  # one\n"}
    before = recipe(tmp_path, text, files)
    assert recipe(tmp_path, text, {"pack/deep.py": "X = 1\n"}) == before
    assert recipe(tmp_path, text, {"pack/deep.py": "X = 2\n"}) != before


def test_of_two_helpers_with_one_name_both_count(tmp_path: Path) -> None:
    text = HEAD + "import helpers\n@model()\ndef f(): ...\n"
    files = {"helpers.py": "X = 1\n", "models/lib/helpers.py": "X = 1\n"}
    found = [recipe(tmp_path, text, {**files, **edit}) for edit in ({}, *({path: "X = 2\n"} for path in files))]
    assert found[0] != found[1] != found[2] != found[0]
    assert set(found[0]["python"]["modules"]) == {"helpers", "helpers.py"}


@pytest.mark.parametrize(
    "statement",
    [
        "import importlib; importlib.import_module(input())",
        "exec(input())",
        "import sys; sys.path.append('x')",
        "import importlib.util as u; u.find_spec('x')",
        "from runpy import run_path; run_path('x')",
    ],
)
def test_an_import_that_cannot_be_resolved_makes_all_files_part_of_the_model(tmp_path: Path, statement: str) -> None:
    project = load(tmp_path, {"far/away.py": "", "models/m.py": f"{statement}\n{HEAD}@model()\ndef f(): ...\n"})
    found: Any = python(project, "//:f").recipe["python"]
    assert set(found["modules"]) == {"far.away"}
    assert project.warnings[0].startswith("models/m.py:1: cannot tell what is imported here")


def test_versions_of_what_is_imported_count(tmp_path: Path) -> None:
    found = recipe(tmp_path, HEAD + "import yaml, json, nothing_here\n@model()\ndef f(): import pytest\n")
    assert set(found["python"]["distributions"]) == {"PyYAML", "pytest", "nothing_here", *python_installed.FRAMES}
    assert found["python"]["distributions"]["pytest"] == pytest.__version__


def test_code_from_elsewhere_without_a_version_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "libs" / "team_dates").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(tmp_path / "libs"))
    seen = set()
    for text in ("X = 1", "X = 2"):
        (tmp_path / "libs" / "team_dates" / "months.py").write_text(text)
        python_installed.installed.cache_clear()
        found = recipe(tmp_path, HEAD + "import team_dates.months\n@model()\ndef f(): ...\n")
        seen.add(found["python"]["distributions"]["team_dates"])
    assert len(seen) == 2
    assert all(version.startswith(python_installed.CODE) for version in seen)


def test_variables_that_are_read_count(tmp_path: Path) -> None:
    text = HEAD + (
        "import os\nfrom os import environ as e, getenv\n@model()\ndef f():\n"
        "    return os.getenv('A'), os.environ['B'], e.get('C', 1), getenv('D'), 'E' in os.environ, env('F'), \\\n"
        "        var('v'), var('w'), os.environ.get('MY_TOKEN'), env('TZ')\n"
    )
    files = {"project.yml": "name: p\nversion: 1\nvars: {v: [1], w: {d: {}, c: [{e: 1}]}, unread: 2}\n"}
    environ = {"A": "1", "B": "", "MY_TOKEN": "s3cret", "TZ": "Asia/Tokyo"}
    found = recipe(tmp_path, text, files, environ=environ)["python"]
    assert found["env"] == {"A": ["1"], "B": [""], "C": [], "D": [], "E": [], "F": [], "TZ": ["UTC"]}
    assert found["secrets"] == ["MY_TOKEN"]
    # Code that goes through a mapping sees its order.
    assert found["vars"] == {"v": [[1]], "w": [[{"d": {}}, {"c": [[{"e": 1}]]}]]}


@pytest.mark.parametrize(
    "read", ["[var(v) for v in 'ab']", "list(map(var, 'ab'))", "var(*['a'])", "(lambda g: g('a'))(var)"]
)
def test_a_var_whose_name_cannot_be_known_may_be_any(tmp_path: Path, read: str) -> None:
    files = {"project.yml": "name: p\nversion: 1\nvars: {a: 1, other: 2}\n"}
    found = recipe(tmp_path, HEAD + f"@model()\ndef f(): return {read}, var('c'), var(name='d')\n", files)
    assert found["python"]["vars"] == {"a": [1], "other": [2], "c": [], "d": []}


def test_an_integer_that_is_too_long_is_no_traceback(tmp_path: Path) -> None:
    message = error(tmp_path, {"models/m.py": HEAD + f"N = 0x{'f' * 4000}\n@model()\ndef f(): ...\n"})
    assert "cannot be read" in str(message)


@pytest.mark.parametrize("read", ["dict(os.environ)", "os.path.expandvars('$HOME')", "list(map(env, 'ab'))"])
def test_a_hidden_variable_is_reported(tmp_path: Path, read: str) -> None:
    project = load(tmp_path, {"models/m.py": HEAD + f"import os\n@model()\ndef f(): return {read}\n"})
    assert project.warnings[0].startswith("models/m.py:4: cannot tell which environment variable is read here")


@pytest.mark.parametrize(
    ("text", "fetches"),
    [
        ("from fftcas.http import get_df", True),
        ("from fftcas import http", True),
        ("import fftcas.http as web", True),
        ("import fftcas\ndef g(): return fftcas.http.get_df('u')", True),
        ("import fastflowtransform.api.http", True),
        ("from fastflowtransform.api import http", True),
        ("from fastflowtransform import api", True),
        ("import importlib\nhttp = importlib.import_module('fftcas.http')", True),
        ("import importlib, os\nhttp = importlib.import_module(os.sep)", True),
        ("import helpers", True),
        ("import fftcas", False),
        ("from fastflowtransform import model as m", False),
        ("import http.client, urllib3", False),
    ],
)
def test_models_that_may_fetch_are_known(tmp_path: Path, text: str, fetches: bool) -> None:
    files = {
        **BASE,
        "helpers.py": "from fftcas.http import get",
        "models/m.py": f"{HEAD}{text}\n@model()\ndef f(): ...",
    }
    assert python(load(tmp_path, files), "//:f").fetches is fetches
