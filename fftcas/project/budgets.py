"""`budgets.yml`: what a query and a run may cost."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fftcas.errors import ProjectError, UsageError, closest
from fftcas.label import Label
from fftcas.project.nodes import Node
from fftcas.project.yamlfile import Section, read_yaml

if TYPE_CHECKING:
    from fftcas.project.outline import Listed

FILE = "budgets.yml"

VARIABLES = {
    "duckdb": "FF_DUCKDB_MAX_BYTES",
    "postgres": "FF_PG_MAX_BYTES",
    "bigquery": "FF_BQ_MAX_BYTES",
    "databricks_spark": "FF_SPK_MAX_BYTES",
    "snowflake_snowpark": "FF_SF_MAX_BYTES",
}
"""The variable that beats `query_limits.<engine>.max_bytes`, by engine."""

SIZES = {unit: 1024**power for power, unit in enumerate(("", "k", "m", "g", "t", "p"))}
DURATIONS = {"": 1, "ms": 1, "s": 1_000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
MOST = 2**63 - 1
"""A larger limit is a mistake."""

LONGEST = 1000 * 366 * DURATIONS["d"]


class Metric(StrEnum):
    """What is counted of a run; only nodes that were built count."""

    BYTES_SCANNED = "bytes_scanned"
    ROWS = "rows"
    QUERY_DURATION_MS = "query_duration_ms"


@dataclass(frozen=True)
class Limit:
    """A number that must not be exceeded, and where it is set: `budgets.yml:6`, or the name of a variable."""

    value: int
    where: str


@dataclass(frozen=True)
class Budget:
    """Limits on the sum of a metric over `labels` (None: all nodes); `scope` is `total`, `models.…` or `tags.…`."""

    scope: str
    metric: Metric
    labels: frozenset[Label] | None = None
    warn: Limit | None = None
    error: Limit | None = None


@dataclass(frozen=True)
class Budgets:
    """What each query may scan, in bytes, and what a run may cost."""

    query: Limit | None = None
    run: tuple[Budget, ...] = ()


def read_budgets(
    root: Path, engine: str, environ: Mapping[str, str], nodes: Mapping[Label, Node], find: Callable[[str], Listed]
) -> Budgets:
    """The budgets in `budgets.yml` and in the variable for `engine`; `find` gives the node that a name means.

    Raises ProjectError for the file, UsageError for the variable.
    """
    file = read_yaml(root / FILE, FILE) or Section(FILE)
    file.known({"version", "query_limits", "total", "models", "tags"})
    file.integer("version", 1)
    query = _query_limit(file.section("query_limits"), engine, environ)
    return Budgets(query, tuple(_budgets(file, nodes, find)))


def _query_limit(limits: Section, engine: str, environ: Mapping[str, str]) -> Limit | None:
    limits.known(VARIABLES)
    for name in limits:
        limits.section(name).known({"max_bytes"})
        in_file = _limit(limits.section(name), "max_bytes", parse_size)
        if name == engine and not environ.get(VARIABLES[engine], "").strip():
            return in_file
    return _variable_limit(VARIABLES[engine], environ) if engine in VARIABLES else None


def _variable_limit(name: str, environ: Mapping[str, str]) -> Limit | None:
    text = environ.get(name, "").strip()
    if not text:
        return None
    try:
        value = parse_size(text)
    except ValueError as error:
        raise UsageError(f"the variable {name} is not a size: {error}", hint="write it as 500000 or 500MB") from None
    return Limit(value, name) if value else None


def _budgets(file: Section, nodes: Mapping[Label, Node], find: Callable[[str], Listed]) -> Iterator[Budget]:
    yield from _metrics(file.section("total"), "total", None)
    models = file.section("models")
    named: dict[Label, str] = {}
    for key in models:
        try:
            label = find(key).label
        except UsageError as error:
            raise ProjectError(f"{models.name}: {error.what}", where=models.where(key), hint=error.hint) from None
        if label in named:
            raise ProjectError(
                f"'{named[label]}' and '{key}' are one node, {label}",
                where=models.where(key),
                hint="leave one of them",
            )
        named[label] = key
        yield from _metrics(models.section(key), f"models.{label}", frozenset([label]))
    tags = file.section("tags")
    known = {tag for node in nodes.values() for tag in node.tags}
    for tag in tags:
        if tag not in known:
            hint = closest(tag, known) or (f"the tags are: {', '.join(sorted(known))}" if known else None)
            raise ProjectError(f"{tags.name}: no node has the tag '{tag}'", where=tags.where(tag), hint=hint)
        labels = frozenset(label for label, node in nodes.items() if tag in node.tags)
        yield from _metrics(tags.section(tag), f"tags.{tag}", labels)


def _metrics(section: Section, scope: str, labels: frozenset[Label] | None) -> Iterator[Budget]:
    section.known(list(Metric))
    for name in section:
        metric = Metric(name)
        limits = section.section(name)
        limits.known({"warn", "error"})
        parse = PARSERS[metric]
        yield Budget(scope, metric, labels, _limit(limits, "warn", parse), _limit(limits, "error", parse))


def _limit(section: Section, key: str, parse: Callable[[Any], int]) -> Limit | None:
    """A limit; 0 means that there is none, as in FFT."""
    if key not in section:
        return None
    try:
        value = parse(section.any(key))
    except ValueError as error:
        raise ProjectError(f"'{section.name}.{key}' {error}", where=section.where(key)) from None
    return Limit(value, str(section.where(key))) if value else None


def parse_size(value: Any) -> int:
    """Bytes, from `500_000`, `5GB`, `1.5 MiB`; units are powers of 1024. Raises ValueError that says what is wrong."""
    return _parse(value, {**SIZES, "b": 1}, r"(?:i?b)?", "a size such as 500_000 or 5GB")


def parse_count(value: Any) -> int:
    """A number of rows. Raises ValueError that says what is wrong."""
    return _parse(value, {"": 1}, "", "a number of rows such as 1_000_000")


def parse_duration(value: Any) -> int:
    """Milliseconds, from `250ms`, `30s`, `1.5m`, `2h` or a plain number of them. Raises ValueError."""
    wanted = "a duration such as 250ms, 30s or 2h"
    return _parse(value, DURATIONS, "", wanted, LONGEST, "is longer than a thousand years")


PARSERS: Mapping[Metric, Callable[[Any], int]] = {
    Metric.BYTES_SCANNED: parse_size,
    Metric.ROWS: parse_count,
    Metric.QUERY_DURATION_MS: parse_duration,
}


def _parse(
    value: Any,
    units: Mapping[str, int],
    ending: str,
    wanted: str,
    most: int = MOST,
    above: str = "is larger than any database",
) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"must be {wanted}")
    text = str(value) if not isinstance(value, float) or math.isfinite(value) else "nan"
    if text.strip().startswith("-"):
        raise ValueError("must not be negative")
    pattern = rf"\s*(\d[\d_,]*(?:\.\d+)?|\d[\d.]*e[+-]?\d+)\s*([a-z]*?){ending}\s*"
    match = re.fullmatch(pattern, text.lower(), re.ASCII)
    if match is None or match[2] not in units:
        raise ValueError(f"must be {wanted}")
    number, unit = match[1].replace("_", "").replace(",", ""), units[match[2]]
    if float(number) * unit > most:
        raise ValueError(above)
    return int(number) * unit if number.isdecimal() else math.ceil(float(number) * unit)
