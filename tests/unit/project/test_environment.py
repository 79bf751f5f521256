"""The .env layers, secrets, and the variables in every key."""

from __future__ import annotations

from pathlib import Path

import pytest

from fftcas.errors import ProjectError, UsageError
from fftcas.project.environment import is_secret, key_variables, load_environment
from fftcas.project.settings import CacheSettings


def test_later_files_beat_earlier_ones_and_the_shell_beats_all(tmp_path: Path) -> None:
    root, cwd = tmp_path / "project", tmp_path / "cwd"
    root.mkdir()
    cwd.mkdir()
    layers = [cwd / ".env", root / ".env", root / ".env.local", root / ".env.dev", root / ".env.dev.local"]
    for i, file in enumerate(layers):
        file.write_text("".join(f"L{j}={i}\n" for j in range(i, 6)))
    (root / ".env.prod").write_text("L0=prod\n")
    environ = {"L5": "shell", "OTHER": "x"}
    assert load_environment(root, "dev", cwd, environ) == {
        **{f"L{i}": str(i) for i in range(5)},
        "L5": "shell",
        "OTHER": "x",
    }
    assert environ == {"L5": "shell", "OTHER": "x"}


def test_quotes_comments_and_interpolation(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "\ufeff# a comment\nexport A='x y' # more\nB=\"${HOME}/${A}/${NONE:-d}\"\nEMPTY=\nFLAG\n", encoding="utf-8"
    )
    assert load_environment(tmp_path, "", tmp_path, {"HOME": "/h"}) == {
        "HOME": "/h",
        "A": "x y",
        "B": "/h/x y/d",
        "EMPTY": "",
    }


def test_a_virtual_environment_called_env_is_no_file(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    assert load_environment(tmp_path, "dev", tmp_path, {}) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            b"A=1\nB='hunter2\n",
            "cannot parse .env.dev\n  at .env.dev:2\n  hint: lines look like NAME=value or # comment",
        ),
        (b"A=1\nB=\xff\n", ".env.dev is not UTF-8 text\n  at .env.dev:2\n  hint: save it as UTF-8"),
        (b"A=1\nB=x\0y\n", "cannot parse .env.dev\n  at .env.dev:2\n  hint: lines look like NAME=value or # comment"),
    ],
)
def test_broken_files(tmp_path: Path, text: bytes, message: str) -> None:
    (tmp_path / ".env.dev").write_bytes(text)
    with pytest.raises(ProjectError) as error:
        load_environment(tmp_path, "dev", tmp_path, {})
    assert str(error.value) == message


def test_a_path_is_no_profile_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a profile name"):
        load_environment(tmp_path, "../x", tmp_path, {})


def test_secrets() -> None:
    names = [
        "FF_PG_DSN",
        "DSN",
        "FF_SF_PASSWORD",
        "GITHUB_TOKEN",
        "aws_secret_access_key",
        "FF_API_KEY",
        "MY_CREDENTIALS",
        "DB_PWD",
        "pwd",
    ]
    assert [name for name in names if not is_secret(name)] == []
    plain = ["FF_DEMO_TOGGLE", "FF_KEYBOARD", "PATH", "FF_DEMO_API_URL", "PWD", "OLDPWD"]
    assert [name for name in plain if is_secret(name)] == []


ENVIRON = {
    "FF_DEMO_TOGGLE": "1",
    "FF_DEMO_API_URL": "http://x",
    "FF_ENGINE": "duckdb",
    "FF_ENGINE_VARIANT": "pandas",
    "FF_DUCKDB_PATH": "/x",
    "FF_PG_SCHEMA": "s",
    "FF_HTTP_TIMEOUT": "3",
    "FF_SPK_MAX_BYTES": "1",
    "FF_CI_CHANGED_MODELS": "a",
    "FF_MY_MAX_BYTES": "7",
    "FF_API_KEY": "k",
    "FFT_SEEDS_DIR": "x",
    "TZ": "UTC",
}


@pytest.mark.parametrize(
    ("cache", "names"),
    [
        (CacheSettings(), ["FF_DEMO_API_URL", "FF_DEMO_TOGGLE", "FF_ENGINE_VARIANT"]),
        (CacheSettings(env_declared=True), []),
        (CacheSettings(env_exclude=("FF_DEMO_*",)), ["FF_ENGINE_VARIANT"]),
        (
            CacheSettings(env_include=("FF_HTTP_*", "FF_API_KEY", "TZ"), env_exclude=("FF_[DE]*",)),
            ["FF_API_KEY", "FF_HTTP_TIMEOUT", "TZ"],
        ),
        (
            CacheSettings(env_include=("*",), env_exclude=("FF_[DEHM]*", "FF_CI_*")),
            ["FF_PG_SCHEMA", "FF_SPK_MAX_BYTES"],
        ),
    ],
)
def test_key_variables(cache: CacheSettings, names: list[str]) -> None:
    assert key_variables(ENVIRON, cache) == {name: ENVIRON[name] for name in names}
