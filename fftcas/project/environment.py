"""Environment variables: the `.env` layers, which of them are secrets, and which are part of every derivation key."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from fftcas.errors import Location, ProjectError, UsageError
from fftcas.project.settings import CacheSettings
from fftcas.project.yamlfile import read_text

NOT_IN_KEYS = (
    # an ingredient of its own
    "FF_ENGINE",
    # where to connect
    *("FF_DUCKDB_*", "FF_PG_*", "FF_BQ_*", "FF_DBR_*", "FF_SPARK_*", "FF_SPK_*", "FF_SF_*", "FF_ARTIFACTS_*"),
    # how to fetch, how much it may cost, what to select
    *("FF_HTTP_*", "FF_*_MAX_BYTES", "FF_CI_*"),
)
"""The `FF_*` variables, besides secrets, that say nothing about what a model computes."""

SECRETS = (
    *("*PASSWORD*", "*PASSWD*", "*PASSPHRASE*", "*TOKEN*", "*SECRET*", "*CREDENTIAL*", "*APIKEY*"),
    *("*_KEY", "*_DSN", "*_PWD", "*_PASS", "*_AUTH", "*_AUTHORIZATION", "*_CONNECTION_STRING"),
)

SHORTEST_SECRET = 6
"""Letters of a secret that is looked for in texts, at least: shorter ones stand in too many innocent ones."""

DIRECTORIES = ("PWD", "OLDPWD")
"""The shell's own variables, in which PWD is no password."""


def load_environment(root: Path, profile_name: str, cwd: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` and, below it, the `.env` files: a later file beats an earlier one, the process beats them all.

    Raises ProjectError for a file that cannot be read or parsed, UsageError for a profile name that is none.
    """
    if Path(profile_name).name != profile_name:
        raise UsageError(f"'{profile_name}' is not a profile name")
    profile_files = (f".env.{profile_name}", f".env.{profile_name}.local") if profile_name else ()
    values: dict[str, str] = {}
    for file in (cwd / ".env", *(root / name for name in (".env", ".env.local", *profile_files))):
        if not file.is_dir():  # a virtual environment may be called `.env`
            values |= _read(file, str(file.relative_to(root) if file.is_relative_to(root) else file), environ)
    return values | dict(environ)


def _read(file: Path, path: str, environ: Mapping[str, str]) -> dict[str, str]:
    text = read_text(file, path)
    if not text:
        return {}
    from dotenv.parser import parse_stream
    from dotenv.variables import parse_variables

    values: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(text)):
        # Errors show the line's number only: its text may hold a secret.
        where = Location(path, binding.original.line)
        if binding.error or "\0" in binding.original.string:
            raise ProjectError(f"cannot parse {path}", where=where, hint="lines look like NAME=value or # comment")
        if binding.key and binding.value is not None:
            known = {**environ, **values}
            values[binding.key] = "".join(atom.resolve(known) for atom in parse_variables(binding.value))
    return values


def is_secret(name: str) -> bool:
    """Whether a variable of this name holds what must not be shown, stored or hashed."""
    return name not in DIRECTORIES and _matches(f"_{name.upper()}", SECRETS)


def key_variables(environ: Mapping[str, str], cache: CacheSettings) -> dict[str, str]:
    """The variables that are part of every derivation key, sorted by name.

    `include` beats the list above and `exclude` beats both. A secret, or a variable that is not called `FF_*`, is
    only included by its full name: a glob must not sweep it into a shared store by accident.
    """
    if cache.env_declared:
        return {}

    def chosen(name: str) -> bool:
        if _matches(name, cache.env_exclude):
            return False
        if name in cache.env_include:
            return True
        if not name.startswith("FF_") or is_secret(name):
            return False
        return _matches(name, cache.env_include) or not _matches(name, NOT_IN_KEYS)

    return {name: environ[name] for name in sorted(environ) if chosen(name)}


def _matches(name: str, globs: Iterable[str]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)
