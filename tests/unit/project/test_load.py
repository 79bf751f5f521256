"""Loading a whole project."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import error, load, sql, write

from fftcas.errors import ProjectError, UsageError
from fftcas.project.load import load_project

DEMO = {
    "project.yml": "name: demo\nversion: 1\n",
    "sources.yml": "version: 2\nsources:\n- name: crm\n  tables:\n"
    "  - {name: users, identifier: seed_users}\n  - {name: far}\n",
    "seeds/seed_users.csv": "id\n1\n",
    "models/staging/stg_users.ff.sql": "select * from {{ source('crm', 'users') }}",
    "models/marts/mart.ff.sql": "select * from {{ ref('stg_users') }}, {{ ref('seed_users') }}, "
    "{{ source('crm', 'far') }}",
}


def test_a_source_that_is_a_seed_is_an_edge_to_the_seed(tmp_path: Path) -> None:
    project = load(tmp_path, DEMO)
    assert {label.text: [i.text for i in inputs] for label, inputs in project.graph.inputs.items()} == {
        "//seeds:seed_users": [],
        "@crm//:far": [],
        "//staging:stg_users": ["//seeds:seed_users"],
        "//marts:mart": ["//staging:stg_users", "//seeds:seed_users", "@crm//:far"],
    }
    assert {name: label.text for name, label in project.sources.items()} == {
        "crm.users": "//seeds:seed_users",
        "crm.far": "@crm//:far",
    }


def test_a_source_in_another_schema_is_not_the_seed(tmp_path: Path) -> None:
    sources = DEMO["sources.yml"].replace("- name: crm", "- name: crm\n  schema: raw")
    assert "@crm//:users" in [n.text for n in load(tmp_path, {**DEMO, "sources.yml": sources}).nodes]
    env = {"FF_DUCKDB_SCHEMA": "raw"}
    assert "@crm//:users" not in [n.text for n in load(tmp_path, {}, env).nodes]


def test_a_source_in_this_very_database_is_the_seed_whatever_the_profile_calls_it(tmp_path: Path) -> None:
    sources = DEMO["sources.yml"].replace("- name: crm", "- name: crm\n  database: Shop\n  schema: main")
    profiles = "dev: {engine: duckdb, duckdb: {path: shop.v2.duckdb, catalog: other}}\n"
    files = {**DEMO, "sources.yml": sources, "profiles.yml": profiles}
    assert load(tmp_path, files).sources["crm.users"].text == "//seeds:seed_users"


@pytest.mark.parametrize("name", ["//staging:stg_users", "stg_users", "stg_users.ff"])
def test_find(tmp_path: Path, name: str) -> None:
    assert load(tmp_path, DEMO).find(name).label.text == "//staging:stg_users"


def test_find_follows_a_source_to_its_seed(tmp_path: Path) -> None:
    assert load(tmp_path, DEMO).find("@crm//:users").label.text == "//seeds:seed_users"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("//staging:stg_user", "there is no node //staging:stg_user\n  hint: did you mean '//staging:stg_users'?"),
        ("stg_usr", "there is no node 'stg_usr'\n  hint: did you mean //staging:stg_users?"),
        ("//../x", "label '//../x:x' has"),
    ],
)
def test_unknown_names(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, DEMO).find(name)
    assert str(caught.value).startswith(message[:30])


def test_the_profile_and_ff_variables_are_shared_ingredients(tmp_path: Path) -> None:
    project = load(tmp_path, DEMO, {"FF_X": "1", "FF_DUCKDB_PATH": "x.db", "FF_MY_TOKEN": "s", "OTHER": "2"})
    assert project.context == {"env": {"FF_X": "1"}, "epoch": 0, "profile": "dev"}
    assert project.environ["FF_ENGINE"] == "duckdb"
    shared = load(tmp_path, {"project.yml": "name: d\nversion: 1\ncache: {profile: false, epoch: 2}\n"})
    assert shared.context == {"env": {}, "epoch": 2}


def test_the_profile_comes_from_the_environment(tmp_path: Path) -> None:
    profiles = {"profiles.yml": "here: {engine: duckdb, duckdb: {path: ':memory:'}}\n"}
    assert load(tmp_path, profiles, {"FFT_ACTIVE_ENV": "here"}).profile.name == "here"
    assert error(tmp_path, {}).startswith("unknown profile 'dev'")


def test_moving_and_renaming_leave_recipes_alone(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for root in (one, other):
        root.mkdir()
    before = load(one, DEMO)
    files = {path.replace("staging/stg_users", "base/users"): text for path, text in DEMO.items()}
    files["models/marts/mart.ff.sql"] = files["models/marts/mart.ff.sql"].replace("stg_users", "users")
    after = load(other, files, {"FF_DUCKDB_SCHEMA": "s"})
    assert sql(before, "//marts:mart").recipe == sql(after, "//marts:mart").recipe
    assert sql(before, "//staging:stg_users").recipe == sql(after, "//base:users").recipe


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"models/a/x.sql": "select 1", "models/b/x.ff.sql": "select 1"},
            "two models are called 'x'\n  at models/b/x.ff.sql\n  one is made by models/a/x.sql",
        ),
        (
            {"models/x.sql": "select 1", "seeds/x.csv": "a\n1\n"},
            "two nodes make the same relation",
        ),
        (
            {"models/x.sql": "select 1", "models/X.sql": "select 1"},
            "two nodes make the same relation",
        ),
        (
            {"models/a b.sql": "select 1"},
            "label '//:a b' has a character that is not allowed: ' '\n  at models/a b.sql",
        ),
        ({"models/é/x.sql": "select 1"}, "label '//é:x' has a character that is not allowed: 'é'"),
        ({"models/x.sql": "select 1; select 2"}, "a model is one statement"),
        ({"models/x.sql": "from {{ ref('x') }}"}, "the models form a cycle: //:x → //:x"),
    ],
)
def test_mistakes(tmp_path: Path, files: dict[str, str], message: str) -> None:
    assert error(tmp_path, files).startswith(message)


def test_a_directory_that_is_no_project(tmp_path: Path) -> None:
    for root, message in ((tmp_path, "is not a project"), (tmp_path / "x", "there is no directory")):
        with pytest.raises(ProjectError, match=message) as caught:
            load_project(root, None, environ={}, cwd=tmp_path, cli_vars={})
        assert "a project is a directory" in str(caught.value)
    write(tmp_path, {"models/x.sql": "", "profiles.yml": "", "seeds/deep/s.csv": ""})
    with pytest.raises(ProjectError, match=f"hint: the one above is named with -C {tmp_path}"):
        load_project(tmp_path / "seeds/deep", None, environ={}, cwd=tmp_path, cli_vars={})


def test_tests_and_freshness_have_no_effect_and_a_warning(tmp_path: Path) -> None:
    schema = "models:\n  # tests: none\n  - {name: x, tests: []}\n  - name: y\n    tests:\n    - unique\n"
    sources = "sources:\n- {name: a, freshness: null}\n- {name: b, freshness: {warn_after: {count: 1}}}\n"
    files = {"models/m/schema.yml": schema, "models/m/z.yml": schema, "sources.yml": sources}
    assert load(tmp_path, files).warnings == (
        "sources.yml:3: 'freshness' has no effect in this version: nobody looks how old a source is",
        "models/m/schema.yml:5: 'tests' has no effect in this version: these data tests are not run",
    )


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models/x.sql").write_bytes(b"select 1\n\xff")
    assert error(tmp_path, {}).startswith("models/x.sql is not UTF-8 text\n  at models/x.sql:2")


@pytest.mark.parametrize("link", ["models/x.sql", "models/x.py", "models/sub"])
def test_a_link_that_leads_outside_is_refused(tmp_path: Path, link: str) -> None:
    root = tmp_path / "project"
    write(tmp_path, {"outside/x.sql": "select 1"})
    (root / "models").mkdir(parents=True)
    target = tmp_path / "outside" / ("" if link.endswith("sub") else "x.sql")
    (root / link).symlink_to(target)
    assert error(root, {}).startswith(f"{link} leads outside the project")
