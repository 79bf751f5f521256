"""What builds keep of a project: commands answer from it as they would in full, and never when anything differs."""

from __future__ import annotations

import itertools
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import Demo, new_demo
from observed import Observed, Said, observe, observe_from, tell, tell_in_full

from fftcas.cli.commands import LABELS

BUILD = ("build", "--", "//...", "-//http/...")
MORE = {
    "models/marts/parts/tagged.ff.sql": (
        "{{ config(tags=['nightly', 'größe'], description='Two words: \"é\"', materialized='view') }}\n"
        "select * from {{ ref('mart_user_orders') }}\n"
    ),
    "models/marts/parts/inlined.ff.sql": (
        "{{ config(materialized='ephemeral') }}\nselect * from {{ ref('tagged') }} join {{ source('crm', 'users') }}\n"
    ),
    "models/marts/parts/last.ff.sql": "select count(*) as n from {{ ref('mart_user_orders') }}\n",
    "models/python/warned.ff.py": (
        "import os\nfrom fftcas import model\n\n\n@model(name='warned', tags=['nightly'])\n"
        "def warned():\n    import pandas as pd\n\n    name = 'A'\n    os.environ.get(name)\n"
        "    return pd.DataFrame({'x': [1]})\n"
    ),
}

TOLD = [
    ("ls",),
    ("ls", "-o", "json"),
    ("ls", "//marts/...", "-o", "name"),
    ("ls", "+mart_user_orders", "-//seeds/...", "--output", "path"),
    ("ls", "--exclude", "tag:night*", "--select", "//...", "-o", "tree"),
    ("ls", "-e", "dev_duckdb", "--", "kind:sql", "-tag:nightly"),
    ("ls", "1+tagged+", "-o", "dot"),
    ("ls", "type:ephemeral", "path:models/marts"),
    ("query", "deps(//marts/...) - kind(seed, //...)"),
    ("query", "rdeps(//..., //seeds:seed_users)", "-o", "tree"),
    ("query", "somepath(last, //seeds:seed_users)", "+", "attr(tags, night, //...)", "-o", "json"),
    ("query", "filter('_u', //...) ^ attr(relation, cache, //...)"),
    ("dag",),
    ("dag", "--dot"),
    ("dag", "//marts/...", "tagged"),
]
FRESH = [
    ("why-rebuild", "//...", "-//http/..."),
    ("why-rebuild", "//seeds/..."),
    ("why-rebuild", "+tagged"),
    ("why-rebuild", "inlined"),
]
"""What is said where all is fresh."""
AGES = [("why-rebuild", "mart_user_orders"), ("why-rebuild", "mart_user_orders", "inlined")]
"""What tells how long ago something was built as well."""


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """A demo with more in it, that was just built and of which nothing was asked."""
    demo = new_demo(tmp_path_factory.mktemp("rich"))
    for path, text in MORE.items():
        demo.write(path, text)
    time.sleep(2.1)
    assert tell(demo, *BUILD)[0] == 0
    return demo


@pytest.fixture
def known(built: Demo) -> Demo:
    """A built demo whose outline is known."""
    time.sleep(2.1)
    tell(built, "ls")
    return built


def is_quick(done: Observed) -> bool:
    """Whether an answer came from the outline; or from memory, which has even less to import."""
    return not done.modules & {"click", "yaml", "jinja2", "duckdb", "lmdb", "pyarrow", "dataclasses"}


def timeless(said: Said) -> Said:
    """What was said, but for how long ago something was."""
    code, out, err = said
    return code, re.sub(r"just now|\d+ min ago", "a while ago", out), err


def test_commands_say_at_once_what_they_say_in_full(rich: Demo) -> None:
    shells = [completion(shell, line) for shell, line in itertools.product(("bash", "zsh", "fish"), LINES)]
    shells += [completion("bash", f"fftcas {name} ") for name in LABELS]
    commands: list[tuple[tuple[str, ...], dict[str, str]]] = [((), shell) for shell in shells]
    commands += [(command, {}) for command in (*TOLD, *FRESH, *AGES)]
    at_once = [observe(rich, *command, **more) for command, more in commands]
    again = [observe(rich, *command, **more) for command, more in commands]
    assert [command for command, done in zip(commands, at_once, strict=True) if not is_quick(done)] == []
    assert [timeless(done.said) for done in again] == [timeless(done.said) for done in at_once]
    assert [command for (command, _), done in zip(commands, again, strict=True) if not done.remembered] == AGES
    found = [tell_in_full(rich, *command, **more) for command, more in commands]
    assert [timeless(done.said) for done in at_once] == [timeless(said) for said in found]
    assert all(code == 0 for code, _, _ in found)
    assert all("warning: " in err for (_, _, err), (command, _) in zip(found, commands, strict=True) if command)


def test_a_command_is_found_out_where_nothing_is_known(known: Demo) -> None:
    shutil.rmtree(known.project / ".fftcas" / "outlines")
    shutil.rmtree(known.project / ".fftcas" / "unchanged")
    assert "click" in observe(known, "ls").modules


LINES = (
    "fftcas build //m",
    "fftcas ls //marts/... t",
    "fftcas why-rebuild -e dev_duckdb ",
    "fftcas show -e dev_duckdb s",
)


def completion(shell: str, line: str) -> dict[str, str]:
    words = line.split(" ")
    cursor = words[-1] if shell == "fish" else str(len(words) - 1)
    return {"_FFTCAS_COMPLETE": f"{shell}_complete", "COMP_WORDS": line, "COMP_CWORD": cursor}


IN_FULL = [
    ("ls", "state:modified"),
    ("ls", "--changed-since", "HEAD"),
    ("ls", "//nowhere/..."),
    ("ls", "-ojson"),
    ("ls", "-o", "xml"),
    ("ls", "-o"),
    ("ls", "--vars", "a=1"),
    ("ls", "-e", "dev", "-e", "dev_duckdb"),
    ("ls", "--no-such-option"),
    ("ls", "-C", "", "--", "//..."),
    ("query", "stale()"),
    ("query", "deps("),
    ("query",),
    ("query", "-//..."),
    ("dag", "state:new"),
    ("why-rebuild", "--rebuild"),
    ("why-rebuild", "--json"),
]


@pytest.mark.parametrize("command", IN_FULL, ids=" ".join)
def test_what_takes_more_than_an_outline_is_found_out(command: tuple[str, ...], rich: Demo) -> None:
    observe(rich, "ls")
    assert "click" in observe(rich, *command).modules


CHANGES: dict[str, Callable[[Demo], object]] = {
    "a model": lambda demo: demo.edit("models/marts/mart_user_orders.ff.sql", "'table'", "'view'"),
    "a new model": lambda demo: demo.write("models/marts/other.ff.sql", "select 1 as one"),
    "a model taken away": lambda demo: (demo.project / "models/marts/mart_user_orders.ff.sql").unlink(),
    "a macro": lambda demo: demo.write("models/macros/new.sql", "{% macro one() %}1{% endmacro %}"),
    "a broken macro": lambda demo: demo.write("models/macros/broken.sql", "{% macro %}"),
    "a Python macro": lambda demo: demo.write("models/macros_py/today.py", "def today(): return 1\n"),
    "a seed": lambda demo: demo.write("seeds/more.csv", "id\n1\n"),
    "a helper": lambda demo: demo.write("helpers.py", ""),
    "project.yml": lambda demo: demo.write("project.yml", "name: other\n"),
    "sources.yml": lambda demo: demo.write("sources.yml", "version: 2\nsources: []\n"),
    "profiles.yml": lambda demo: demo.write("profiles.yml", "dev_duckdb: {engine: duckdb, duckdb: {schema: other}}"),
    "a .env file": lambda demo: demo.write(".env", "FF_DEMO_TOGGLE=1"),
    "the working directory's .env file": lambda demo: (demo.home / ".env").write_text("FF_DEMO_TOGGLE=1"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_any_change_of_the_project_is_found_out(known: Demo, change: Callable[[Demo], object]) -> None:
    question = ("ls", "//...", "-o", "json")
    assert is_quick(observe(known, "ls", "-o", "json"))
    change(known)
    now = observe(known, *question)
    assert "click" in now.modules
    assert now.said == tell_in_full(known, *question)


def test_variables_profiles_places_and_packages_are_found_out(known: Demo, tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    path = {"PYTHONPATH": f"{known.environment()['PYTHONPATH']}:{packages}"}
    observe(known, "ls", **path)
    assert is_quick(observe(known, "dag", **path))
    assert is_quick(observe(known, "dag"))
    (packages / "new.py").write_text("")
    different = [
        observe(known, "dag", "--dot", **path),
        observe(known, "dag", "--dot", FF_DEMO_TOGGLE="1"),
        observe(known, "dag", "--dot", FFT_ACTIVE_ENV="other"),
        observe(known, "dag", "--dot", "-e", "other"),
        observe(known, "dag", "--dot", "--vars", "a=1"),
        observe_from(known.project, known, "dag", "--dot"),
        observe(known, "dag", "--dot", "-C", f"{known.project}/../{known.project.name}"),
    ]
    assert not any(is_quick(done) for done in different)
    assert is_quick(observe(known, "dag", "--dot"))


def test_nothing_is_kept_of_variables_that_a_command_was_given(built: Demo) -> None:
    time.sleep(2.1)
    observe(built, "ls", "--vars", "a=1")
    observe(built, "ls", "--vars=a=1")
    assert not (built.project / ".fftcas" / "outlines").exists()


def test_a_secret_is_not_kept(built: Demo) -> None:
    """Templates do not get at the values of variables, so that only those who write one down have it in an outline."""
    built.write("models/marts/other.ff.sql", "{{ config(description='s3cret-canáry') }} select 1 as one")
    time.sleep(2.1)
    observe(built, "ls", "-o", "json", DEMO_TOKEN="s3cret-canáry")
    observe(built, "ls", DEMO_TOKEN="s3cret-canáry")
    assert not (built.project / ".fftcas" / "outlines").exists()
    kept = [path.read_text() for path in (built.project / ".fftcas" / "unchanged").iterdir()]
    assert kept
    assert not any("s3cret" in text for text in kept)
    observe(built, "ls", DEMO_TOKEN="another one")
    assert (built.project / ".fftcas" / "outlines").exists()


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut off": lambda text: text[:-40],
    "no JSON": lambda text: text.replace(b'"labels":', b'"labels";'),
    "zeros": lambda text: text[:200] + bytes(200) + text[400:],
    "another word": lambda text: text.replace(b"mart_user", b"nart_user", 1),
    "another memory": lambda text: b"\x1e".join(text.split(b"\x1e")[::2]),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_outline_is_none(known: Demo, damage: Callable[[bytes], bytes]) -> None:
    (kept,) = (known.project / ".fftcas" / "outlines").iterdir()
    kept.write_bytes(damage(kept.read_bytes()))
    anew = observe(known, "dag")
    assert (anew.exit_code, anew.stderr) == (0, "")
    assert "click" in anew.modules
    assert is_quick(observe(known, "dag", "--dot"))


def test_a_memory_of_something_else_is_none(known: Demo) -> None:
    (kept,) = (known.project / ".fftcas" / "outlines").iterdir()
    (other,) = (known.project / ".fftcas" / "unchanged").iterdir()
    kept.write_bytes(other.read_bytes())
    assert observe(known, "dag").said == tell_in_full(known, "dag")


PLAN: dict[str, Callable[[Demo], object]] = {
    "a model": lambda demo: demo.edit("models/marts/mart_user_orders.ff.sql", "select", "select 7 as seven,"),
    "the database": lambda demo: demo.sql("drop table cache_demo.mart_user_orders"),
    "no database": lambda demo: demo.database.unlink(),
    "the store": lambda demo: demo.fftcas("gc", "--grace", "0s", "--max-size", "0"),
}


@pytest.mark.parametrize("change", PLAN.values(), ids=PLAN)
def test_what_was_fresh_rests_on_database_and_store_as_well(demo: Demo, change: Callable[[Demo], object]) -> None:
    time.sleep(2.1)
    tell(demo, *BUILD)
    assert is_quick(observe(demo, "why-rebuild", "+mart_user_orders"))
    change(demo)
    plan = observe(demo, "why-rebuild", "//marts/...", "//seeds/...")
    assert "click" in plan.modules
    assert plan.said == tell_in_full(demo, "why-rebuild", "//marts/...", "//seeds/...")


def test_nodes_that_no_plan_was_about_are_looked_at(demo: Demo) -> None:
    time.sleep(2.1)
    tell(demo, "build", "//seeds/...")
    assert is_quick(observe(demo, "why-rebuild", "//seeds/..."))
    assert "click" in observe(demo, "why-rebuild", "seed_users", "--json").modules  # and nothing is forgotten
    assert is_quick(observe(demo, "why-rebuild", "seed_orders"))
    assert "click" in observe(demo, "why-rebuild", "//seeds/...", FFTCAS_REMOTE=str(demo.home / "remote")).modules
    assert "click" in observe(demo, "why-rebuild", "stg_users").modules
