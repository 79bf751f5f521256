"""`seeds/schema.yml`: where seeds go, and the types of their columns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from fftcas.errors import ProjectError, closest
from fftcas.project.yamlfile import Section

FFT_TYPES = {
    **dict.fromkeys(("string", "varchar", "text", "str"), "VARCHAR"),
    **dict.fromkeys(("integer", "int", "int4", "bigint", "int8"), "BIGINT"),
    **dict.fromkeys(("double", "float", "float64"), "DOUBLE"),
    **dict.fromkeys(("numeric", "decimal"), "DECIMAL(18,3)"),
    **dict.fromkeys(("boolean", "bool"), "BOOLEAN"),
    **dict.fromkeys(("timestamp", "datetime"), "TIMESTAMP_NS"),
    **dict.fromkeys(("timestamptz", "timestamp with time zone"), "TIMESTAMP WITH TIME ZONE"),
    "date": "DATE",
}
"""FFT's words for types, and what they become in DuckDB."""

SQL_TYPES = {
    **{name: name.upper() for name in ("tinyint", "smallint", "hugeint", "utinyint", "usmallint", "uinteger")},
    **{name: name.upper() for name in ("ubigint", "time", "uuid", "blob", "json", "interval")},
    **{name: name.upper() for name in ("timestamp_s", "timestamp_ms", "timestamp_ns")},
    **dict.fromkeys(("real", "float4"), "FLOAT"),
    "timestamp_us": "TIMESTAMP",
}

PANDAS_TYPES = {
    **dict.fromkeys(("object", "str", "string", "category"), "VARCHAR"),
    **dict.fromkeys(("int", "int64"), "BIGINT"),
    **{"int32": "INTEGER", "int16": "SMALLINT", "int8": "TINYINT"},
    **{"uint64": "UBIGINT", "uint32": "UINTEGER", "uint16": "USMALLINT", "uint8": "UTINYINT"},
    **{"float": "DOUBLE", "float64": "DOUBLE", "float32": "FLOAT", "bool": "BOOLEAN", "boolean": "BOOLEAN"},
    **{"datetime64[ns]": "TIMESTAMP_NS", "datetime64[ns, utc]": "TIMESTAMP WITH TIME ZONE"},
}

_TYPE = re.compile(r"(?P<base>[a-z_0-9 ]*[a-z_0-9])\s*(\((?P<sizes>\s*\d+\s*(,\s*\d+\s*)?)\))?(?P<lists>(\[\])*)")


def logical_type(text: str) -> str | None:
    """The engine's spelling of a type in `columns`, or None if there is no such type."""
    match = _TYPE.fullmatch(" ".join(text.lower().split()))
    if match is None:
        return None
    base, sizes, lists = match["base"], match["sizes"], match["lists"]
    if sizes is None:
        name = FFT_TYPES.get(base) or SQL_TYPES.get(base)
    elif base in ("decimal", "numeric"):
        precision, _, scale = sizes.partition(",")
        name = f"DECIMAL({int(precision)},{int(scale or 0)})"
    else:
        name = "VARCHAR" if base in ("varchar", "string", "text") else None
    return name and name + lists


def targets(file: Section, seeds: tuple[str, ...], engine: str) -> dict[str, tuple[str | None, str]]:
    """Schema and table of every seed; a seed's table is called like its file. Raises ProjectError."""
    entries = _by_seed(file.section("targets"), {seed: _names(seed) for seed in seeds})
    places = {seed: (None, PurePosixPath(seed).name) for seed in seeds}
    return places | {seed: _target(entry, seed, engine) for seed, entry in entries.items()}


def _target(entry: Section, seed: str, engine: str) -> tuple[str | None, str]:
    entry.known({"schema", "table", "schema_by_engine"})
    schema = entry.section("schema_by_engine").text(engine) or entry.text("schema")
    return schema or None, entry.text("table") or PurePosixPath(seed).name


def types(file: Section, tables: Mapping[str, str], engine: str) -> dict[str, dict[str, str]]:
    """The declared column types of the seeds that have some; `tables` are the seeds' tables. Raises ProjectError."""
    result: dict[str, dict[str, str]] = {}
    for seed, entry in _by_seed(file.section("dtypes"), {seed: _names(seed) for seed in tables}).items():
        result[seed] = {column: _pandas_type(entry, column) for column in entry}
    names = {seed: (seed, seed.replace("/", "."), table, PurePosixPath(seed).name) for seed, table in tables.items()}
    for seed, entry in _by_seed(file.section("columns"), names).items():
        result[seed] = result.get(seed, {}) | {column: _type(entry, column, engine) for column in entry}
    return result


def _pandas_type(entry: Section, column: str) -> str:
    word = entry.required(column)
    name = PANDAS_TYPES.get(word.lower())
    if name is None:
        raise _unknown_type(entry, column, word, [*PANDAS_TYPES])
    return name


def _type(entry: Section, column: str, engine: str) -> str:
    if isinstance(entry.any(column), str):
        section, key = entry, column
    else:
        section, key = entry.section(column), "type"
        section.known({"type", "engines"})
        if engine in section.section("engines"):
            section, key = section.section("engines"), engine
    word = section.required(key)
    name = logical_type(word)
    if name is None:
        raise _unknown_type(section, key, word, [*FFT_TYPES, *SQL_TYPES])
    return name


def _unknown_type(section: Section, key: str, word: str, known: list[str]) -> ProjectError:
    hint = closest(word.lower(), known) or f"types: {', '.join(known)}"
    return ProjectError(f"unknown type '{word}' in {section.name}.{key}", where=section.where(key), hint=hint)


def _names(seed: str) -> tuple[str, ...]:
    """What a seed may be called, best first: its path, its path with dots, its file's name."""
    return seed, seed.replace("/", "."), PurePosixPath(seed).name


def _by_seed(section: Section, names: Mapping[str, tuple[str, ...]]) -> dict[str, Section]:
    """The entries of a section by the seed they are for; the better name wins. Raises ProjectError."""
    found: dict[str, tuple[int, str]] = {}
    for key in section:
        ranked = sorted((known.index(key), seed) for seed, known in names.items() if key in known)
        if not ranked:
            known = {name for names_ in names.values() for name in names_}
            hint = closest(key, known) or f"seeds: {', '.join(sorted(names)) or 'none'}"
            raise ProjectError(f"{section.name} names an unknown seed '{key}'", where=section.where(key), hint=hint)
        if len(ranked) > 1 and ranked[0][0] == ranked[1][0]:
            raise ProjectError(
                f"'{key}' in {section.name} may be any of the seeds {', '.join(seed for _, seed in ranked)}",
                where=section.where(key),
                hint="write the path of one of them",
            )
        rank, seed = ranked[0]
        found[seed] = min(found.get(seed, (rank, key)), (rank, key))
    return {seed: section.section(key) for seed, (_, key) in found.items()}
