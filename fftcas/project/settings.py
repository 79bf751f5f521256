"""`project.yml`: FFT's keys and ours."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fftcas.errors import ProjectError
from fftcas.project.yamlfile import Section, plain, read_yaml

FILE = "project.yml"

TOP = {"name", "version", "models_dir", "vars", "models", "seeds", "docs", "hooks", "tests", "cache", "remote"}
STORAGE = {"path", "format", "options"}
INCREMENTAL = {
    *("incremental", "unique_key", "primary_key", "updated_at", "updated_at_column", "updated_at_columns"),
    *("timestamp_columns", "delta_sql", "delta_config", "delta_python", "schema_sync"),
}
HOOKS = {"on_run_start", "on_run_end", "before_model", "after_model"}
HOOK = {"name", "kind", "sql", "callable", "select", "params", "engines", "envs"}


@dataclass(frozen=True)
class CacheSettings:
    """What else belongs to every derivation key. `env_*` choose among the `FF_*` variables (globs)."""

    profile: bool = True
    epoch: int = 0
    env_declared: bool = False
    env_include: tuple[str, ...] = ()
    env_exclude: tuple[str, ...] = ()
    portable: bool = False
    undeclared: str = "warn"


@dataclass(frozen=True)
class RemoteSettings:
    """The remote that the project shares; `trust` names the public keys whose claims are believed.

    Where `url` is empty, the rest counts for whatever remote the command or the environment names.
    """

    url: str = field(default="", repr=False)  # may carry credentials
    mode: str = "rw"
    trust: tuple[str, ...] = ()
    namespace: str | None = None


@dataclass(frozen=True)
class Settings:
    """A project's settings; `warnings` say what of the file this version does not act on."""

    name: str
    version: str = ""
    vars: Mapping[str, Any] = field(default_factory=dict)
    cache: CacheSettings = CacheSettings()
    load_columns: bool = False
    dag_dir: str = "site/dag"
    remote: RemoteSettings | None = None
    warnings: tuple[str, ...] = ()


def read_settings(root: Path) -> Settings:
    """The settings in `project.yml`, or the defaults without one. Raises ProjectError."""
    file = read_yaml(root / FILE, FILE) or Section(FILE)
    file.known(TOP)
    seeds = file.section("seeds")
    seeds.known({"load_columns", "storage"})
    return Settings(
        name=file.text("name") or root.resolve().name or "project",
        version=_version(file),
        vars=plain(file.section("vars").values),
        cache=_cache(file.section("cache")),
        load_columns=seeds.flag("load_columns", False),
        dag_dir=file.section("docs").text("dag_dir") or "site/dag",
        remote=_remote(file.section("remote"), root) if "remote" in file else None,
        warnings=tuple(_warnings(file)),
    )


def _version(file: Section) -> str:
    value = file.any("version")
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise file.wrong("version", "text or a number")
    return str(value)


def _cache(cache: Section) -> CacheSettings:
    cache.known({"profile", "epoch", "env", "portable", "undeclared"})
    declared = cache.any("env") == "declared"
    if isinstance(cache.any("env"), str) and not declared:
        raise ProjectError(
            "'cache.env' must be 'declared', or a mapping with 'include' and 'exclude'", where=cache.where("env")
        )
    env = Section(cache.path) if declared else cache.section("env")
    env.known({"include", "exclude"})
    return CacheSettings(
        profile=cache.flag("profile", True),
        epoch=cache.integer("epoch", 0),
        env_declared=declared,
        env_include=env.texts("include"),
        env_exclude=env.texts("exclude"),
        portable=cache.flag("portable", False),
        undeclared=cache.choice("undeclared", ("warn", "error"), "warn"),
    )


def _remote(remote: Section, root: Path) -> RemoteSettings:
    remote.known({"url", "mode", "trust", "namespace"})
    url = remote.required("url") if "url" in remote.values else ""
    if url and "://" not in url:
        url = str(root / os.path.expanduser(url))  # noqa: PTH111 (of nobody)
    return RemoteSettings(
        url=url,
        mode=remote.choice("mode", ("off", "ro", "rw", "required"), "rw"),
        trust=remote.texts("trust"),
        namespace=remote.text("namespace"),
    )


def _warnings(file: Section) -> Iterator[str]:
    """Check the names in FFT's sections that are not acted on, and say so once for each."""
    if file.text("models_dir") not in (None, "models"):
        yield _warning(file, "models_dir", "models are read from 'models/', as FFT does")
    models = file.section("models")
    models.known({"storage", "incremental"})
    for section, key, keys in (
        (models, "incremental", INCREMENTAL),
        (models, "storage", STORAGE),
        (file.section("seeds"), "storage", STORAGE),
    ):
        if section.section(key).values:
            for name in section.section(key):
                section.section(key).section(name).known(keys)
            done = "models are built in full" if key == "incremental" else "tables stay where the engine puts them"
            yield _warning(section, key, done)
    docs = file.section("docs")
    docs.known({"dag_dir", "include_rendered_sql", "models"})
    hooks = file.section("hooks")
    hooks.known(HOOKS)
    if hooks.values:
        for event in hooks:
            for hook in hooks.sections(event):
                hook.known(HOOK)
        yield _warning(file, "hooks", "hooks are not run")
    if file.sections("tests"):
        yield _warning(file, "tests", "these data tests are not run")


def _warning(section: Section, key: str, instead: str) -> str:
    name = f"{section.name}.{key}" if section.name else key
    return f"{section.where(key)}: '{name}' has no effect in this version: {instead}"
