"""The pages in a real browser: they load without a complaint, search finds, click opens, the theme toggles."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fftcas.build.options import BuildOptions
from fftcas.build.run import build
from fftcas.project.load import load_project
from fftcas.project.project import Project
from fftcas.report.artifacts import leave_artifacts
from fftcas.report.page import View, page
from fftcas.report.page_data import page_data
from fftcas.store import Store

if TYPE_CHECKING:
    from playwright.sync_api import Page

EVIL = "</script><script>alert(1)</script><b>{{ 7 * 7 }}"
MODELS = {
    "staging/stg_orders.ff.sql": "select 1 as id, '<i>x</i>' as name -- </script><script>alert(2)</script>",
    "marts/mart_orders.ff.sql": "{{ config(tags=['nightly']) }}\nselect count(*) as n from {{ ref('stg_orders') }}",
    "marts/broken.ff.sql": "select nothing from {{ ref('mart_orders') }}",
}


def write_project(root: Path, models: Mapping[str, str]) -> Project:
    for name, text in models.items():
        path = root / "models" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "project.yml").write_text(json.dumps({"name": EVIL}))
    (root / "profiles.yml").write_text(f"dev:\n  engine: duckdb\n  duckdb:\n    path: {root / 'x.duckdb'}\n")
    return load_project(root, None, environ={}, cwd=root, cli_vars={})


def write_page(project: Project, store: Store, view: View) -> str:
    path = project.root / f"{view}.html"
    path.write_text(page(page_data(project, store, list(project.graph), 5), view), "utf-8")
    return path.as_uri()


@pytest.fixture
def built(tmp_path: Path) -> Mapping[View, str]:
    """The addresses of both pages of a project that was built, in which one node failed."""
    project = write_project(tmp_path / "project", MODELS)
    with Store.open(tmp_path / "store") as store:
        run = build(project, list(project.graph), store, BuildOptions(keep_going=True))
        leave_artifacts(project, store, run, "build")
        return {"graph": write_page(project, store, "graph"), "run": write_page(project, store, "run")}


def test_whatever_is_named_like_html_stays_text(tab: Page, built: Mapping[View, str]) -> None:
    tab.goto(built["graph"])
    assert tab.inner_text("#project") == EVIL
    assert tab.title() == f"{EVIL} · fftcas"
    assert tab.locator("script").count() == 2  # the data and the program
    tab.click("#list >> text=stg_orders")
    assert "<i>x</i>" in tab.inner_text("#node")
    assert "</script><script>alert(2)</script>" in tab.inner_text("#node pre")
    assert tab.locator("#node i, #node b").count() == 0


def test_a_click_opens_a_node(tab: Page, built: Mapping[View, str], screenshots: Path) -> None:
    tab.goto(built["graph"])
    assert tab.locator(".box").count() == 3
    assert tab.locator(".edge").count() == 2
    assert tab.locator("#node").is_hidden()
    tab.click(".box:has-text('mart_orders')")
    panel = tab.inner_text("#node")
    for words in (
        "//marts:mart_orders",
        "built",
        "why",
        "nightly",
        "ref('stg_orders')",
        "//staging:stg_orders",
        "BIGINT",
    ):
        assert words in panel
    tab.screenshot(path=screenshots / "node.png")
    tab.click("#node >> text=rendered")
    assert "from //staging:stg_orders" in tab.inner_text("#node pre")
    tab.click('#node .links >> text="//marts:broken"')
    assert "Binder Error" in tab.inner_text("#node .error")
    tab.keyboard.press("Escape")
    assert tab.locator("#node").is_hidden()


def test_search_finds_and_filters_narrow(tab: Page, built: Mapping[View, str]) -> None:
    tab.goto(built["graph"])
    tab.keyboard.press("/")
    tab.keyboard.type("MART_ord")
    assert tab.inner_text("#count") == "2 of 3 nodes"  # it, and the model whose code names it
    assert tab.locator(".box.dim").count() == 1
    tab.keyboard.press("Enter")
    assert tab.inner_text("#node h2") == "mart_orders"
    tab.keyboard.press("/")
    tab.keyboard.press("Escape")
    assert tab.inner_text("#count") == "3 nodes"
    tab.select_option("#filter-tag", "nightly")
    assert tab.locator("#list button:visible").all_inner_texts() == ["mart_orders\nSQL"]
    tab.select_option("#filter-tag", "")
    tab.click("#legend >> text=failed")
    assert tab.inner_text("#count") == "1 of 3 nodes"


def test_the_keyboard_alone(tab: Page, built: Mapping[View, str]) -> None:
    tab.goto(built["graph"])
    tab.focus("#canvas")
    names = []
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "ArrowLeft"):
        tab.keyboard.press(key)
        names.append(tab.inner_text("#node h2"))
    assert names == ["stg_orders", "mart_orders", "broken", "mart_orders"]
    tab.keyboard.press("?")
    assert tab.locator("#help").is_visible()
    tab.keyboard.press("Escape")
    tab.keyboard.press("r")
    assert tab.locator("#run").is_visible()


def test_the_theme_toggles_and_stays(tab: Page, built: Mapping[View, str]) -> None:
    tab.goto(built["graph"])
    colour = "getComputedStyle(document.body).backgroundColor"
    light = tab.evaluate(colour)
    tab.click("#theme")
    dark = tab.evaluate(colour)
    assert dark != light
    tab.reload()
    assert tab.evaluate(colour) == dark
    tab.keyboard.press("t")
    assert tab.evaluate(colour) == light


def test_a_link_to_a_node(tab: Page, built: Mapping[View, str]) -> None:
    tab.goto(built["graph"] + "#//marts:broken")
    assert tab.inner_text("#node h2") == "broken"


def test_the_last_run(tab: Page, built: Mapping[View, str], screenshots: Path) -> None:
    tab.goto(built["run"])
    text = tab.inner_text("#run")
    for words in (
        "ended with exit code 1",
        "2 built",
        "1 failed",
        "Binder Error",
        "critical path",
        "What took longest",
    ):
        assert words in text
    assert tab.locator(".lane button").count() == 3
    tab.screenshot(path=screenshots / "run.png")
    tab.click(".lane button >> nth=0")
    assert tab.inner_text("#node h2") == "stg_orders"


def test_no_run_yet_and_no_nodes_at_all(tab: Page, tmp_path: Path) -> None:
    (tmp_path / "project" / "models").mkdir(parents=True)
    project = write_project(tmp_path / "project", {})
    with Store.open(tmp_path / "store") as store:
        tab.goto(write_page(project, store, "run"))
        assert "No run yet" in tab.inner_text("#run")
        assert "fftcas build" in tab.inner_text("#run")
        tab.click("#tab-graph")
        assert "no nodes yet" in tab.inner_text("#graph")


def test_a_thousand_nodes(tab: Page, tmp_path: Path, screenshots: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = {f"l{i // 100}/m{i:04}.sql": f"select {i} as id" for i in range(100)}
    for i in range(100, 1000):
        above = [(i * 7 + k * 13) % 100 + i // 100 * 100 - 100 for k in range(3)]
        models[f"l{i // 100}/m{i:04}.sql"] = "select id from " + ", ".join(
            f"{{{{ ref('m{a:04}') }}}} t{a}" for a in above
        )
    project = write_project(tmp_path / "project", models)
    with Store.open(tmp_path / "store") as store:
        tab.goto(write_page(project, store, "graph"))
    assert tab.locator(".box").count() == 1000
    drawn = tab.evaluate("Number(document.documentElement.dataset.drawn)")
    edges = tab.locator(".edge").count()
    with capsys.disabled():
        print(f"\n1,000 nodes and {edges:,} edges were there {drawn} ms after the page was asked for")
    tab.screenshot(path=screenshots / "thousand.png")
    tab.fill("#search", "m0777")
    tab.press("#search", "Enter")
    assert tab.inner_text("#node h2") == "m0777"
    assert tab.locator(".box.selected").is_visible()
