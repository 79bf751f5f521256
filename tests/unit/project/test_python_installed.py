"""Code from outside a project: which distribution, or which files, stand for it in a model's recipe."""

from __future__ import annotations

import importlib
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas
import pytest
from projects import load, python, write

from fftcas.project import python_installed
from fftcas.project.python_run import call_model

MODEL = "from fftcas import model\nimport {}\n@model()\ndef f(): ...\n"
EDITABLE = {"url": "file:///x", "dir_info": {"editable": True}}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that Python imports from."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    forget()
    yield folder
    forget()


def forget() -> None:
    importlib.invalidate_caches()
    for remembers in (python_installed.installed, python_installed._distributions, python_installed._packages):
        remembers.cache_clear()


def give(folder: Path, name: str, version: str, direct: Any = None, **modules: str) -> None:
    """Install modules of one file each as a distribution, instead of the one that was there."""
    info = folder / f"{name}-{version}.dist-info"
    for old in folder.glob(f"{name}-*.dist-info"):
        old.rename(info)
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "RECORD").write_text("".join(f"{each}.py,sha256={hash(text)},1\n" for each, text in modules.items()))
    (info / "direct_url.json").write_text(json.dumps(direct))
    for each, text in modules.items():
        (folder / f"{each}.py").write_text(text)


def recipe(root: Path, module: str, **options: Any) -> Any:
    forget()
    (root / "project").mkdir(exist_ok=True)
    project = load(root / "project", {"models/m.py": MODEL.format(module)}, **options)
    return next(iter(project.nodes.values())).recipe["python"]


def differs(root: Path, module: str, edit: Callable[[], object]) -> bool:
    before = recipe(root, module)
    edit()
    return bool(before != recipe(root, module))


def test_what_frames_are_made_of_counts_in_every_model(tmp_path: Path) -> None:
    found = recipe(tmp_path, "json")["distributions"]
    assert set(found) == {"pandas", "numpy", "pyarrow"}
    assert found["pandas"] == pandas.__version__


def test_a_distribution_that_is_called_like_the_module_may_only_stand_for_another(tmp_path: Path, site: Path) -> None:
    give(site, "soup", "0.0.2")
    give(site, "beautiful", "4.1", soup="V = 1")
    assert recipe(tmp_path, "soup")["distributions"].items() >= {("beautiful", "4.1")}
    assert differs(tmp_path, "soup", lambda: give(site, "beautiful", "4.2", soup="V = 2"))


def test_the_version_of_another_commit_may_be_the_same(tmp_path: Path, site: Path) -> None:
    direct = {"url": "https://x/y.git", "vcs_info": {"vcs": "git", "commit_id": "a"}}
    give(site, "gitlib", "1.0", direct, gitlib="V = 1")
    assert recipe(tmp_path, "gitlib")["distributions"]["gitlib"].startswith("1.0 (")
    assert differs(tmp_path, "gitlib", lambda: give(site, "gitlib", "1.0", direct, gitlib="V = 2"))


@pytest.mark.parametrize("direct", [EDITABLE, None])
def test_code_that_may_be_edited_counts_with_what_it_imports(tmp_path: Path, site: Path, direct: Any) -> None:
    if direct:
        give(site, "near_lib", "1.0", direct, near_lib="import edited_lib, released_lib")
    else:
        (site / "near_lib.py").write_text("import edited_lib, released_lib")
    give(site, "edited_lib", "1.0", EDITABLE, edited_lib="V = 1")
    give(site, "released_lib", "1.0", released_lib="V = 1")
    assert recipe(tmp_path, "near_lib")["distributions"]["released_lib"] == "1.0"
    assert differs(tmp_path, "near_lib", lambda: (site / "edited_lib.py").write_text("V = 2"))
    assert differs(tmp_path, "near_lib", lambda: give(site, "released_lib", "1.1", released_lib="V = 1"))


def test_an_archive_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path / "libs.zip"))

    def pack(text: str) -> None:
        with zipfile.ZipFile(tmp_path / "libs.zip", "w") as archive:
            archive.writestr("packed/__init__.py", text)

    pack("V = 1")
    assert differs(tmp_path, "packed", lambda: pack("V = 2"))


def test_what_code_without_a_version_reads_counts(tmp_path: Path, site: Path) -> None:
    text = "import os\nfrom fftcas import var\nfrom fftcas.http import get\ndef g(): return var('v'), os.environ['A']"
    (site / "team_lib.py").write_text(text)
    found = recipe(tmp_path, "team_lib", environ={"A": "1"}, cli_vars={"v": 2})
    assert (found["env"], found["vars"]) == ({"A": ["1"]}, {"v": [2]})


def test_what_was_not_uninstalled_as_a_whole_is_no_distribution(tmp_path: Path, site: Path) -> None:
    (site / "~alf-1.0.dist-info").mkdir()
    (site / "~alf-1.0.dist-info" / "top_level.txt").write_text("half\n")
    (site / "half.py").write_text("V = 1")
    assert recipe(tmp_path, "half")["distributions"]["half"].startswith(python_installed.CODE)


LONG = """
from fftcas import model
from pathlib import Path
import time
from keeps.answers import KEPT
@model()
def a():
    here = Path(__file__).parent
    (here / 'begun').touch()
    until = time.monotonic() + 20
    while not (here / 'end').exists() and time.monotonic() < until:
        time.sleep(0.01)
    KEPT.append(1)
    return KEPT
"""
DEFERRED = """
from fftcas import model
@model()
def b():
    from keeps.answers import KEPT
    KEPT.append(1)
    return KEPT
"""


def test_a_package_that_fetches_keeps_answers_for_one_model_only(site: Path, tmp_path: Path) -> None:
    write(site, {"keeps/__init__.py": "", "keeps/answers.py": "from fftcas.http import get_df\nKEPT = []"})
    forget()
    project = load(tmp_path, {"models/a.py": LONG, "models/b.py": DEFERRED})
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(call_model, project, python(project, "//:a"), [])
        while not (running.done() or (tmp_path / "models/begun").exists()):
            time.sleep(0.01)
        assert [call_model(project, python(project, "//:b"), []) for _ in range(2)] == [[1], [1]]
        (tmp_path / "models/end").touch()
    assert running.result() == [1]
