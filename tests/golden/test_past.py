"""`log`, `show`, `diff`, `restore`: outputs of the past, straight from the store."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from shop import Shop

from fftcas.store import Store

Golden = Callable[[str, str], None]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def aged(shop: Shop, capsys: Capture) -> Shop:
    """A shop with a past of two runs: after the first one a seed, a view and a model were edited."""
    assert shop.run("build", "-q", "--rebuild") == 0
    shop.edit("seeds/users.csv", "3,Cid,SE,cid@x.org\n", "3,Cid,DK,cid@x.org\n4,Dan,NO,\n")
    shop.edit("models/staging/stg_orders.sql", "user_id, amount", "user_id, amount * 2 as amount")
    shop.edit("models/marts/titles.sql", "as title", "as heading")
    assert shop.run("build", "-q") == 0
    capsys.readouterr()
    return shop


def runs(shop: Shop, capsys: Capture, label: str) -> list[str]:
    assert shop.run("log", label) == 0
    return [line.split()[1] for line in capsys.readouterr().out.splitlines() if line[0] in "●○"]


def test_log(aged: Shop, golden: Golden, capsys: Capture) -> None:
    for label in ("//seeds:users", "//marts:spend", "//staging:stg_orders"):
        assert aged.run("log", label) == 0
        golden(f"past/log_{label.rpartition(':')[2]}", capsys.readouterr().out)
    assert aged.run("log", "-v", "-n", "1", "users") == 0
    assert "output" in capsys.readouterr().out


def test_show(aged: Shop, golden: Golden, capsys: Capture, tmp_path: Path) -> None:
    first = runs(aged, capsys, "users")[-1]
    assert aged.run("show", "users") == 0
    golden("past/show_now", capsys.readouterr().out)
    assert aged.run("show", f"users@{first}", "-n", "2") == 0
    golden("past/show_then", capsys.readouterr().out)
    assert aged.run("show", "users", "-f", "json") == 0
    assert json.loads(capsys.readouterr().out)[3] == {"id": 4, "name": "Dan", "country": "NO", "email": None}
    assert aged.run("show", f"users@{first}", "-f", "csv") == 0
    assert len(list(csv.reader(io.StringIO(capsys.readouterr().out)))) == 4
    for form in ("parquet", "arrow"):
        assert aged.run("show", "users", "-f", form, "-o", str(tmp_path / form)) == 0
    assert duckdb.read_parquet(str(tmp_path / "parquet")).fetchall()[3][1] == "Dan"
    assert aged.run("show", "users", "-o", str(tmp_path / "users.parquet")) == 0
    assert duckdb.read_parquet(str(tmp_path / "users.parquet")).fetchall()[3][1] == "Dan"
    assert aged.run("show", "users", "-o", str(tmp_path)) == 2
    assert "Is a directory" in capsys.readouterr().err
    with pa.OSFile(str(tmp_path / "arrow")) as file:
        assert pa.ipc.open_stream(file).read_all().num_rows == 4


def test_show_json_is_json(shop: Shop, capsys: Capture) -> None:
    shop.write(
        "models/marts/odd.sql",
        """select 'nan'::double as a, ['-inf'::float, 1.5] as b, {'c': 'inf'::double} as c, '"NaN", -Infinity .5' as d,
        1.10::decimal(5,2) as e, 12345678901234567890.123456789::decimal(38,9) as f, -0.5::decimal(20,20) as g
        """,
    )
    assert shop.run("build", "-q", "odd") == 0
    capsys.readouterr()
    assert shop.run("show", "odd", "-f", "json") == 0
    (row,) = json.loads(capsys.readouterr().out, parse_float=Decimal, parse_constant=pytest.fail)
    assert row == {
        "a": "NaN",
        "b": ["-Infinity", Decimal("1.5")],
        "c": {"c": "Infinity"},
        "d": '"NaN", -Infinity .5',
        "e": Decimal("1.10"),
        "f": Decimal("12345678901234567890.123456789"),
        "g": Decimal("-0.5"),
    }


def test_show_what_is_not_there(aged: Shop, capsys: Capture) -> None:
    for text, words in {
        "stg_orders": "//staging:stg_orders is a view",
        "users@20190101": "'20190101' is no run",
        "usrs": "there is no node 'usrs'",
        "names@": "",
    }.items():
        assert aged.run("show", text) == (2 if words else 0)
        assert words in capsys.readouterr().err
    assert aged.run("show", "users", "-o", str(aged.root / "nowhere/users.csv")) == 2
    assert "cannot write" in capsys.readouterr().err
    aged.sql("update shop.users set name = 'hand'")
    assert aged.run("diff", "users@last") == 2
    assert "//seeds:users holds something else than a build has left there" in capsys.readouterr().err
    assert aged.run("clean") == 0
    capsys.readouterr()
    assert aged.run("log", "users") == 0
    assert capsys.readouterr().out == "no run is known here that built //seeds:users\n"


def test_show_by_digest_needs_no_database(aged: Shop, capsys: Capture) -> None:
    assert aged.run("log", "-v", "users") == 0
    lines = capsys.readouterr().out.splitlines()
    digests = [line.split()[1] for line in lines if line.strip().startswith("output")]
    (aged.root / "data.duckdb").unlink()
    assert aged.run("show", f"users@{digests[-1][:12]}", "-f", "json") == 0
    assert len(json.loads(capsys.readouterr().out)) == 3


def test_diff(aged: Shop, golden: Golden, capsys: Capture) -> None:
    first = runs(aged, capsys, "users")[-1]
    assert aged.run("diff", f"users@{first}", "users") == 0
    golden("past/diff_by_key", capsys.readouterr().out)
    assert aged.run("diff", f"users@{first}", "--md") == 0
    golden("past/diff_markdown", capsys.readouterr().out)
    assert aged.run("diff", f"titles@{first}", "@last") == 0
    golden("past/diff_columns", capsys.readouterr().out)
    assert aged.run("diff", "names", "names@last") == 0
    assert "they are the same, byte for byte" in capsys.readouterr().out
    assert aged.run("diff", "users", "--key", "ident") == 2
    assert "//seeds:users has no column 'ident'" in capsys.readouterr().err


def test_diff_without_a_key(shop: Shop, golden: Golden, capsys: Capture) -> None:
    shop.write("models/marts/letters.sql", "select unnest(['a', 'a', 'b']) as letter\n")
    assert shop.run("build", "-q", "letters") == 0
    shop.edit("models/marts/letters.sql", "'a', 'a', 'b'", "'b', 'c', 'c', 'a'")
    assert shop.run("build", "-q", "letters") == 0
    first = runs(shop, capsys, "letters")[-1]
    assert shop.run("diff", f"letters@{first}") == 0
    golden("past/diff_as_multisets", capsys.readouterr().out)


def contents(shop: Shop) -> dict[str, list[tuple[object, ...]]]:
    names = ("users", "orders", "stg_users", "stg_orders", "spend", "titles", "names", "stock")
    return {name: sorted(shop.sql(f"SELECT * FROM shop.{name}")) for name in names}


def test_restore_puts_the_whole_database_back(shop: Shop, golden: Golden, capsys: Capture) -> None:
    assert shop.run("build", "-q", "--rebuild") == 0
    then = contents(shop)
    first = runs(shop, capsys, "users")[0]
    shop.edit("seeds/users.csv", "Cid", "Sid")
    shop.edit("models/staging/stg_orders.sql", "user_id, amount", "user_id, amount * 2 as amount")
    assert shop.run("build", "-q") == 0
    assert shop.run("build", "-q", "names") == 0  # a run that knows of few nodes only
    assert contents(shop) != then
    capsys.readouterr()
    assert shop.run("restore", "--run", first) == 0
    golden("past/restore", capsys.readouterr().out)
    assert contents(shop) == then
    assert shop.run("restore", "--run", "last") == 0
    assert "0 restored" not in capsys.readouterr().out
    now = contents(shop)
    assert shop.run("build", "-q") == 0
    assert contents(shop) != now
    results = json.loads((shop.root / ".fftcas/target/run_results.json").read_text())
    assert results["summary"]["built"] == 0
    with Store.open(shop.store) as store:
        for made in store.history(str(shop.root), "//seeds:orders"):
            store.disown(made.derivation)
    shop.sql("drop table shop.orders")
    capsys.readouterr()
    assert shop.run("restore", "--run", first) == 1
    assert f"the database is as run {first} left it, but for what is lost: " in capsys.readouterr().out


def test_restore_by_commit(shop: Shop, capsys: Capture) -> None:
    (shop.folder / ".gitignore").write_text("store/\n*.duckdb\n.fftcas/\n")

    def commit() -> None:
        for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "x"]):
            identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
            subprocess.run(["git", "-C", str(shop.folder), *identity, *arguments], check=True)

    commit()
    assert shop.run("build", "-q", "--rebuild") == 0
    then = contents(shop)
    shop.edit("seeds/users.csv", "Cid", "Sid")
    assert shop.run("build", "-q") == 0  # of what is not committed yet
    commit()
    assert shop.run("build", "-q") == 0
    assert shop.run("restore", "--git", "HEAD~1") == 0
    assert contents(shop) == then
    capsys.readouterr()
    assert shop.run("show", "users@HEAD", "-f", "json") == 0
    shown = capsys.readouterr()
    assert "Sid" in shown.out
    assert not shown.err
    assert shop.run("log", "users") == 0
    newest, oldest = (line.split()[4] for line in capsys.readouterr().out.splitlines() if line[0] in "●○")
    assert newest == f"{oldest}+"
    shop.edit("seeds/users.csv", "Sid", "Tid")
    commit()
    shop.edit("seeds/users.csv", "Tid", "Wid")
    assert shop.run("build", "-q") == 0
    assert shop.run("show", "users@HEAD", "-f", "json") == 0
    shown = capsys.readouterr()
    assert "Wid" in shown.out
    assert "warning: HEAD means run" in shown.err
    assert "had been edited: no run is known of them as they were committed" in shown.err
    for arguments, words in {
        (): "restore needs a run or a commit\n",
        ("--run", "last", "--git", "HEAD"): "restore needs a run or a commit, and not both",
        ("--run", ""): "this project has no run ''",
        ("--git", "elsewhere"): "git knows no commit 'elsewhere'",
    }.items():
        assert shop.run("restore", *arguments) == 2
        assert words in capsys.readouterr().err
