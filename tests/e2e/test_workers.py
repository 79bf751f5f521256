"""Python models that run beside others have processes of their own, and nobody can tell but by the clock."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from api_server import Api
from harness import IMPORTED
from small import Small

from fftcas.build import workers
from fftcas.build.options import BuildOptions
from fftcas.build.outcome import Outcome, Status

BESIDE, ALONE = BuildOptions(jobs=2, keep_going=True), BuildOptions(jobs=1, keep_going=True)
HOLD = """
import pathlib, time

@model()
def a_holds():
    until = time.monotonic() + {seconds}
    while not pathlib.Path('let_go').exists() and time.monotonic() < until:
        time.sleep(0.01)
    return pd.DataFrame({{'x': [1]}})
"""
"""A model that keeps this process until another one lets go, or for so long."""


def other(small: Small, body: str, deps: str = "numbers", name: str = "b", above: str = "") -> None:
    """Write a model beside `a_holds`; its frame is called `frame`."""
    lines = textwrap.indent(textwrap.dedent(body).strip("\n"), " " * 8)
    small.python(
        **{
            name: f"import os, pathlib, signal, sys, threading\n{above}\n"
            f"@model(name='{name}', deps=['{deps}'])\ndef made(frame):\n    try:\n{lines}\n"
            f"    finally:\n        pathlib.Path('done_{name}').touch()\n        pathlib.Path('let_go').touch()\n"
        }
    )


def outcome(small: Small, options: BuildOptions, hold: int = 60, **variables: Any) -> Outcome:
    """What became of `b`, built anew."""
    (small.root / "let_go").unlink(missing_ok=True)
    if options is BESIDE:
        small.python(a_holds=HOLD.format(seconds=hold))
    elif (small.root / "models/a_holds.ff.py").exists():
        small.write("models/a_holds.ff.py", None)
    run = small.run(options=replace(options, forced=frozenset(small.load().graph)), **variables)
    (found,) = (each for each in run.outcomes if each.label.name == "b")
    return found


def pid(small: Small, options: BuildOptions) -> int:
    """The process in which `b` ran, which has to put it into its column `pid`."""
    made = outcome(small, options)
    assert made.status is Status.BUILT, made.error
    return int(small.sql("select any_value(pid) from w.b")[0][0])


def test_a_model_that_goes_elsewhere_takes_no_other_along(small: Small) -> None:
    small.python(
        a_goes="import os\n@model()\ndef a_goes():\n    os.chdir('/')\n    return pd.DataFrame({'x': [1]})\n",
        b="import os\n@model(deps=['a_goes'])\ndef b(goes): return pd.DataFrame({'place': [os.getcwd()]})\n",
    )
    small.write("data.csv", "y\n2\n")
    small.models(c="select y from 'data.csv', {{ ref('a_goes') }}")
    assert small.built(options=ALONE) >= {"a_goes", "b", "c"}
    assert small.sql("select place, y from w.b, w.c") == [(str(small.root), 2)]


def test_the_second_model_has_a_process_of_its_own(small: Small) -> None:
    other(small, "return pd.DataFrame({'pid': [os.getpid()]})")
    assert pid(small, BESIDE) != os.getpid()
    assert pid(small, ALONE) == os.getpid()


def test_a_model_that_was_short_waits_before_a_process_is_started_for_it(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    other(small, "return pd.DataFrame({'pid': [os.getpid()]})")
    assert pid(small, ALONE) == os.getpid()
    monkeypatch.setattr(workers, "START", 60.0)
    assert outcome(small, BESIDE, hold=1).status is Status.BUILT
    assert small.sql("select pid from w.b") == [(os.getpid(),)]
    monkeypatch.setattr(workers, "START", 0.2)
    assert pid(small, BESIDE) != os.getpid()


def test_what_a_model_sees_is_the_same_there(small: Small) -> None:
    small.write("helper.py", "V = 5")
    small.write("models/near.py", "W = 6")
    small.write(".env", "FF_TOWN=Bern\n")
    types = (
        "select 1 as i, NULL::INTEGER as n, 1.5::DECIMAL(9,2) as d, 'a'::ENUM('b', 'a') as e, [1, 2] as l, "
        "timestamptz '2024-02-29 12:00:00+05:30' as t, interval 1 day as v, 3::HUGEINT as h, {'k': uuid()} as s"
    )
    small.models(typed=types.replace("uuid()", "'00000000-0000-0000-0000-000000000001'::uuid"))
    other(
        small,
        """
        import helper, near
        frame['i'] = 7
        seen = [os.getcwd(), env('FF_TOWN'), os.environ['FF_ENGINE'], var('n'), helper.V, near.W, sys.path,
                sys.flags.optimize, threading.current_thread() is threading.main_thread(),
                [(name, str(kind)) for name, kind in frame.dtypes.items()], frame.iloc[0].to_list()]
        return pd.DataFrame({'seen': [repr(each) for each in seen]})
        """,
        deps="typed",
    )
    seen = []
    for options in (BESIDE, ALONE):
        made = outcome(small, options, n=3)
        assert made.status is Status.BUILT, made.error
        seen.append(small.sql("select seen from w.b"))
    assert seen[0] == seen[1]
    assert ("'Bern'",) in seen[0]


@pytest.mark.parametrize(
    "body",
    [
        "raise ValueError('known: ' + os.environ['MY_TOKEN'])",
        "raise SystemExit(3)",
        "import nothing_like_this",
        "return pd.Series([1])",
        "return pd.DataFrame({'x': [1, 'a']})",
        "from fftcas.errors import UsageError\nraise UsageError('not so', why='because', hint='otherwise')",
    ],
)
def test_what_a_model_raises_is_told_the_same(small: Small, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    monkeypatch.setenv("MY_TOKEN", "hush-hush")
    other(small, body)
    beside, alone = (outcome(small, options) for options in (BESIDE, ALONE))
    assert str(beside.error) == str(alone.error)
    assert type(beside.error) is type(alone.error)
    assert "hush" not in str(beside.error)


@pytest.mark.parametrize(("last", "how"), [("os._exit(7)", "exit code 7"), ("signal.SIGKILL", "SIGKILL")])
def test_a_process_that_ends_is_a_failure_of_its_model(small: Small, last: str, how: str) -> None:
    last = f"os.kill(os.getpid(), {last})" if last.startswith("signal") else last
    other(small, f"pathlib.Path('let_go').touch()\n{last}")
    made = outcome(small, BESIDE)
    assert made.status is Status.FAILED
    assert f"the process that ran //:b ended: {how}" in str(made.error)
    assert "at models/b.ff.py" in str(made.error)
    assert "--jobs 1" in str(made.error)


def test_what_a_lost_process_has_forked_is_not_waited_for(small: Small) -> None:
    other(
        small,
        """
        child = os.fork()
        if child == 0:
            signal.pause()
        pathlib.Path('child').write_text(str(child))
        pathlib.Path('let_go').touch()
        os._exit(7)
        """,
    )
    made = outcome(small, BESIDE)
    os.kill(int((small.root / "child").read_text()), signal.SIGKILL)
    assert "exit code 7" in str(made.error)


def test_a_module_of_the_project_is_none_of_pythons_own(small: Small) -> None:
    small.write("json.py", "raise RuntimeError('not this one')")
    other(small, "return pd.DataFrame({'pid': [os.getpid()]})")
    assert pid(small, BESIDE) != os.getpid()


def test_what_a_model_prints_is_seen(small: Small, capfd: pytest.CaptureFixture[str]) -> None:
    other(small, "print('to you')\nimport warnings; warnings.warn('mind this')\nreturn frame.assign(pid=os.getpid())")
    assert pid(small, BESIDE) != os.getpid()
    out, err = capfd.readouterr()
    assert "to you" in out
    assert "mind this" in err


def test_vars_that_json_would_change_stay_here(small: Small) -> None:
    other(small, "return pd.DataFrame({'pid': [os.getpid()], 'k': [repr(var('k'))]})")
    assert outcome(small, BESIDE, hold=2, k=(1, 2)).status is Status.BUILT
    assert small.sql("select pid, k from w.b") == [(os.getpid(), "(1, 2)")]


def test_inputs_of_types_that_cannot_travel_are_read_here(small: Small) -> None:
    small.models(odd="{{ config(materialized='view') }} select '12:00:00'::TIME_NS as x")
    other(small, "return pd.DataFrame({'pid': [os.getpid()]})", deps="odd")
    beside, alone = (outcome(small, options, hold=2) for options in (BESIDE, ALONE))
    assert (beside.status, str(beside.error)) == (alone.status, str(alone.error))


def test_models_that_fetch_stay_here_and_run_side_by_side(small: Small) -> None:
    for mine, its in (("a", "b"), ("b", "a")):
        other(
            small,
            f"""
            pathlib.Path('{mine}').touch()
            until = time.monotonic() + 30
            while not pathlib.Path('{its}').exists():
                assert time.monotonic() < until
            return pd.DataFrame({{'pid': [os.getpid()]}})
            """,
            name=mine,
            above="import time\nfrom fftcas.http import get_df",
        )
    assert small.build(options=BESIDE) == {"a": "built", "b": "built", "numbers": "built"}
    assert small.sql("select pid from w.a union select pid from w.b") == [(os.getpid(),)]


def test_what_fetches_without_saying_so_is_run_here(
    small: Small, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nobody would record what a worker fetches."""
    company_api(monkeypatch, tmp_path)
    server = Api({"/a": [{"id": 1}]})
    try:
        other(small, f"import company_api\nreturn company_api.users('{server.url}/a').assign(pid=os.getpid())")
        made = outcome(small, BESIDE, hold=3)
    finally:
        server.stop()
    assert made.status is Status.BUILT, made.error
    assert small.sql("select pid from w.b") == [(os.getpid(),)]
    assert made.http is not None
    assert len(made.http.responses) == 1


def test_what_a_worker_has_forked_does_not_fetch(small: Small, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    company_api(monkeypatch, tmp_path)
    server = Api({"/a": [{"id": 1}]})
    try:
        pool = "multiprocessing.get_context('fork').Pool(1)"
        other(
            small,
            f"with {pool} as pool:\n    return pool.map(company_api.users, ['{server.url}/a'])[0]",
            above="import multiprocessing, company_api",
        )
        made = outcome(small, BESIDE)
    finally:
        server.stop()
    assert "a fetch in a process that the model has started" in str(made.error)
    assert server.asked == []


def company_api(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Install a package that fetches."""
    (folder / "elsewhere").mkdir()
    text = "def users(url):\n    from fftcas.http import get_df\n    return get_df(url)\n"
    (folder / "elsewhere/company_api.py").write_text(text)
    monkeypatch.syspath_prepend(str(folder / "elsewhere"))


def test_workers_are_reused_and_no_more_than_jobs(small: Small) -> None:
    names = [f"m{i}" for i in range(5)]
    for name in names:
        other(small, f"return pd.DataFrame({{'{name}': [1], 'pid': os.getpid()}})", name=name)
    all_done = f"len(list(pathlib.Path().glob('done_*'))) == {len(names)}"
    small.python(a_holds=HOLD.format(seconds=60).replace("pathlib.Path('let_go').exists()", all_done))
    small.build(options=BuildOptions(jobs=3))
    pids = small.sql(" union ".join(f"select pid from w.{name}" for name in names))
    assert len(pids) <= 2
    assert (os.getpid(),) not in pids


def test_without_a_worker_all_runs_here(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(small.root / "no_python"))
    for name in ("b", "c"):
        other(small, "return pd.DataFrame({'pid': [os.getpid()]})", name=name)
    small.build(options=BESIDE)
    assert small.sql("select pid from w.b union select pid from w.c") == [(os.getpid(),)]


def build_command(small: Small, jobs: int) -> tuple[list[str], dict[str, str]]:
    """A build in a process of its own, and its environment."""
    more = {"PYTHONPATH": os.pathsep.join(map(str, IMPORTED)), "FFTCAS_STORE": str(small.folder / "store")}
    command = [sys.executable, "-m", "fftcas", "build", "-C", str(small.root), "-e", "dev", "--jobs", str(jobs)]
    return command, {**os.environ, **more}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_their_build(small: Small, how: signal.Signals) -> None:
    small.python(a_holds=HOLD.format(seconds=90))
    other(small, "pathlib.Path('pid').write_text(str(os.getpid()) + '.')\nimport time; time.sleep(90)\nreturn frame")
    command, environment = build_command(small, 2)
    told = small.root / "pid"
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as build:
        wait_for(lambda: told.exists() and told.read_text().endswith("."))
        worker = int(told.read_text()[:-1])
        assert alive(worker)
        build.send_signal(how)
        _, err = build.communicate(timeout=60)
    wait_for(lambda: not alive(worker))
    assert build.returncode == (130 if how is signal.SIGINT else -signal.SIGKILL)
    assert "Traceback" not in err


def wait_for(what: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not what():
        assert time.monotonic() < until
        time.sleep(0.02)


def alive(process: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().split()[2]
    except OSError:
        return False
