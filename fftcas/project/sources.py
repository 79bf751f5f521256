"""`sources.yml`: the tables that the project reads and does not build."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fftcas.errors import ProjectError, closest
from fftcas.project.profiles import ENGINES
from fftcas.project.yamlfile import Section, read_yaml
from fftcas.relation import RelationName

FILE = "sources.yml"

PLACE = ("schema", "database", "catalog", "project", "dataset", "location", "format", "identifier")
OVERRIDE = {*PLACE, "options"}
GROUP = OVERRIDE - {"identifier"} | {"name", "overrides", "description", "meta", "freshness", "tables", "fingerprint"}
WILDCARDS = ("*", "default", "any")


@dataclass(frozen=True)
class SourceTable:
    """A table of a source group. `fingerprint` is `content`, `version`, `none` or the name of a column."""

    group: str
    table: str
    relation: RelationName
    fingerprint: str
    description: str
    path: str
    line: int | None


def read_sources(root: Path, engine: str) -> tuple[SourceTable, ...]:
    """The tables in `sources.yml`, as they are found on `engine`; none without a file. Raises ProjectError."""
    file = read_yaml(root / FILE, FILE)
    if file is None:
        return ()
    file.known({"version", "sources"})
    if "version" in file and file.integer("version", 1) not in (1, 2):
        raise ProjectError(f"the version of {FILE} must be 1 or 2", where=file.where("version"))
    groups = file.sections("sources")
    _refuse_duplicates("source", groups)
    return tuple(table for group in groups for table in _tables(group, engine))


def _tables(group: Section, engine: str) -> Iterator[SourceTable]:
    group.known(GROUP)
    tables = group.sections("tables")
    _refuse_duplicates("table", tables)
    for table in tables:
        name = table.required("name")
        yield SourceTable(
            group=group.required("name"),
            table=name,
            relation=_relation(group, table, engine),
            fingerprint=table.text("fingerprint") or group.text("fingerprint") or "content",
            description=table.text("description") or "",
            path=FILE,
            line=table.line,
        )


def _relation(group: Section, table: Section, engine: str) -> RelationName:
    place: dict[str, str | None] = {}
    # Later layers win: bases before overrides, the group's before the table's, wildcards before the engine's own.
    for layer in (group, table, *_overrides(group, engine), *_overrides(table, engine)):
        place |= {key: layer.text(key) for key in PLACE if key in layer}
        if "location" in layer:
            location = layer.where("location")
    if engine == "duckdb" and place.get("location"):
        raise ProjectError(
            f"source '{group.any('name')}.{table.any('name')}' has a 'location', which DuckDB cannot read as a source",
            where=location,
            hint="make the files a seed, or read them in a model, e.g. with read_parquet('...')",
        )
    return RelationName(
        name=place.get("identifier") or table.required("name"),
        schema=place.get("schema") or place.get("dataset") or None,
        database=place.get("catalog") or place.get("database") or place.get("project") or None,
    )


def _overrides(section: Section, engine: str) -> Iterator[Section]:
    overrides = section.section("overrides")
    known = (*WILDCARDS, *ENGINES)
    for key in overrides:
        if key not in known and (hint := closest(key, known)):
            raise ProjectError(f"unknown engine '{key}' in {overrides.name}", where=overrides.where(key), hint=hint)
        overrides.section(key).known(OVERRIDE)
    for key in (*WILDCARDS, engine):
        yield overrides.section(key)


def _refuse_duplicates(what: str, sections: tuple[Section, ...]) -> None:
    first: dict[str, Section] = {}
    for section in sections:
        name = section.required("name")
        if name in first:
            raise ProjectError(
                f"there are two {what}s called '{name}'",
                where=section.where("name"),
                why=f"the first one is at {first[name].where('name')}",
            )
        first[name] = section
