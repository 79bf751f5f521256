"""What differs between two runs is told beforehand, and found by `--check`."""

from __future__ import annotations

import pytest
from harness import Demo
from small import Small

from fftcas.build.options import BuildOptions
from fftcas.build.outcome import Status
from fftcas.build.run import Run
from fftcas.errors import NondeterministicError

CHECK = BuildOptions(check=True)


def errors(run: Run) -> dict[str, str]:
    return {outcome.label.name: str(outcome.error) for outcome in run.outcomes if outcome.error}


def test_what_may_differ_is_a_warning_with_its_place(small: Small) -> None:
    small.models(
        a="select id,\n  now() as t,\n  first(val) as v\nfrom {{ ref('numbers') }}\ngroup by id\nlimit 2",
        b="{{ config(cache=false) }} select random() as r",
        c="select id from {{ ref('numbers') }} order by id limit 2",
    )
    warned = {outcome.label.name: outcome.warnings for outcome in small.run().outcomes}
    assert [warning.split(": ")[:2] for warning in warned["a"]] == [
        ["models/a.ff.sql:2", "now()"],
        ["models/a.ff.sql:3", "first()"],
        ["models/a.ff.sql:6", "LIMIT"],
    ]
    assert warned["b"] == warned["c"] == ()


def test_a_check_passes_what_gives_the_same_rows(small: Small) -> None:
    small.models(
        a="select grp, sum(val) as s from {{ ref('numbers') }} group by grp",
        v="{{ config(materialized='view') }} select random() as r",
        free="{{ config(cache=false) }} select random() as r",
    )
    small.python(p="@model(name='p', deps=['numbers'])\ndef p(n):\n    return n[['id']]\n")
    run = small.run(options=CHECK)
    assert (run.exit_code, run.checked) == (0, 2)
    assert small.sql("select count(*) from duckdb_tables() where table_name like '__fftcas%'") == [(0,)]


def test_a_check_tells_other_values(small: Small) -> None:
    small.models(a="select id,\n  random() as r, grp from {{ ref('numbers') }}", b="select id from {{ ref('a') }}")
    run = small.run(options=CHECK)
    assert run.exit_code == NondeterministicError.exit_code == 4
    (text,) = errors(run).values()
    assert text.startswith("two runs of it gave two outputs: other values\n  at models/a.ff.sql")
    assert "run again with one thread: 3 rows changed (r)" in text
    assert "~ id=1: r 0." in text
    assert "models/a.ff.sql:2: random(): its value differs between runs" in text
    assert small.build() == {"numbers": "fresh", "a": "fresh", "b": "fresh"}, "what was built is kept"


def test_a_check_tells_of_a_table_that_was_put_back_for_a_reader(small: Small) -> None:
    small.models(a="select random() as r", b="select r from {{ ref('a') }}")
    small.build()
    small.database.unlink()
    small.models(b="select r, 1 as k from {{ ref('a') }}")
    run = small.run(options=CHECK)
    assert run.exit_code == NondeterministicError.exit_code
    assert set(errors(run)) == {"a"}


def test_a_check_tells_noise_in_floats(small: Small) -> None:
    small.python(
        p="import itertools, os\nfrom pathlib import Path\n"
        "@model(name='p')\ndef p():\n"
        "    count = Path('count').read_text() + 'x' if Path('count').exists() else ''\n"
        "    Path('count').write_text(count)\n"
        "    return pd.DataFrame({'g': ['a', 'b', 'b'], 'x': [1.0 + len(count) * 1e-15, 2.0, 3.0]})\n"
    )
    run = small.run(options=CHECK)
    assert run.exit_code == 4
    assert "two runs of it gave two outputs: float noise" in errors(run)["p"]
    assert "sum decimals" in errors(run)["p"]


def test_another_order_of_rows_is_told_and_is_no_failure(small: Small) -> None:
    small.python(
        p="from pathlib import Path\n"
        "@model(name='p')\ndef p():\n"
        "    again = Path('again').exists()\n"
        "    Path('again').touch()\n"
        "    return pd.DataFrame({'x': [2, 1] if again else [1, 2]})\n"
    )
    run = small.run(options=CHECK)
    assert run.exit_code == 0
    (outcome,) = (outcome for outcome in run.outcomes if outcome.label.name == "p")
    assert outcome.status is Status.BUILT
    assert outcome.warnings == ("its rows come in another order each time: no reader may rely on it",)


@pytest.mark.parametrize("ready", [False, True])
def test_check_on_the_command_line(built: Demo, ready: bool) -> None:
    built.write("models/marts/when.ff.sql", "select now() as t")
    if ready:
        assert built.build().exit_code == 0
    done = built.fftcas("build", "-e", "dev_duckdb", "--check", "//marts:when")
    assert done.exit_code == 4
    assert "//marts:when failed: two runs of it gave two outputs: other values" in done.stderr
    assert "checked 1 node" in done.stdout
