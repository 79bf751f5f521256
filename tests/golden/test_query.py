"""`query` and `ls`: the language, its errors, and what can be asked about the past."""

from __future__ import annotations

import json
import subprocess

import pytest
from shop import Shop

ANSWERS = {
    "//seeds:users": "users",
    ". - //seeds/... - //marts/...": "stg_orders stg_users names",
    "deps(names)": "users stg_users names",
    "deps(spend, 1)": "stg_users big_orders spend",
    "deps(//marts:spend, 0)": "spend",
    "rdeps(//..., users, 1)": "users stg_users",
    "rdeps(deps(titles), users)": "users stg_users titles",
    "somepath(spend, users)": "users stg_users spend",
    "somepath(users, spend)": "",
    "allpaths(spend, orders)": "orders stg_orders big_orders spend",
    "kind(seed|python, //...)": "orders users names",
    "kind(see, //...)": "",
    "attr(type, view, //...)": "stg_orders",
    "filter('st[go]', //...)": "stock stg_orders stg_users",
    "some(kind(seed, //...))": "orders",
    "//marts/... - //marts:spend": "stock big_orders titles",
    "//marts/... except spend ^ //marts/...": "stock big_orders titles",
    "//seeds:all union (//python/... intersect names)": "orders users names",
    '"+names" - users': "stg_users names",
    "users-x + users": "error",
    "source:erp": "stock",
    "source:shop.users + source:shop": "users",
    "stale()": "",
    "cached(//marts:all)": "stock titles spend",
    "state:modified": "",
    "(" * 100 + "users" + ")" * 100 + " - (users)" * 200 + " + names": "names",
    " + ".join(["users"] * 3000): "users",
    "result:built ^ //marts/...": "stock titles spend",
}

ERRORS = {
    "": ("expected a pattern, a function or '(', found the end", 1),
    "deps(//...": ("expected an operator, ',' or ')', found the end", 11),
    "deps(users,)": ("expected a pattern, a function or '(', found ')'", 12),
    "users names": ("expected an operator (+ - ^) or the end, found 'names'", 7),
    "(users": ("expected an operator or ')', found the end", 7),
    "users + ": ("expected a pattern, a function or '(', found the end", 9),
    "users & names": ("'&' is not part of the language", 7),
    "filter('a, //...)": ("the quote is never closed", 8),
    "filter('(', //...)": ("not a regular expression: missing ), unterminated subpattern", 8),
    "dep(users)": ("there is no function 'dep'; did you mean 'deps'", 1),
    "deps()": ("it is written deps(x[, depth])", 1),
    "deps(users, names)": ("expected a number, found 'names'", 13),
    "deps(users, deps(names))": ("expected a word here", 13),
    "attr(colour, red, //...)": ("nodes have no 'colour'", 6),
    "names + usrs": ("there is no node 'usrs'", 9),
    "(" * 2000: ("more than 100 brackets stand within each other", 101),
    "deps(" * 2000: ("more than 100 brackets stand within each other", 505),
    "deps(,": ("expected a pattern, a function or '(', found ','", 6),
    "union": ("expected a pattern, a function or '(', found 'union'", 1),
}


@pytest.mark.parametrize("expression", ANSWERS)
def test_answers(expression: str, shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    code = shop.run("query", "-o", "name", expression)
    printed = capsys.readouterr()
    if ANSWERS[expression] == "error":
        assert code == 2
        assert "there is no node 'users-x'" in printed.err
    else:
        assert printed.out.split() == ANSWERS[expression].split()


@pytest.mark.parametrize("expression", ERRORS)
def test_errors_show_the_place(expression: str, shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    what, position = ERRORS[expression]
    assert shop.run("query", expression) == 2
    printed = capsys.readouterr().err
    assert f"at position {position}: {what}" in printed
    assert printed.rstrip("\n").splitlines()[-1].index("^") == position + 1


def test_drawings(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert shop.run("query", "deps(spend)", "-o", "tree") == 0
    assert capsys.readouterr().out.splitlines() == [
        "//marts:spend",
        "├─ //staging:stg_users",
        "│  └─ //seeds:users",
        "└─ //marts:big_orders",
        "   └─ //staging:stg_orders",
        "      └─ //seeds:orders",
    ]
    assert shop.run("query", "deps(names, 1)", "-o", "dot") == 0
    assert '  "//staging:stg_users" -> "//python:names";' in capsys.readouterr().out
    assert shop.run("ls", "names", "-o", "json") == 0
    (node,) = json.loads(capsys.readouterr().out)
    assert (node["kind"], node["inputs"]) == ("python", ["//staging:stg_users"])


def names(shop: Shop, capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    capsys.readouterr()
    assert shop.run("ls", "-o", "name", *arguments) == 0
    return capsys.readouterr().out.split()


def test_states(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert names(shop, capsys, "state:modified") == []
    shop.edit("models/macros/text.sql", "lower(", "upper(")
    shop.write("models/marts/count.sql", "select count(*) as users from {{ ref('stg_users') }}\n")
    assert names(shop, capsys, "state:modified") == ["stg_users", "count"]
    assert names(shop, capsys, "state:new") == ["count"]
    assert names(shop, capsys, "state:modified+", "--exclude", "kind:python") == [
        *("stg_users", "count", "titles", "spend"),
    ]
    assert names(shop, capsys, "//marts/...", "-state:modified+") == ["stock", "big_orders"]


def test_what_is_excluded_in_vain_is_told(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert (
            shop.run("ls", "-o", "name", "path:./models/staging/", "--exclude", "tag:slow", "--exclude", "//marts/...")
            == 0
        )
        printed = capsys.readouterr()
        assert printed.out.split() == ["stg_orders", "stg_users"]
        assert printed.err == "warning: --exclude: 'tag:slow' matches no node\n"
    assert shop.run("ls", "--exclude", "spnd") == 2


@pytest.mark.parametrize(
    ("pattern", "hint"),
    {
        "marts": "//marts/... means all below that folder",
        "models/marts/spend.sql": "path:models/marts/spend.sql means what lies there",
        "./models/staging/": "path:models/staging means what lies there",
        "../elsewhere": "patterns mean nodes; -C names a project",
        "/else/where": "patterns mean nodes; -C names a project",
    }.items(),
)
def test_what_looks_like_a_folder_has_a_hint(
    pattern: str, hint: str, shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shop.run("ls", pattern) == 2
    assert f"there is no node '{pattern}'\n  hint: {hint}\n" in capsys.readouterr().err


def test_results(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert names(shop, capsys, "result:error") == []
    shop.edit("models/marts/titles.sql", "select country", "select nothing")
    assert shop.run("build", "-q", "--keep-going") == 1
    assert names(shop, capsys, "result:error") == ["titles"]
    assert names(shop, capsys, "1+result:fail") == ["stg_users", "titles"]
    assert shop.run("ls", "result:eror") == 2
    assert "did you mean 'error'?" in capsys.readouterr().err


def test_changed_since_a_commit_in_a_subdirectory(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    (shop.folder / ".gitignore").write_text("store/\n*.duckdb\n.fftcas/\n")
    shop.write("data/goals.csv", "goal\n1\n")
    shop.write("models/marts/goals.sql", "from read_csv('./data/*.csv')")
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "first"]):
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", "-C", str(shop.folder), *identity, *arguments], check=True)
    assert names(shop, capsys, "--changed-since", "HEAD") == []
    shop.edit("seeds/users.csv", "Bob", "Bobby")  # not committed, and no model
    shop.write(
        "models/marts/count.sql", "select count(*) as orders from {{ ref('orders') }}\n"
    )  # not even known to git
    assert names(shop, capsys, "changed:HEAD") == ["users", "count"]
    assert names(shop, capsys, "--changed-since", "HEAD") == [
        *("users", "count", "stg_users", "titles", "names", "spend"),
    ]
    assert names(shop, capsys, "--changed-since", "HEAD", "//marts/...") == ["count", "titles", "spend"]
    shop.write("data/goals.csv", "goal\n2\n")
    assert names(shop, capsys, "changed:HEAD") == ["goals", "users", "count"]
    assert shop.run("build", "-q", "--changed-since", "HEAD") == 0
    assert names(shop, capsys, "state:new") == []
