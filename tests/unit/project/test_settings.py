"""project.yml."""

from __future__ import annotations

from pathlib import Path

import pytest

from fftcas.errors import ProjectError
from fftcas.project.settings import CacheSettings, RemoteSettings, Settings, read_settings


def read(root: Path, text: str) -> Settings:
    (root / "project.yml").write_text(text)
    return read_settings(root)


def test_a_project_needs_no_file(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    root.mkdir()
    assert read_settings(root) == Settings(name="shop")


def test_all_of_ours(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        """
name: shop
version: 1.0
vars: {day: 2024-01-31, limits: {low: 1}}
cache: {profile: false, epoch: 2, env: {include: FF_HTTP_X, exclude: [FF_A, FF_B*]}, portable: true, undeclared: error}
seeds: {load_columns: true}
remote: {url: /mnt/cache, mode: ro, trust: [main], namespace: ci}
""",
    )
    assert settings == Settings(
        name="shop",
        version="1.0",
        vars={"day": "2024-01-31", "limits": {"low": 1}},
        cache=CacheSettings(False, 2, False, ("FF_HTTP_X",), ("FF_A", "FF_B*"), True, "error"),
        load_columns=True,
        remote=RemoteSettings("/mnt/cache", "ro", ("main",), "ci"),
    )
    assert "/mnt/cache" not in repr(settings)


def test_declared_environment(tmp_path: Path) -> None:
    assert read(tmp_path, "cache: {env: declared}").cache == CacheSettings(env_declared=True)


def test_what_is_not_acted_on_gives_one_warning_each(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        """name: shop
models_dir: sql
models:
  storage: {a: {path: x, format: delta}}
  incremental: {a.ff: {unique_key: id}, b: {incremental: true}}
seeds: {storage: {s: {path: y}}}
hooks: {on_run_start: [{name: x, kind: sql, sql: select 1}]}
docs: {dag_dir: site/dag}
tests: [{type: not_null, table: a, column: id}]
""",
    )
    assert settings.warnings == (
        "project.yml:2: 'models_dir' has no effect in this version: models are read from 'models/', as FFT does",
        "project.yml:5: 'models.incremental' has no effect in this version: models are built in full",
        "project.yml:4: 'models.storage' has no effect in this version: tables stay where the engine puts them",
        "project.yml:6: 'seeds.storage' has no effect in this version: tables stay where the engine puts them",
        "project.yml:7: 'hooks' has no effect in this version: hooks are not run",
        "project.yml:9: 'tests' has no effect in this version: these data tests are not run",
    )


def test_empty_sections_give_no_warnings(tmp_path: Path) -> None:
    assert read(tmp_path, "name: x\nmodels: {incremental: {}}\nhooks:\ntests: []\nmodels_dir: models\n").warnings == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: x\nvarz: {}", "unknown key 'varz'\n  at project.yml:2\n  hint: did you mean 'vars'?"),
        ("name: 1", "'name' must be text, not a number\n  at project.yml:1"),
        ("version: [1]", "'version' must be text or a number, not a list\n  at project.yml:1"),
        ("vars: [1]", "'vars' must be a mapping, not a list\n  at project.yml:1"),
        ("cache:\n  epoch: one", "'cache.epoch' must be a whole number, not text\n  at project.yml:2"),
        ("cache: {profil: 1}", "unknown key 'profil' in cache\n  at project.yml:1\n  hint: did you mean 'profile'?"),
        (
            "cache: {env: all}",
            "'cache.env' must be 'declared', or a mapping with 'include' and 'exclude'\n  at project.yml:1",
        ),
        (
            "cache: {env: {only: x}}",
            "unknown key 'only' in cache.env\n  at project.yml:1\n  hint: known keys: exclude, include",
        ),
        (
            "cache: {undeclared: eror}",
            "'cache.undeclared' must be one of warn, error\n  at project.yml:1\n  hint: did you mean 'error'?",
        ),
        ("remote: {url: , mode: ro}", "remote has no 'url'\n  at project.yml:1"),
        (
            "remote: {url: x, mode: requird}",
            "'remote.mode' must be one of off, ro, rw, required\n  at project.yml:1\n  hint: did you mean 'required'?",
        ),
        ("seeds: {storag: {}}", "unknown key 'storag' in seeds\n  at project.yml:1\n  hint: did you mean 'storage'?"),
        (
            "models: {incremental: {a: {uniq_key: 1}}}",
            "unknown key 'uniq_key' in models.incremental.a\n  at project.yml:1\n  hint: did you mean 'unique_key'?",
        ),
        (
            "hooks:\n  on_rn_end: []",
            "unknown key 'on_rn_end' in hooks\n  at project.yml:2\n  hint: did you mean 'on_run_end'?",
        ),
        (
            "hooks:\n  before_model:\n  - sqll: x",
            "unknown key 'sqll' in hooks.before_model[0]\n  at project.yml:3\n  hint: did you mean 'sql'?",
        ),
        ("docs: {dagdir: x}", "unknown key 'dagdir' in docs\n  at project.yml:1\n  hint: did you mean 'dag_dir'?"),
        ("tests: {a: 1}", "'tests' must be a list of mappings, not a mapping\n  at project.yml:1"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ProjectError) as error:
        read(tmp_path, text)
    assert str(error.value) == message
