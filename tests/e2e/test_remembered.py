"""Commands that only tell something: said again while nothing has changed, and never when anything has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import Demo
from observed import Observed, Said, observe, observe_from, tell, tell_in_full
from small import Small

LABELS = "fftcas build //m"
COMPLETE = {"_FFTCAS_COMPLETE": "bash_complete", "COMP_WORDS": LABELS, "COMP_CWORD": "2"}
TOLD: dict[str, tuple[str, ...]] = {
    "ls": ("ls", "-o", "json"),
    "query": ("query", "deps(//marts/...)", "-o", "tree"),
    "dag": ("dag", "--dot"),
    "completion": (),
}
"""What rests on the project alone."""

PLAN = ("why-rebuild", "//...", "-//http/...")
"""What rests on database and store as well."""


ALL: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    **{what: (command, COMPLETE if what == "completion" else {}) for what, command in TOLD.items()},
    "plan": (PLAN, {}),
}
"""Commands, and the variables that they need."""


def ask(demo: Demo, what: str, **more: str) -> Observed:
    command, own = ALL[what]
    return observe(demo, *command, **own, **more)


def ask_all(demo: Demo, **more: str) -> dict[str, Observed]:
    return {what: ask(demo, what, **more) for what in ALL}


def tell_all(demo: Demo) -> None:
    for command, more in ALL.values():
        tell(demo, *command, **more)


def all_in_full(demo: Demo) -> dict[str, Said]:
    return {what: tell_in_full(demo, *command, **more) for what, (command, more) in ALL.items()}


def forget(demo: Demo) -> None:
    for path in (demo.project / ".fftcas" / "unchanged").iterdir():
        path.unlink()


@pytest.fixture
def told(built: Demo) -> Demo:
    """A built demo, of which all was asked: it is old enough to be told apart from what is edited later."""
    tell(built, *PLAN)  # notes in the store what it found out, which is then too young
    time.sleep(2.1)
    tell_all(built)
    return built


def test_what_was_told_is_told_again(told: Demo) -> None:
    again = ask_all(told)
    assert {what: each.remembered for what, each in again.items()} == dict.fromkeys(again, True)
    forget(told)
    anew = ask_all(told)
    assert {what: each.remembered for what, each in anew.items()} == dict.fromkeys(anew, False)
    assert {what: each.said for what, each in again.items()} == {what: each.said for what, each in anew.items()}
    assert again["plan"].stdout == "all 6 nodes are fresh: a build would do nothing\n"
    assert "//marts:mart_user_orders" in again["completion"].stdout


CHANGES: dict[str, Callable[[Demo], object]] = {
    "a model": lambda demo: demo.edit("models/marts/mart_user_orders.ff.sql", "'table'", "'view'"),
    "a new model": lambda demo: demo.write("models/marts/other.ff.sql", "select 1 as one"),
    "a macro": lambda demo: demo.write("models/macros/broken.sql", "{% macro %}"),
    "a seed": lambda demo: demo.write("seeds/more.csv", "id\n1\n"),
    "a helper": lambda demo: demo.write("helpers.py", ""),
    "a .env file": lambda demo: demo.write(".env", "FF_DEMO_TOGGLE=1"),
    "the working directory's .env file": lambda demo: (demo.home / ".env").write_text("FF_DEMO_TOGGLE=1"),
    "the profiles": lambda demo: demo.write("profiles.yml", "dev_duckdb: {engine: duckdb, duckdb: {schema: other}}"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_any_change_of_the_project_is_found_out(told: Demo, change: Callable[[Demo], object]) -> None:
    change(told)
    now = ask_all(told)
    assert {what: each.remembered for what, each in now.items()} == dict.fromkeys(now, False)
    assert {what: each.said for what, each in now.items()} == all_in_full(told)


def test_a_variable_a_place_and_an_argument_are_found_out(told: Demo) -> None:
    assert not any(each.remembered for each in ask_all(told, FF_DEMO_TOGGLE="1").values())
    assert not observe(told, *TOLD["ls"], TERM="other").remembered
    assert not observe_from(told.project, told, *TOLD["ls"]).remembered
    assert not observe(told, *TOLD["ls"], "--vars", "a=1").remembered
    assert observe(told, *TOLD["ls"]).remembered


def test_words_follow_the_project(told: Demo) -> None:
    told.write("models/marts/other.ff.sql", "{{ config(tags=['nightly']) }} select 1 as one")
    assert "plain,//marts:other\n" in ask(told, "completion").stdout
    (told.project / "models/marts/other.ff.sql").unlink()
    assert "//marts:other" not in ask(told, "completion").stdout


DATABASE: dict[str, Callable[[Demo], object]] = {
    "the database": lambda demo: demo.sql("drop table cache_demo.mart_user_orders"),
    "no database": lambda demo: demo.database.unlink(),
}


@pytest.mark.parametrize("change", DATABASE.values(), ids=DATABASE)
def test_a_plan_rests_on_the_database_and_a_list_does_not(told: Demo, change: Callable[[Demo], object]) -> None:
    change(told)
    plan = observe(told, *PLAN)
    assert not plan.remembered
    assert "would be restored" in plan.stdout
    assert ask(told, "ls").remembered


def test_a_plan_rests_on_the_store(told: Demo) -> None:
    assert observe(told, *PLAN).remembered
    told.fftcas("gc", "--grace", "0s", "--max-size", "0")
    assert not observe(told, *PLAN).remembered
    assert not observe(told, *PLAN, FFTCAS_STORE=str(told.home / "other")).remembered


def test_a_plan_with_something_to_do_is_not_remembered(told: Demo) -> None:
    told.edit("models/marts/mart_user_orders.ff.sql", "select", "select 1 as one,")
    time.sleep(2.1)
    assert not any(observe(told, *PLAN).remembered for _ in range(3))


ALWAYS: dict[str, tuple[str, ...]] = {
    "the past": ("ls", "state:modified"),
    "the past, in a query": ("query", "stale()"),
    "results": ("ls", "result:ok"),
    "how long ago it was built": ("why-rebuild", "stg_users"),
    "an error": ("ls", "//nowhere/..."),
    "help": ("ls", "--help"),
}


@pytest.mark.parametrize("command", ALWAYS.values(), ids=ALWAYS)
def test_what_rests_on_more_is_always_found_out(built: Demo, command: tuple[str, ...]) -> None:
    built.build()  # writes results
    time.sleep(2.1)
    tell(built, "ls")
    first, *others = (observe(built, *command) for _ in range(3))
    assert not any(each.remembered for each in others)
    assert all(each.exit_code == first.exit_code for each in others)


def test_of_two_projects_that_are_named_the_one_that_is_read_counts(told: Demo, tmp_path: Path) -> None:
    other = Small(tmp_path / "other")
    other.write("models/one.sql", "select 1 as x")
    command = ["ls", "-C", str(told.project), "-e", "dev", "-C", str(other.root)]
    time.sleep(2.1)
    assert observe(told, *command).stdout == "//:one\n"
    other.write("models/two.sql", "select 2 as x")
    assert observe(told, *command).stdout == "//:one\n//:two\n"


CHANCE = "{{ config(tags=[['a', 'b'] | random]) }} select 1 as x"
HIDDEN = (
    "{% include '.parts/one.sql' %}",
    "{% set folder = '.' ~ 'parts' %}{% include folder ~ '/one.sql' %}",
    "{% include 'hidden.txt' %}",
    "{% include '.parts/none.sql' ignore missing %}select 1 as x",
    "{% include 'chance.txt' %}",
    "select {{ ['}}', range(90000) | random][1] }} as x",
    "select {{ [[1, 2]] | map('random') | first }} as x",
)
SEEN = "{% include 'parts/one.sql' %}"
SQL = "select random() as x -- {# no chance here #}"


@pytest.mark.parametrize(
    ("text", "remembered"), [*((text, False) for text in (CHANCE, *HIDDEN)), (SQL, True), (SEEN, True)]
)
def test_a_template_that_uses_chance_or_what_is_hidden_is_rendered_again(
    built: Demo, text: str, remembered: bool
) -> None:
    built.write(".parts/one.sql", "select 1 as x")
    built.write("parts/one.sql", "select 1 as x")
    built.write("hidden.txt", HIDDEN[0])
    built.write("chance.txt", CHANCE)
    built.write("models/marts/other.ff.sql", text)
    time.sleep(2.1)
    tell(built, "ls")
    assert observe(built, "ls").remembered == remembered


def test_what_python_macros_rest_on_is_not_known(built: Demo) -> None:
    built.write("models/macros_py/today.py", "def today(): return 1\n")
    time.sleep(2.1)
    tell_all(built)
    assert not any(each.remembered for each in ask_all(built).values())


def test_a_file_that_is_too_young_is_not_trusted(built: Demo) -> None:
    soon = time.time() + 3600
    (built.home / ".env").write_text("")
    os.utime(built.home / ".env", (soon, soon))
    tell_all(built)
    assert not any(each.remembered for each in ask_all(built).values())


def test_a_working_directory_that_is_gone_is_told(built: Demo, tmp_path: Path) -> None:
    command = f"mkdir gone; cd gone; rmdir ../gone; {sys.executable} -m fftcas ls"
    environment = built.environment(FFTCAS_PROJECT=str(built.project))
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: the working directory is not there any more")


def test_a_pipe_whose_reader_goes_away_is_no_error(built: Demo) -> None:
    for number in range(3000):
        built.write(f"models/many/model_{number}.sql", "select 1 as x")
    time.sleep(2.1)
    command = f"{sys.executable} -m fftcas ls -e dev_duckdb"
    environment = built.environment(FFTCAS_PROJECT=str(built.project))
    for _ in range(2):
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {command} | head -1"],
            cwd=built.home,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_a_file_that_is_no_template_is_no_trouble(built: Demo) -> None:
    (built.project / "notes.sql").write_bytes(b"caf\xe9")
    time.sleep(2.1)
    assert [each.exit_code for each in ask_all(built).values()] == [0] * 5


def test_warnings_are_told_again(built: Demo) -> None:
    built.write(
        "models/python/hidden.ff.py",
        "import os\nfrom fftcas import model\n\n\n@model(name='hidden')\n"
        "def hidden():\n    name = 'A'\n    return os.environ[name]\n",
    )
    time.sleep(2.1)
    first, second = observe(built, "ls"), observe(built, "ls")
    assert "warning: " in first.stderr
    assert second.remembered
    assert second.said == first.said


def test_the_variables_of_a_profile_called_duckdb_are_watched(built: Demo) -> None:
    profiles = (built.project / "profiles.yml").read_text()
    built.write("profiles.yml", profiles + "\nduckdb:\n  engine: duckdb\n  duckdb: {path: .local/other.duckdb}\n")
    built.write("models/marts/tagged.ff.sql", "{{ config(tags=[env('FF_TAG', 'none')]) }} select 1 as one")
    for tag in ("one", "two"):
        built.write(".env.duckdb", f"FF_TAG={tag}\n")
        time.sleep(2.1)
        for _ in range(2):
            assert f'"{tag}"' in observe(built, "ls", "-e", "duckdb", "-o", "json", "tagged").stdout


def test_a_variable_that_differs_from_call_to_call_is_not_seen_by_the_project(built: Demo) -> None:
    tags = "[env('SHLVL', 'none'), env('SHL' ~ 'VL', 'none'), env('FROM_FILE')]"
    built.write("models/marts/tagged.ff.sql", f"{{{{ config(tags={tags}) }}}} select 1 as one")
    built.write("models/marts/shown.ff.sql", "{{ config(enabled=env('SHLVL', '') == '') }} select 1 as one")
    built.write(".env", "FROM_FILE=${SHLVL:-none}\n")
    built.edit("project.yml", "models_dir: models", "models_dir: models\ncache: {env: {include: [SHLVL]}}")
    built.edit("profiles.yml", "'.local/demo.duckdb'", "'.local/' ~ env('SHLVL', 'demo') ~ '.duckdb'")
    built.write(
        "models/python/level.ff.py",
        "import pandas as pd\nfrom fftcas import env, model\n\n\n@model()\ndef level():\n"
        "    return pd.DataFrame({'level': [env('SHLVL', 'none')]})\n",
    )
    time.sleep(2.1)
    first = built.build(SHLVL="5")
    assert first.exit_code == 0, first.stderr
    assert built.sql("from cache_demo.level") == [("none",)]
    assert built.build(SHLVL="6").built == set()
    for level in ("5", "6"):
        assert "plain,//marts:shown\n" in ask(built, "completion", SHLVL=level).stdout
        said = json.loads(observe(built, "ls", "-o", "json", "tagged", SHLVL=level).stdout)
        assert said[0]["tags"] == ["none"]
    assert observe(built, "ls", "-o", "json", "tagged", SHLVL="7").remembered


def test_a_module_that_can_be_imported_now_is_noticed(built: Demo) -> None:
    tell(built, *PLAN)
    time.sleep(2.1)
    tell(built, *PLAN)
    assert observe(built, *PLAN).remembered
    (built.home / "extra_module.py").write_text("x = 1\n")
    assert not observe(built, *PLAN).remembered


def test_closed_output_is_no_traceback(tmp_path: Path) -> None:
    command = f"{sys.executable} -m fftcas ls >&-"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    assert done.returncode == 2
