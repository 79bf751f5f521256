"""What is wrong in a project is told before anything runs: what, where, and what to do. Nothing changes then."""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from harness import Demo, Done

STG_USERS = "models/seeds_consumers/stg_users.ff.sql"
MART = "models/marts/mart_user_orders.ff.sql"
PY_CONSTANTS = "models/python/py_constants.ff.py"
SEED_USERS = "seeds/seed_users.csv"


def refused(demo: Demo, done: Done, *says: str, exit_code: int = 2) -> None:
    """The command ended with this code and said all this on stderr; nothing was built, and no traceback shown."""
    assert done.exit_code == exit_code, done.stderr or done.stdout
    assert [text for text in says if text not in done.stderr] == [], done.stderr
    assert "Traceback" not in done.stderr
    assert demo.log.models() == []
    if exit_code == 2:
        assert not demo.database.exists()


def failed(done: Done, label: str, *says: str) -> None:
    """The node failed: exit code 1, all this on stderr, and no word of fftcas's own files."""
    assert done.exit_code == 1, done.stderr or done.stdout
    assert done.statuses[label] == "failed"
    assert [text for text in says if text not in done.stderr] == [], done.stderr
    assert "fftcas/build" not in done.stderr


# --- The project


def test_a_directory_that_is_not_there(demo: Demo) -> None:
    refused(demo, demo.fftcas("build", "-C", "nowhere"), "nowhere", "hint:")


def test_a_directory_that_is_no_project(demo: Demo, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refused(demo, demo.fftcas("build", "-C", str(tmp_path / "empty")), "empty", "models", "hint:")


def test_a_file_that_is_no_directory(demo: Demo) -> None:
    refused(demo, demo.fftcas("build", "-C", str(demo.project / "project.yml")), "project.yml")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(demo: Demo) -> None:
    (demo.project / "project.yml").chmod(0)
    refused(demo, demo.build(), "project.yml", "ermission")


def test_a_link_to_itself(demo: Demo) -> None:
    (demo.project / "models/loop.ff.sql").symlink_to("loop.ff.sql")
    refused(demo, demo.build(), "models/loop.ff.sql", "symbolic links")


@pytest.mark.parametrize("path", ["models/pipe.ff.sql", "models/pipe.ff.py", "project.yml", ".env"])
def test_a_pipe_is_not_waited_for(demo: Demo, path: str) -> None:
    (demo.project / path).unlink(missing_ok=True)
    os.mkfifo(demo.project / path)
    refused(demo, demo.build(), f"{path} is no file but a pipe", "hint:")


def test_a_file_that_is_not_text(demo: Demo) -> None:
    (demo.project / STG_USERS).write_bytes(b"select 1 as a -- \xff\xfe")
    refused(demo, demo.build(), f"{STG_USERS}:1", "UTF-8")


# --- YAML


@pytest.mark.parametrize(
    ("path", "text", "line", "known"),
    [
        ("project.yml", "name: demo\nversion: 1\nmodel_dir: models\n", 3, "models_dir"),
        ("profiles.yml", "default:\n  engine: duckdb\n  duckdb:\n    pat: x.duckdb\n", 4, "path"),
        ("profiles.yml", "default:\n  engin: duckdb\n", 2, "engine"),
        ("sources.yml", "version: 2\nsource: []\n", 2, "sources"),
        ("sources.yml", "version: 2\nsources:\n  - name: crm\n    table: []\n", 4, "tables"),
        ("budgets.yml", "version: 1\nquery_limit: {}\n", 2, "query_limits"),
        ("seeds/schema.yml", "targets: {}\ncolumn: {}\n", 2, "columns"),
    ],
)
def test_an_unknown_key(demo: Demo, path: str, text: str, line: int, known: str) -> None:
    demo.write(path, text)
    refused(demo, demo.build(), f"{path}:{line}", "did you mean", f"'{known}'")


@pytest.mark.parametrize("path", ["project.yml", "profiles.yml", "sources.yml", "budgets.yml", "seeds/schema.yml"])
def test_yaml_that_does_not_parse(demo: Demo, path: str) -> None:
    demo.write(path, "version: 1\nname: [demo\nother: }\n")
    done = demo.build()
    refused(demo, done, path)
    assert re.search(rf"{re.escape(path)}:[23]\b", done.stderr)


@pytest.mark.parametrize("path", ["project.yml", "profiles.yml", "sources.yml"])
def test_yaml_of_another_shape(demo: Demo, path: str) -> None:
    demo.write(path, "- one\n- two\n")
    refused(demo, demo.build(), path)


def test_a_profile_that_is_not_there(demo: Demo) -> None:
    demo.edit("profiles.yml", "default: &duckdb", "home_duckdb: &duckdb")
    done = demo.fftcas("build", "-e", "dev_duckbd")
    refused(demo, done, "dev_duckbd", "profiles.yml", "did you mean 'dev_duckdb'")


def test_an_engine_that_is_not_known(demo: Demo) -> None:
    demo.write("profiles.yml", "default:\n  engine: duckbd\n")
    refused(demo, demo.build(FF_ENGINE=""), "profiles.yml:2", "duckbd", "'duckdb'")


def test_a_variable_that_a_profile_needs(demo: Demo) -> None:
    demo.edit("profiles.yml", "env('FF_DUCKDB_PATH', '.local/demo.duckdb')", "env('DEMO_FILE')")
    refused(demo, demo.build(FF_DUCKDB_PATH=""), "profiles.yml:5", "DEMO_FILE", "hint:")


def no_database(file: Path, kind: str) -> None:
    """Put something else where the database should be."""
    file.parent.mkdir(exist_ok=True)
    if kind == "directory":
        file.mkdir()
    elif kind == "SQLite":
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("create table t (a)")
    elif kind == "corrupt":
        duckdb.connect(str(file)).close()
        file.write_bytes(file.read_bytes()[:100] + b"?" * 100 + file.read_bytes()[200:])
    else:
        file.write_text({"text": "Dear diary, " * 1000, "empty": ""}[kind])


@pytest.mark.parametrize("kind", ["text", "empty", "directory", "SQLite", "corrupt"])
def test_a_database_that_is_none(demo: Demo, kind: str) -> None:
    no_database(demo.database, kind)
    demo.edit(".env.dev_duckdb", "FF_DUCKDB_PATH=.local/demo.duckdb", "")
    named = demo.build(FF_DUCKDB_PATH=str(demo.database))
    for place, done in {"profiles.yml:5": demo.build(), "FF_DUCKDB_PATH": named}.items():
        assert done.exit_code == 2, done.stderr
        assert done.stderr.startswith(f"error: the database {demo.database} cannot be opened\n  at {place}\n")
        assert "  hint: name a" in done.stderr
        assert ("SQLite" in done.stderr) == (kind == "SQLite")
    assert not (demo.home / ".duckdb").exists(), "an extension was looked for"
    assert demo.fftcas("why-rebuild", "-e", "dev_duckdb").exit_code == 2


# --- Models


def test_jinja_that_does_not_parse(demo: Demo) -> None:
    demo.edit(STG_USERS, "source('crm', 'users') }}", "source('crm', 'users')")
    refused(demo, demo.build(), f"{STG_USERS}:")


def test_a_jinja_name_that_is_not_known(demo: Demo) -> None:
    demo.edit(STG_USERS, "lower(trim(email))", "{{ tidy('email') }}")
    refused(demo, demo.build(), f"{STG_USERS}:6", "tidy")


def test_a_config_key_that_is_not_known(demo: Demo) -> None:
    demo.edit(STG_USERS, "materialized='table'", "materialised='table'")
    refused(demo, demo.build(), f"{STG_USERS}:1", "did you mean 'materialized'")


@pytest.mark.parametrize("kind", ["incremental", "snapshot"])
def test_what_is_not_there_yet_says_so(demo: Demo, kind: str) -> None:
    demo.edit(STG_USERS, "materialized='table'", f"materialized='{kind}'")
    refused(demo, demo.build(), f"{STG_USERS}:1", kind)


def test_a_cycle(demo: Demo) -> None:
    demo.write("models/round/a.ff.sql", "select * from {{ ref('b') }}\n")
    demo.write("models/round/b.ff.sql", "select * from {{ ref('c') }}\n")
    demo.write("models/round/c.ff.sql", "select * from {{ ref('a') }}\n")
    done = demo.build()
    refused(demo, done)
    around = ["//round:a → //round:b → //round:c → //round:a", "//round:b → //round:c → //round:a → //round:b"]
    around.append("//round:c → //round:a → //round:b → //round:c")
    assert any(path in done.stderr for path in around)


def test_a_model_that_reads_itself(demo: Demo) -> None:
    demo.write("models/round/a.ff.sql", "select * from {{ ref('a') }}\n")
    refused(demo, demo.build(), "//round:a → //round:a")


def test_two_nodes_with_one_name(demo: Demo) -> None:
    demo.write("models/other/stg_users.ff.sql", "select 1 as a\n")
    refused(demo, demo.build(), "stg_users", STG_USERS, "models/other/stg_users.ff.sql")


def test_a_model_named_like_a_seed(demo: Demo) -> None:
    demo.write("models/other/seed_users.ff.sql", "select 1 as a\n")
    refused(demo, demo.build(), "seed_users", SEED_USERS, "models/other/seed_users.ff.sql")


@pytest.mark.parametrize("path", ["models/marts/_ff_meta.ff.sql", "models/marts/_FF_Meta.sql", "seeds/_ff_meta.csv"])
def test_a_node_in_the_place_of_the_table_that_tells_of_all_others(demo: Demo, path: str) -> None:
    demo.write(path, "a\n1\n" if path.endswith(".csv") else "select 1 as a\n")
    refused(demo, demo.build(), f"at {path}\n", "_ff_meta", "hint: rename it")


def test_a_ref_that_is_not_known(demo: Demo) -> None:
    demo.edit(MART, "ref('stg_users.ff')", "ref('stg_user.ff')")
    refused(demo, demo.build(), f"{MART}:8", "stg_user", "did you mean 'stg_users")


def test_a_source_that_is_not_known(demo: Demo) -> None:
    demo.edit(STG_USERS, "source('crm', 'users')", "source('crm', 'user')")
    refused(demo, demo.build(), f"{STG_USERS}:7", "user", "did you mean", "users")


def test_a_python_model_that_does_not_parse(demo: Demo) -> None:
    demo.edit(PY_CONSTANTS, "def py_constants()", "def py_constants(")
    done = demo.build()
    refused(demo, done)
    assert re.search(rf"{re.escape(PY_CONSTANTS)}:1[0-3]\b", done.stderr)


def test_a_python_model_with_too_few_parameters(demo: Demo) -> None:
    demo.edit(PY_CONSTANTS, 'tags=["constants"]', 'deps=["stg_users.ff"]')
    refused(demo, demo.build(), f"{PY_CONSTANTS}:", "py_constants")


# --- Labels and paths


def test_a_label_that_is_not_known(demo: Demo) -> None:
    refused(demo, demo.fftcas("build", "//marts:mart_user_order"), "did you mean '//marts:mart_user_orders'")


@pytest.mark.parametrize("label", ["//../x", "//marts:../x", "//marts:a b", "///x", "//mårts:x"])
def test_a_label_outside_the_grammar(demo: Demo, label: str) -> None:
    refused(demo, demo.fftcas("build", label), label)


@pytest.mark.parametrize("name", ["models/marts/bad name.ff.sql", "models/bad dir/x.ff.sql"])
def test_a_file_name_that_makes_no_label(demo: Demo, name: str) -> None:
    demo.write(name, "select 1 as a\n")
    refused(demo, demo.build(), "' '", name)


@pytest.mark.parametrize("link", ["models/marts/secret.ff.sql", "seeds/secret.csv"])
def test_a_link_out_of_the_project(demo: Demo, tmp_path: Path, link: str) -> None:
    (tmp_path / "outside").write_text("select 1 as a\n")
    (demo.project / link).symlink_to(tmp_path / "outside")
    refused(demo, demo.build(), link, "leads out")


def test_a_folder_that_links_out_of_the_project(demo: Demo, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.ff.sql").write_text("select 1 as a\n")
    (demo.project / "models" / "elsewhere").symlink_to(tmp_path / "elsewhere")
    refused(demo, demo.build(), "models/elsewhere", "leads out")


def test_an_option_that_is_not_known(demo: Demo) -> None:
    refused(demo, demo.fftcas("build", "--job", "4"), "--job")


@pytest.mark.parametrize("jobs", ["0", "-1", "many"])
def test_a_number_of_jobs_that_is_none(demo: Demo, jobs: str) -> None:
    refused(demo, demo.fftcas("build", "--jobs", jobs), "--jobs", jobs)


def test_a_command_that_is_not_known(demo: Demo) -> None:
    refused(demo, demo.fftcas("biuld"), "biuld", "build")


# --- Seeds


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        (b"id,email\n1,a@example.com\n2,b@example.com,again\n", 3, "3"),
        (b"id,email\n1,a@example.com\n2,b\xffd@example.com\n", 3, "UTF-8"),
        (b"id,email,id\n1,a@example.com,1\n", 1, "id"),
        (b"id,email,\n1,a@example.com,x\n", 1, "no name"),
        (b"", None, "empty"),
    ],
    ids=["ragged", "encoding", "duplicate header", "empty header", "empty file"],
)
def test_a_seed_that_is_no_table(demo: Demo, content: bytes, line: int | None, says: str) -> None:
    (demo.project / SEED_USERS).write_bytes(content)
    where = SEED_USERS if line is None else f"{SEED_USERS}:{line}"
    failed(demo.build(), "//seeds:seed_users", where, says)


# --- What only shows when it runs


def test_sql_that_the_engine_refuses(demo: Demo) -> None:
    demo.edit(STG_USERS, "lower(trim(email))", "lower(trim(emial))")
    failed(demo.build(), "//seeds_consumers:stg_users", f"{STG_USERS}:6", "emial", "^")


def test_sql_that_is_no_query(demo: Demo) -> None:
    demo.write("models/marts/dropper.ff.sql", "drop table seed_users\n")
    done = demo.build()
    assert done.exit_code in (1, 2)
    assert "models/marts/dropper.ff.sql" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_python_model_that_raises(demo: Demo) -> None:
    demo.edit(PY_CONSTANTS, "    return", "    raise LookupError('no such answer')\n    return")
    done = demo.build()
    failed(done, "//python:py_constants", f"{PY_CONSTANTS}", "LookupError", "no such answer")
    assert re.search(r"line 12|:12\b", done.stderr)


def test_a_python_model_that_returns_no_frame(demo: Demo) -> None:
    demo.edit(PY_CONSTANTS, 'pd.DataFrame({"k": ["answer"], "v": [ANSWER]})', "ANSWER")
    failed(demo.build(), "//python:py_constants", PY_CONSTANTS, "int", "DataFrame")


def test_a_python_model_whose_input_lacks_a_column(demo: Demo) -> None:
    demo.write(
        "models/python/names.ff.py",
        "import pandas as pd\n\nfrom fftcas import model\n\n\n"
        '@model(name="names", deps=["stg_users.ff"], require={"stg_users.ff": ["email", "nickname"]})\n'
        "def names(users: pd.DataFrame) -> pd.DataFrame:\n    return users\n",
    )
    failed(demo.build(), "//python:names", "models/python/names.ff.py", "nickname", "email")


def test_a_bad_edit_leaves_a_built_project_as_it_is(built: Demo) -> None:
    before = built.sql("select * from cache_demo.mart_user_orders")
    stamps = built.sql("select * from cache_demo._ff_meta order by all")
    built.edit(MART, "ref('stg_users.ff')", "ref('stg_user.ff')")
    assert built.build().exit_code == 2
    built.edit(MART, "ref('stg_user.ff')", "ref('stg_users.ff')")
    built.edit(MART, "users.email,\n    coalesce", "users.emial,\n    coalesce")
    assert built.build().exit_code == 1
    assert built.sql("select * from cache_demo.mart_user_orders") == before
    assert built.sql("select * from cache_demo._ff_meta order by all") == stamps


@pytest.mark.parametrize("budgets", [True, False])
def test_a_model_is_one_query_whatever_its_secrets_say(demo: Demo, budgets: bool) -> None:
    demo.write("models/marts/several.ff.sql", "select 1 as a {{ env('API_TOKEN') }}")
    if not budgets:
        (demo.project / "budgets.yml").unlink()
    done = demo.fftcas("build", "-e", "dev_duckdb", "//marts:several", API_TOKEN="; create table evil as select 2")
    failed(done, "//marts:several", "a model is one SELECT statement")
    assert demo.sql("select table_name from duckdb_tables()") == [("_ff_meta",)]
