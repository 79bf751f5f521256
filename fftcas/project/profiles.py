"""`profiles.yml`: which engine a profile uses, and how it is reached."""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fftcas.errors import Location, ProjectError, closest
from fftcas.project.yamlfile import Section, parse_yaml, read_text

FILE = "profiles.yml"
BOOLEANS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


SYSTEM = frozenset({"information_schema", "pg_catalog"})
"""Schemas of DuckDB in which nobody can make a table."""


@dataclass(frozen=True)
class Profile:
    """A named way to reach a database. `options` hold what the engine's section says, with defaults.

    `where` is what names the database: a line of the file, or an environment variable.
    """

    name: str
    engine: str
    options: Mapping[str, Any] = field(repr=False)  # may hold secrets
    where: Location | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Option:
    """A key of an engine's section; `variable` is the environment variable that beats it."""

    variable: str | None = None
    default: str | bool | None = None
    required: bool = False
    kind: type = str


ENGINES: Mapping[str, Mapping[str, Option]] = {
    "duckdb": {
        "path": Option("FF_DUCKDB_PATH", ":memory:"),
        "schema": Option("FF_DUCKDB_SCHEMA"),
        "catalog": Option("FF_DUCKDB_CATALOG"),
    },
    "postgres": {
        "dsn": Option("FF_PG_DSN", required=True),
        "schema": Option("FF_PG_SCHEMA", "public"),
    },
    "bigquery": {
        "project": Option("FF_BQ_PROJECT", required=True),
        "dataset": Option("FF_BQ_DATASET", required=True),
        "location": Option("FF_BQ_LOCATION"),
        "use_bigframes": Option("FF_BQ_USE_BIGFRAMES", True, kind=bool),
        "allow_create_dataset": Option("FF_BQ_ALLOW_CREATE_DATASET", False, kind=bool),
    },
    "databricks_spark": {
        "master": Option("FF_DBR_MASTER", "local[*]"),
        "app_name": Option("FF_DBR_APPNAME", "fftcas"),
        "extra_conf": Option(kind=dict),
        "warehouse_dir": Option("FF_DBR_WAREHOUSE_DIR"),
        "use_hive_metastore": Option("FF_DBR_ENABLE_HIVE", False, kind=bool),
        "catalog": Option(),
        "database": Option("FF_DBR_DATABASE"),
        "table_format": Option("FF_DBR_TABLE_FORMAT", "parquet"),
        "table_options": Option(kind=dict),
    },
    "snowflake_snowpark": {
        "account": Option("FF_SF_ACCOUNT", required=True),
        "user": Option("FF_SF_USER", required=True),
        "password": Option("FF_SF_PASSWORD", required=True),
        "warehouse": Option("FF_SF_WAREHOUSE", required=True),
        "database": Option("FF_SF_DATABASE", required=True),
        "schema": Option("FF_SF_SCHEMA", required=True),
        "role": Option("FF_SF_ROLE"),
        "allow_create_schema": Option("FF_SF_ALLOW_CREATE_SCHEMA", False, kind=bool),
    },
}


def read_profile(root: Path, name: str, environ: Mapping[str, str]) -> Profile:
    """The profile called `name`, else the one called `default`. Raises ProjectError.

    Without a file, or with an empty one: a DuckDB database in memory. Relative DuckDB paths start at the project.
    """
    root = root.absolute()
    source = read_text(root / FILE, FILE) or ""
    file = _parse(source, _render(source, root, environ))
    profile = _choose(file, name)
    engine = _engine(profile, environ)
    section = profile.section(engine)
    options = dict(_options(section, engine, environ))
    where = section.where("path") if "path" in section else section.where()
    if engine == "duckdb":
        _refuse_system(options, section)
        options["path"] = _database(str(options["path"]), root, environ)
        where = Location("FF_DUCKDB_PATH") if environ.get("FF_DUCKDB_PATH") else where
    return Profile(name, engine, options, where)


def _choose(file: Section, name: str) -> Section:
    if not file.values:
        return Section(FILE)
    for candidate in (name, "default"):
        if candidate in file:
            return file.section(candidate)
    if name in file.values:
        hint = f"it needs `engine:`, one of {', '.join(ENGINES)}"
        raise ProjectError(f"profile '{name}' is empty", where=file.where(name), hint=hint)
    raise ProjectError(
        f"unknown profile '{name}'",
        where=Location(FILE),
        why=f"known profiles: {', '.join(sorted(file))}",
        hint=closest(name, file),
    )


def _engine(profile: Section, environ: Mapping[str, str]) -> str:
    """The profile's engine; checks that the profile has that engine's section and no other."""
    engine = "duckdb"
    if profile.values:
        profile.known({"engine", "artifacts", *ENGINES})
        _refuse_missing(profile, "engine")
        engine = profile.required("engine")
        if engine not in ENGINES:
            raise ProjectError(
                f"unknown engine '{engine}'",
                where=profile.where("engine"),
                hint=closest(engine, ENGINES) or f"engines: {', '.join(ENGINES)}",
            )
        profile.known({"engine", engine, "artifacts"})
    wanted = environ.get("FF_ENGINE") or engine
    if wanted.lower() != engine:
        raise ProjectError(
            f"the environment says FF_ENGINE={wanted}, and the profile's engine is {engine}",
            where=profile.where("engine"),
            hint=f"choose a profile for {wanted} with --env, or unset FF_ENGINE",
        )
    return engine


def _options(section: Section, engine: str, environ: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    known = ENGINES[engine]
    alias = {"db_schema": "schema"} if "schema" in known else {}
    section.known({*known, *alias})
    for key, option in known.items():
        names = [name for name in (key, *(a for a, name in alias.items() if name == key)) if name in section]
        if len(names) > 1:
            raise ProjectError(f"{section.name} has both '{names[0]}' and '{names[1]}'", where=section.where(names[1]))
        variable = environ.get(option.variable) if option.variable else None
        if variable:
            value: Any = variable if option.kind is str else _flag(str(option.variable), variable)
        else:
            value = _value(section, names[0], option) if names else None
        if value is None:
            value = option.default
        if value is None and option.required:
            raise ProjectError(
                f"{section.name or engine} has no '{key}'",
                where=section.where(),
                hint=f"write it there, or set {option.variable}",
            )
        if value is not None:
            yield key, value


def _value(section: Section, key: str, option: Option) -> Any:
    """The value in the file; None if it is empty, as `env('X', '')` leaves it."""
    _refuse_missing(section, key)
    if option.kind is dict:
        return dict(section.section(key).values)
    if option.kind is bool:
        value = section.any(key)
        if isinstance(value, str):
            if value.lower() not in BOOLEANS:
                raise section.wrong(key, "true or false")
            return BOOLEANS[value.lower()]
        return section.flag(key, False)
    text = section.text(key) or None
    if text and "\0" in text:
        raise ProjectError(f"'{section.name}.{key}' has a NUL character", where=section.where(key))
    return text


def _flag(name: str, value: str) -> bool:
    if value.lower() not in BOOLEANS:
        raise ProjectError(f"the environment variable {name} must be true or false")
    return BOOLEANS[value.lower()]


def _refuse_system(options: Mapping[str, Any], section: Section) -> None:
    schema = str(options.get("schema"))
    if schema.lower() in SYSTEM:
        where = section.where("schema" if "schema" in section else "db_schema")
        raise ProjectError(f"the schema '{schema}' is DuckDB's own", where=where, hint="name another one")


def _database(path: str, root: Path, environ: Mapping[str, str]) -> str:
    if path.startswith((":memory:", "md:", "motherduck:")) or "://" in path:
        return path
    if path.startswith("~/") and environ.get("HOME"):
        return str(Path(environ["HOME"]) / path[2:])
    return str(root / path)


def duckdb_file(options: Mapping[str, Any]) -> str:
    """Where a DuckDB database is: of a link, what it leads to; `:memory:` for one in memory.

    Of a link, DuckDB 2 takes the database's name and the place of its log from there, and DuckDB 1 from the link.
    """
    path = str(options.get("path") or ":memory:")
    return os.path.realpath(path) if Path(path).is_absolute() else path


def duckdb_name(options: Mapping[str, Any]) -> str:
    """What DuckDB calls the database: the file's name up to the first dot, but for dots that it begins with."""
    path = duckdb_file(options)
    file = "memory" if path.startswith(":memory:") else Path(path).name
    found = re.search(r"[^.?]+", file)
    name = found[0] if found else file
    return f"{name}_db" if name.lower() in {"main", "system", "temp"} else name


# Rendering. FFT renders the whole file, so a variable that is missing only matters in the profile that is used: until
# then a marker stands for its value.

_MARKER = re.compile(r"_fftcas_missing_([0-9a-f]*)_")


def _render(source: str, root: Path, environ: Mapping[str, str]) -> str:
    if "{{" not in source and "{%" not in source and "{#" not in source:
        return source
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Missing(jinja2.StrictUndefined):
        """An unset variable: `default()` works on it, it can be written, any other use is an error."""

        __slots__ = ()

        def __str__(self) -> str:  # type: ignore[override]
            return f"_fftcas_missing_{str(self._undefined_name).encode().hex()}_"

    def env(name: str, default: str | None = None) -> Any:
        missing = Missing(hint=f"the environment variable '{name}' is not set", name=name)
        return environ.get(name, missing if default is None else default)

    def project_dir() -> str:
        return str(root)

    jinja = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    jinja.globals = {"env": env, "project_dir": project_dir}
    try:
        return jinja.from_string(source).render()
    except jinja2.TemplateSyntaxError as error:
        where = Location(FILE, error.lineno)
        raise ProjectError(f"{FILE} is not a valid template", where=where, why=error.message) from None
    except Exception as error:  # an expression may raise anything
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<template>"]
        raise ProjectError(
            f"cannot render {FILE}",
            where=Location(FILE, lines[-1] if lines else None),
            why=str(error).rpartition("<locals>.")[2],
            hint="only env('NAME', 'default') and project_dir() are known here",
        ) from None


def _parse(source: str, rendered: str) -> Section:
    try:
        return parse_yaml(rendered, FILE)
    except ProjectError as error:
        lines = source.splitlines()
        line = error.where.line if error.where and error.where.line else 0
        if not (0 < line <= len(lines) and "{{" in lines[line - 1]):
            raise
        # The reason may quote the variable's value, which may be a secret.
        hint = "put quotes around the value: \"{{ env('NAME') }}\""
        raise ProjectError(error.what, where=error.where, hint=hint) from None


def _refuse_missing(section: Section, key: str) -> None:
    """Raise for a value that a missing environment variable should have given."""
    if missing := _MARKER.search(str(section.any(key))):
        name = bytes.fromhex(missing[1]).decode()
        raise ProjectError(
            f"the environment variable '{name}' is not set",
            where=section.where(key),
            why=f"'{section.name}.{key}' needs it",
            hint=f"set it, or write a default: env('{name}', '...')",
        )
