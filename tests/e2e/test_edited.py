"""Files that are edited while a node runs, and runs that are broken off."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest
from harness import Demo
from small import Small

EDIT = """
from pathlib import Path
import helper

@model(name='p')
def p():
    if not Path('edited').exists():
        Path('edited').touch()
        Path({path!r}).write_text({text!r})
    return pd.DataFrame({{'x': [helper.X]}})
"""


OTHER = """import pandas as pd
from fftcas import model

@model(name='p')
def p():
    return pd.DataFrame({'x': [2]})
"""


@pytest.mark.parametrize("path", ["helper.py", "models/p.ff.py"])
def test_a_python_file_that_is_edited_while_its_model_runs(small: Small, path: str) -> None:
    small.write("helper.py", "X = 1\n")
    text = "X = 2\n" if path == "helper.py" else OTHER
    small.python(p=EDIT.format(path=path, text=text))
    small.write("seeds/numbers.csv", None)
    outcome = small.outcome("p")
    assert "the Python code of models/p.ff.py changed while //:p was built" in str(outcome.error)
    assert small.sql("select count(*) from duckdb_tables() where table_name like '%p'") == [(0,)]
    assert small.built() == {"p"}
    assert small.sql("select * from w.p") == [(2,)]
    small.write("helper.py", "X = 1\n")
    small.python(p=EDIT.format(path=path, text=text))
    assert small.built() == {"p"}, "nothing was recorded under the key of what was there first"
    assert small.sql("select * from w.p") == [(1,)]


def test_a_comment_in_a_python_file_is_no_edit(small: Small) -> None:
    small.write("helper.py", "X = 1\n")
    small.python(p=EDIT.format(path="helper.py", text="X = 1  # one\n"))
    assert small.built() >= {"p"}


def test_a_file_read_in_sql_that_is_edited_in_the_meantime(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    small.write("data/a.csv", "x\n1\n")
    small.models(a="select * from 'data/a.csv'")
    edit_after(monkeypatch, small, "data/a.csv", "x\n2\n")
    assert "data/a.csv changed while //:a was built" in str(small.outcome("a").error)
    assert small.built() >= {"a"}
    assert small.sql("select * from w.a") == [(2,)]


def test_a_seed_that_is_edited_while_it_is_loaded(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    edit_after(monkeypatch, small, "seeds/numbers.csv", "id\n7\n")
    assert "seeds/numbers.csv changed while //seeds:numbers was built" in str(small.outcome("numbers").error)
    assert small.built() == {"numbers"}
    assert small.sql("select * from w.numbers") == [(7,)]


def test_a_sql_model_that_is_edited_meanwhile_is_built_as_it_was_read(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.models(a="select 1 as x")
    edit_after(monkeypatch, small, "models/a.ff.sql", "select 2 as x")
    small.build()
    assert small.sql("select * from w.a") == [(1,)]
    assert small.built() == {"a"}
    assert small.sql("select * from w.a") == [(2,)]


def edit_after(monkeypatch: pytest.MonkeyPatch, small: Small, path: str, text: str) -> None:
    """Edit a file, once, when a node has run and its output is not yet stored."""
    from fftcas.build.executor import Executor

    make = Executor.make

    def making(*arguments: object) -> object:
        staged = make(*arguments)  # type: ignore[arg-type]
        monkeypatch.setattr(Executor, "make", make)
        small.write(path, text)
        return staged

    monkeypatch.setattr(Executor, "make", making)


def test_a_run_realises_each_label_once_and_going_back_restores(small: Small) -> None:
    a, b = "select 1 as x", "select 2 as x"
    small.models(a=a)
    small.build()
    small.models(a=b)
    run = small.run()
    labels = [outcome.label for outcome in run.outcomes]
    assert len(labels) == len(set(labels))
    with small.store() as store:
        history = store.history(str(small.root.resolve()), "//:a")
        assert [made.run_id for made in history].count(run.run_id) == 1
    small.models(a=a)
    assert small.build() == {"a": "restored", "numbers": "fresh"}
    assert small.sql("select * from w.a") == [(1,)]


def test_an_interrupted_run_keeps_what_it_has_finished(demo: Demo) -> None:
    demo.write("models/slow/quick.ff.sql", "select 1 as x")
    slow = "select count(*) as n from range(100000000) a join range(100000000) b on a.range % 7 = b.range % 11"
    demo.write("models/slow/endless.ff.sql", f"{slow} where a.range >= (select x from {{{{ ref('quick') }}}})")
    command = [sys.executable, "-m", "fftcas", "build", "-e", "dev_duckdb", "-C", str(demo.project), "//slow/..."]
    demo.environment(PYTHONUNBUFFERED="1")
    with subprocess.Popen(
        command,
        cwd=demo.home,
        env=demo.environment(PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        while "//slow:quick" not in process.stdout.readline():
            assert process.poll() is None
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "interrupted" in out
    demo.write("models/slow/endless.ff.sql", "select x from {{ ref('quick') }}")
    done = demo.fftcas("build", "-e", "dev_duckdb", "//slow/...")
    assert done.statuses == {"//slow:quick": "fresh", "//slow:endless": "built"}
    assert demo.sql("select count(*) from duckdb_tables() where table_name like '__fftcas%'") == [(0,)]


def test_a_failing_run_keeps_what_it_has_finished(small: Small) -> None:
    small.models(good="select 1 as x", bad="select error('no') as y from {{ ref('good') }}")
    assert small.run().exit_code == 1
    small.models(bad="select x as y from {{ ref('good') }}")
    assert small.build().items() >= {"good": "fresh", "bad": "built"}.items()
