"""Models that add places to import from, and what they find there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from projects import load, python, write

from fftcas.project.python_astray import astray
from fftcas.project.python_run import call_model

HEAD = "import sys\nfrom pathlib import Path\nfrom fftcas import model\nHERE = Path(__file__).parent\n"
SPEC = "import importlib.util as u\ns = u.spec_from_file_location('rates', {})\nrates = u.module_from_spec(s)\n"
SPEC += "s.loader.exec_module(rates)\n"


def call(root: Path, files: dict[str, str], *paths: str) -> list[Any]:
    """What models give, one after the other in one interpreter."""
    (root / "project").mkdir(exist_ok=True)
    project = load(root / "project", {path: HEAD + text if path in paths else text for path, text in files.items()})
    labels = {node.path: node.label.text for node in project.nodes.values()}
    return [call_model(project, python(project, labels[path]), []) for path in paths]


def test_each_model_finds_what_lies_in_its_own_places(tmp_path: Path) -> None:
    files = {f"models/{name}/lib/helpers.py": f"V = '{name}'" for name in "ab"}
    text = "sys.path.insert(0, str(HERE / 'lib'))\nimport helpers\n@model()\ndef {0}(): return helpers.V"
    files |= {f"models/{name}/m.py": text.format(name) for name in "ab"}
    files |= {"models/c/helpers.py": "V = 'c'", "models/c/m.py": "import helpers\n@model()\ndef c(): return helpers.V"}
    before = list(sys.path)
    assert call(tmp_path, files, "models/a/m.py", "models/b/m.py", "models/c/m.py") == ["a", "b", "c"]
    assert sys.path == before
    files["models/b/lib/helpers.py"] = "V = 'd'"  # of the same size, and within the same second
    assert call(tmp_path, files, "models/b/m.py") == ["d"]


def test_what_an_installed_package_adds_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    adding = "import sys\nsys.path.append(__path__[0] + '/vendor')\nclass Finder:\n    @staticmethod\n"
    adding += "    def find_spec(*_): ...\nsys.meta_path.append(Finder)\n"
    write(tmp_path, {"site-packages/adding/__init__.py": adding, "site-packages/adding/vendor/vendored.py": "V = 1"})
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.syspath_prepend(str(tmp_path / "site-packages"))
    finders = len(sys.meta_path)
    text = "import adding\nsys.path.append('lib')\nclass Mine: ...\nsys.meta_path.append(Mine)\n@model()\ndef {}():\n"
    text += "    import vendored\n    return vendored.V"
    files = {f"models/{name}.py": text.format(name) for name in "ab"}
    assert call(tmp_path, files, "models/a.py", "models/b.py") == [1, 1]
    place = str(tmp_path / "site-packages")
    assert [each for each in sys.path if str(tmp_path) in each] == [f"{place}/adding/vendor", place]
    assert len(sys.meta_path) in (finders + 1, finders + 2), "ours may be new"


@pytest.mark.parametrize(
    ("code", "astrays"),
    [
        ("sys.path.append(str(OUT))\nimport rates", True),
        ("sys.path.append(str(OUT))\nimport rates\nsys.path.pop()", True),
        ("sys.path[:0] = [str(OUT), str(HERE.parent / 'lib')]\nimport helpers", True),
        ("sys.path.append(str(OUT))\nfrom space import inner", True),
        (SPEC.format("OUT / 'rates.py'"), True),
        ("import runpy\nrunpy.run_path(str(OUT / 'rates.py'))", True),
        ("sys.path.append(str(HERE.parent / '.hidden'))\nimport hidden", True),
        (SPEC.format("HERE / 'marts/rates.py'"), False),
        ("sys.path.append(str(HERE / 'marts'))\nimport rates", False),
        ("sys.path.append(str(OUT))\nimport known, fftcas.http, wave\nfrom namespace import part", False),
    ],
)
def test_code_that_no_key_tells_of_is_known_when_it_has_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, *, astrays: bool
) -> None:
    write(
        tmp_path, {"shared/rates.py": "", "shared/space/inner.py": "", "known/known.py": "from namespace import part"}
    )
    write(tmp_path, {"known/namespace/part.py": ""})
    monkeypatch.syspath_prepend(str(tmp_path / "known"))
    files = {"models/marts/rates.py": "", "lib/helpers.py": "import rates", ".hidden/hidden.py": ""}
    model = f"OUT = HERE.parents[1] / 'shared'\n{code}\n@model()\ndef m(): ..."
    for _ in range(2):
        with astray() as found:
            call(tmp_path, {**files, "models/m.py": model}, "models/m.py")
        assert bool(found) is astrays, found
