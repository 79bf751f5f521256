"""What a Python model imports in other ways than by a plain statement, and what of it counts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from projects import error, load, python

from fftcas.project.project import Project
from fftcas.project.python_run import call_model

MODEL = "from fftcas import model\n{}\n@model()\ndef f(): ...\n"
FILES = {"lib/__init__.py": "", "lib/impl.py": "X = 1\n", "lib/far.py": "", "models/sub/near.py": ""}


def loaded(root: Path, code: str, files: Mapping[str, str] = FILES) -> tuple[Project, Any]:
    """The project, and what the model in `models/sub` consists of."""
    project = load(root, {**files, "models/sub/m.py": MODEL.format(code)})
    return project, python(project, "//sub:f").recipe["python"]


@pytest.mark.parametrize(
    ("call", "modules"),
    [
        ("importlib.import_module('.impl', package='lib')", {"lib", "lib.impl"}),
        ("importlib.import_module('..impl', 'lib.sub')", {"lib", "lib.impl"}),
        ("importlib.import_module('.near', __package__)", {"near"}),
        ("importlib.import_module('lib.impl', None)", {"lib", "lib.impl"}),
        ("importlib.__import__('lib')", {"lib"}),
        ("__import__('lib', fromlist=['impl']).impl", {"lib", "lib.impl"}),
        ("__import__('lib', globals(), None, ('impl',), 0).impl", {"lib", "lib.impl"}),
        ("builtins.__import__('lib.impl')", {"lib", "lib.impl"}),
        ("builtins.exec('import lib')", {"lib"}),
    ],
)
def test_what_a_call_imports_counts(tmp_path: Path, call: str, modules: set[str]) -> None:
    project, found = loaded(tmp_path, f"import importlib, builtins\nX = {call}")
    assert set(found["modules"]) == modules
    assert not project.warnings


@pytest.mark.parametrize(
    "code",
    [
        "import importlib\nX = importlib.import_module('.impl', input())",
        "import importlib\nX = importlib.import_module('.impl')",
        "import importlib\nX = importlib.import_module('..near', __name__)",
        "import importlib\nX = importlib.import_module('lib', **{})",
        "X = __import__('lib', None, None, [input()])",
        "X = __import__('near', globals(), None, [], 1)",
        "X = __import__('lib', *[None, None, ['impl']])",
        "import builtins\nX = builtins.eval(input())",
        "import builtins\nX = getattr(builtins, 'eval')(input())",
        "from importlib import *\nX = import_module(input())",
        "from runpy import *\nX = run_path(input())",
        "import pydoc\nX = pydoc.locate('lib.impl.X')",
        "from importlib.resources import files\nX = files('lib').name",
        "X = __import__('importlib').import_module('lib.impl')",
    ],
)
def test_all_files_count_where_a_call_leaves_open_what_it_imports(tmp_path: Path, code: str) -> None:
    project, found = loaded(tmp_path, code)
    assert set(found["modules"]) == {"lib", "lib.impl", "lib.far", "near"}
    assert "cannot tell what is imported here" in project.warnings[0]


def test_a_star_gives_environment_variables(tmp_path: Path) -> None:
    assert loaded(tmp_path, "from os import *\nX = environ['A'], getenv('B')")[1]["env"] == {"A": [], "B": []}


def test_a_module_that_a_call_gives_may_show_any_variable(tmp_path: Path) -> None:
    project, _ = loaded(tmp_path, "X = __import__('os').environ['A']")
    assert "cannot tell which environment variable is read here" in project.warnings[0]


def test_a_mere_folder_gives_way_to_a_module_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("other_lib", "third_lib"):
        (tmp_path / "site" / name).mkdir(parents=True)
        (tmp_path / "site" / name / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    files = {f"models/sub/{path}": "" for path in ("email/message.py", "other_lib/a.py", "third_lib/__init__.py")}
    _, found = loaded(tmp_path, "import email.message, other_lib.a, third_lib", files)
    assert set(found["modules"]) == {"third_lib"}
    assert found["distributions"].keys() >= {"other_lib"}
    assert not {"email", "third_lib"} & found["distributions"].keys()
    assert "'email' is a module of Python's own" in error(tmp_path, {"models/sub/email/__init__.py": ""})


def test_a_file_that_may_be_none_of_the_model_may_mean_other_modules(tmp_path: Path) -> None:
    files = {"models/sub/calendar.py": "", "models/sub/yaml.py": "", "scripts/release.py": "import calendar, yaml"}
    project, found = loaded(tmp_path, "import sys\nsys.path.append('lib')", {**FILES, **files})
    assert set(found["modules"]) >= {"calendar", "yaml"}
    assert "PyYAML" in found["distributions"]
    assert call_model(project, python(project, "//sub:f"), []) is None
    assert "'calendar' is a module of Python's own" in error(
        tmp_path, {"models/sub/m.py": MODEL.format("import calendar")}
    )


@pytest.mark.parametrize(
    ("code", "unseen"),
    [
        ("import sys\nsys.path.append('..')\nimport nothing_here, json", ("nothing_here",)),
        ("import site\nsite.addsitedir('..')\nimport nothing_here.part", ("nothing_here",)),
        ("import sys\nsys.path.append('lib')\nimport impl", ()),
        ("from importlib.util import find_spec\nif find_spec('nothing_here'):\n    import nothing_here", ()),
    ],
)
def test_a_module_may_come_from_elsewhere_where_places_are_added(
    tmp_path: Path, code: str, unseen: tuple[str, ...]
) -> None:
    project, _ = loaded(tmp_path, code)
    assert python(project, "//sub:f").unseen == unseen
