"""What `why-rebuild` says for every cause there is: each made by a real edit, read through the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from shop import Shop

from fftcas.project import python_installed

Edit = Callable[[Shop], "list[str] | None"]
EDITS: dict[str, Edit] = {}


def case(edit: Edit) -> Edit:
    """An edit, with its name as the golden file's; it may return arguments for the command."""
    EDITS[edit.__name__] = edit
    return edit


@case
def nothing(shop: Shop) -> None:
    pass


@case
def comment_only(shop: Shop) -> None:
    shop.edit("models/staging/stg_users.sql", "select\n", "-- who they are\nSELECT\n")


@case
def one_node_fresh(shop: Shop) -> list[str]:
    return ["//marts:spend"]


@case
def seed_cell(shop: Shop) -> list[str]:
    shop.edit("seeds/users.csv", "Bob", "Bobby")
    return ["//marts:spend"]


@case
def seed_rows_added_and_removed(shop: Shop) -> None:
    shop.edit("seeds/orders.csv", "12,1,2.5,\n", "13,3,40,\n14,3,41,\n15,3,42,\n16,3,43,\n17,2,1,\n")


@case
def seed_column_added(shop: Shop) -> None:
    shop.write("seeds/orders.csv", "id,user_id,amount,note,rate\n10,1,12.5,,1\n11,2,8,gift,1\n12,1,2.5,,2\n")


@case
def seed_column_nobody_reads(shop: Shop) -> None:
    shop.edit("seeds/users.csv", "cid@x.org", "cid@y.org")


@case
def seed_type(shop: Shop) -> None:
    shop.write("seeds/schema.yml", "columns:\n  orders:\n    amount: decimal(10,2)\n")


@case
def seed_rewritten_with_the_same_rows(shop: Shop) -> None:
    shop.edit("seeds/users.csv", "Bob", '"Bob"')


@case
def seed_rows_in_another_order(shop: Shop) -> None:
    shop.edit("seeds/orders.csv", "10,1,12.5,\n11,2,8,gift\n", "11,2,8,gift\n10,1,12.5,\n")


@case
def seed_unreadable(shop: Shop) -> None:
    shop.edit("seeds/orders.csv", "11,2,8,gift", "11,2,8,gift,and,more")


@case
def sql_edited(shop: Shop) -> None:
    shop.edit("models/staging/stg_users.sql", "id as user_id", "id + 1 as user_id")


@case
def macro_edited(shop: Shop) -> None:
    shop.edit("models/macros/text.sql", "lower(", "upper(")


@case
def macro_that_a_macro_uses(shop: Shop) -> None:
    shop.edit("models/macros/text.sql", "trim({{ x }})", "ltrim({{ x }})")


@case
def python_macro(shop: Shop) -> None:
    shop.edit("models/macros_py/prices.py", "* 100", "* 1000")


@case
def var_of_sql(shop: Shop) -> list[str]:
    return ["--vars", "minimum=3"]


@case
def var_of_python(shop: Shop) -> None:
    shop.edit("project.yml", "hello", "hi")


@case
def env_of_all(shop: Shop) -> None:
    os.environ["FF_REGION"] = "eu"


@case
def env_of_one(shop: Shop) -> None:
    os.environ["SHOP_TITLE"] = "Market"


@case
def secret_rotated(shop: Shop) -> None:
    os.environ["FF_API_TOKEN"] = "hush"


@case
def python_constant(shop: Shop) -> None:
    shop.edit("models/python/names.py", "'!'", "'?'")


@case
def python_helper(shop: Shop) -> None:
    shop.edit("helpers.py", "text.upper()", "text.title()")


@case
def python_docstring(shop: Shop) -> None:
    shop.edit("helpers.py", '"""Helpers."""', '"""What helps."""')


@case
def python_new_import(shop: Shop) -> None:
    shop.write("lib.py", "X = 1\n")
    shop.edit("models/python/names.py", "import pandas as pd\n", "import lib\nimport pandas as pd\n")


@case
def other_profile(shop: Shop) -> list[str]:
    assert shop.run("build", "-q", "--rebuild", "//marts:spend") == 0  # this copy has no past of its own yet
    return ["-e", "prod", "//marts:spend"]


@case
def epoch(shop: Shop) -> None:
    shop.write("project.yml", "name: shop\nvars: {minimum: 0, greeting: hello}\ncache: {epoch: 7}\n")


@case
def database_removed(shop: Shop) -> list[str]:
    (shop.root / "data.duckdb").unlink()
    return ["//...", "-//marts:stock"]


@case
def table_dropped(shop: Shop) -> None:
    shop.sql("DROP TABLE shop.spend")


@case
def output_lost(shop: Shop) -> list[str]:
    assert shop.run("build", "-q", "--rebuild", "//marts:spend") == 0  # this copy has no past of its own yet
    shop.sql("DROP TABLE shop.spend")
    for blobs in (shop.store / "blobs").iterdir():
        blobs.unlink()
    return ["//marts:spend"]


@case
def source_changed(shop: Shop) -> None:
    shop.sql("INSERT INTO erp.stock VALUES ('b2', 7)")


@case
def source_missing(shop: Shop) -> None:
    shop.sql("DROP TABLE erp.stock")


@case
def new_model(shop: Shop) -> None:
    shop.write("models/marts/count.sql", "select count(*) as users from {{ ref('stg_users') }}\n")


@case
def rebuild_asked_for(shop: Shop) -> list[str]:
    return ["--rebuild", "//marts:spend"]


@case
def cache_off(shop: Shop) -> list[str]:
    return ["--cache", "off", "//marts:spend"]


@case
def cache_false(shop: Shop) -> None:
    shop.edit("models/marts/titles.sql", "select country", "{{ config(cache=false) }}\nselect country")


@case
def table_made_a_view(shop: Shop) -> None:
    shop.edit("models/marts/titles.sql", "select country", "{{ config(materialized='view') }}\nselect country")


@case
def view_edited(shop: Shop) -> None:
    shop.edit("models/staging/stg_orders.sql", "user_id, amount", "user_id, amount * 2 as amount")


@case
def ephemeral_edited(shop: Shop) -> None:
    shop.edit("models/marts/big_orders.sql", ">= 5", ">= 6")


@case
def reads_another_table(shop: Shop) -> None:
    shop.edit("models/marts/spend.sql", "ref('stg_users')", "ref('names')")
    shop.edit("models/marts/spend.sql", "u.user_id", "length(u.name)")


@case
def upstream_renamed(shop: Shop) -> None:
    (shop.root / "models/staging/stg_users.sql").rename(shop.root / "models/staging/people.sql")
    for path in ("models/marts/spend.sql", "models/marts/titles.sql", "models/python/names.py"):
        shop.edit(path, "'stg_users'", "'people'")


@case
def upstream_was_built_alone(shop: Shop) -> list[str]:
    shop.edit("seeds/users.csv", "Ann", "Anna")
    assert shop.run("build", "-q", "//staging:stg_users") == 0
    return ["//marts:spend"]


@case
def edited_and_edited_back(shop: Shop) -> None:
    shop.edit("models/marts/titles.sql", "country,", "lower(country) as country,")
    assert shop.run("build", "-q") == 0
    shop.edit("models/marts/titles.sql", "lower(country) as country,", "country,")


@case
def macro_variable_and_seed_together(shop: Shop) -> None:
    shop.edit("models/macros/text.sql", "lower(", "upper(")
    shop.edit("seeds/users.csv", "Bob", "Bobby")
    os.environ["FF_REGION"] = "eu"


@case
def keys_are_told_with_v(shop: Shop) -> list[str]:
    shop.edit("models/marts/titles.sql", "country,", "upper(country) as country,")
    return ["-v"]


@pytest.mark.parametrize("name", EDITS)
def test_why_rebuild(
    name: str,
    shop: Shop,
    golden: Callable[[str, str], None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "environ", os.environ.copy())
    arguments = EDITS[name](shop) or []
    before = (shop.root / "data.duckdb").stat().st_mtime_ns if (shop.root / "data.duckdb").exists() else None
    capsys.readouterr()
    assert shop.run("why-rebuild", *arguments) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert [line for line in printed.out.splitlines() if len(line) > 80] == []
    assert "hush" not in printed.out
    after = (shop.root / "data.duckdb").stat().st_mtime_ns if (shop.root / "data.duckdb").exists() else None
    assert before == after
    golden(f"why/{name}", printed.out)


def test_a_package_of_another_version(
    shop: Shop,
    tmp_path: Path,
    golden: Callable[[str, str], None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = tmp_path / "site"
    monkeypatch.syspath_prepend(str(site))

    def install(version: str) -> None:
        python_installed.installed.cache_clear()
        for old in site.glob("tinydist-*"):
            (old / "METADATA").unlink()
            old.rmdir()
        info = site / f"tinydist-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tinydist\nVersion: {version}\n")
        (site / "tinydist.py").write_text("")

    install("1.0")
    shop.edit("models/python/names.py", "import pandas as pd\n", "import pandas as pd\nimport tinydist\n")
    assert shop.run("build", "-q", "//python:names") == 0
    install("1.1")
    capsys.readouterr()
    assert shop.run("why-rebuild", "//python:names") == 0
    golden("why/package_version", capsys.readouterr().out)
    python_installed.installed.cache_clear()


def test_a_past_run(shop: Shop, golden: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]) -> None:
    assert shop.run("build", "-q", "--rebuild") == 0  # this copy has no past of its own yet
    shop.edit("seeds/users.csv", "Bob", "Bobby")
    assert shop.run("build", "-q") == 0
    capsys.readouterr()
    assert shop.run("why-rebuild", "--run", "last") == 0
    golden("why/past_run", capsys.readouterr().out)
    assert shop.run("why-rebuild", "--run", "2019") == 2
    assert "has no run '2019'" in capsys.readouterr().err
    assert shop.run("why-rebuild", "--run", "last", "//seeds:orders", "//staging:stg_orders") == 0
    assert capsys.readouterr().out == "that run did not build any of 2 nodes\n"


def test_since_a_commit(shop: Shop, golden: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]) -> None:
    commit(shop.folder)  # the project is a subdirectory of the repository
    shop.edit("models/macros/text.sql", "lower(", "upper(")
    shop.edit("seeds/orders.csv", "gift", "none")
    capsys.readouterr()
    assert shop.run("why-rebuild", "--since", "HEAD") == 0
    golden("why/since_a_commit", capsys.readouterr().out)
    assert shop.run("why-rebuild", "--since", "no-such-branch") == 2
    assert "git knows no commit 'no-such-branch'" in capsys.readouterr().err


def test_json(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.edit("seeds/users.csv", "Bob", "Bobby")
    capsys.readouterr()
    assert shop.run("why-rebuild", "--json", "//marts:spend") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["metadata"]["schema"] == 1
    (root,) = document["roots"]
    assert (root["kind"], root["nodes"]) == ("seed", ["//seeds:users"])
    assert root["rows"]["changed_samples"] == [{"key": {"id": "2"}, "cells": {"name": ["Bob", "Bobby"]}}]
    nodes = {node["label"]: node for node in document["nodes"]}
    assert nodes["//seeds:users"]["verdict"] == "build"
    assert nodes["//marts:spend"]["waits_for"] == ["//staging:stg_users"]


def test_in_a_process_of_its_own(shop: Shop) -> None:
    command = [sys.executable, "-m", "fftcas", "why-rebuild", "-C", str(shop.root)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "COLUMNS": "40"}, check=True)
    assert done.stdout == "all 8 nodes are fresh: a build would do nothing\n"


def test_a_dry_run_says_the_same_and_does_nothing(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.edit("seeds/users.csv", "Bob", "Bobby")
    capsys.readouterr()
    assert shop.run("why-rebuild") == 0
    said = capsys.readouterr().out
    before = (shop.root / "data.duckdb").read_bytes()
    assert shop.run("build", "--dry-run") == 0
    assert capsys.readouterr().out == said
    assert (shop.root / "data.duckdb").read_bytes() == before


def test_lines_of_a_build_carry_their_reasons(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.edit("seeds/users.csv", "Bob", "Bobby")
    shop.edit("models/macros_py/prices.py", "* 100", "* 1000")
    shop.edit("helpers.py", "text.upper()", "text.title()")
    capsys.readouterr()
    assert shop.run("build") == 0
    lines = capsys.readouterr().out.splitlines()
    reasons = {line.split()[1]: line for line in lines if line.startswith("built")}
    assert reasons["//seeds:users"].endswith("  1 row changed (name)")
    assert reasons["//staging:stg_users"].endswith("  //seeds:users 1 row changed (name)")
    assert "helpers.py: shout()" in reasons["//python:names"]
    results = json.loads((shop.root / ".fftcas/target/run_results.json").read_text())["results"]
    (spend,) = (result for result in results if result["label"] == "//marts:spend")
    assert spend["reason"] == "macro cents changed, //staging:stg_users 1 row changed (name)"
    shop.write("profiles.yml", "dev: {engine: duckdb}\n")
    assert shop.run("seed") == 0
    assert "\nthe database was in memory, and is gone" in capsys.readouterr().out


def commit(folder: Path) -> None:
    """A repository with one commit of the shop."""
    (folder / ".gitignore").write_text("store/\n*.duckdb\n.fftcas/\n")
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "first"]):
        subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True)
