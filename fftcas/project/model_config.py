"""What `config(...)` in a SQL model may say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fftcas.errors import Location, ProjectError, closest

MATERIALIZED = ("table", "view", "ephemeral")
LATER = ("incremental", "snapshot")
INCREMENTAL_KEYS = (
    *("unique_key", "primary_key", "updated_at", "updated_at_column", "updated_at_columns", "timestamp_columns"),
    *("delta_columns", "delta", "delta_sql", "delta_python", "on_schema_change"),
)
IGNORED = ("pre_hook", "post_hook", "storage", "http", "api", "kind", *INCREMENTAL_KEYS)
"""FFT's keys that are accepted and change nothing here."""
KEYS = ("materialized", "tags", "engines", "cache", "description", "meta", "enabled", *LATER, *IGNORED)


@dataclass(frozen=True)
class ModelConfig:
    """A SQL model's configuration; `engines` is empty if the model is for all of them."""

    materialized: str = "table"
    tags: frozenset[str] = frozenset()
    engines: frozenset[str] = frozenset()
    cache: bool = True
    description: str = ""
    enabled: bool = True
    warnings: tuple[str, ...] = ()

    def for_engine(self, engine: str) -> bool:
        return not self.engines or engine.lower() in self.engines


def model_config(values: Mapping[str, Any], where: Location) -> ModelConfig:
    """The checked configuration. Raises ProjectError for unknown keys and wrong values."""
    for key in values:
        if key not in KEYS:
            hint = closest(key, KEYS) or f"known keys: {', '.join(sorted(KEYS))}"
            raise ProjectError(f"config() has no key '{key}'", where=where, hint=hint)
    return ModelConfig(
        materialized=_materialized(values, where),
        tags=_texts(values, "tags", where),
        engines=frozenset(engine.lower() for engine in _texts(values, "engines", where)),
        cache=_flag(values, "cache", where),
        description=_text(values, "description", where),
        enabled=_flag(values, "enabled", where),
        warnings=tuple(
            f"{where}: config({key}=...) has no effect: fftcas does not run hooks"
            for key in ("pre_hook", "post_hook")
            if values.get(key)
        ),
    )


def _materialized(values: Mapping[str, Any], where: Location) -> str:
    materialized = values.get("materialized", "table")
    for later in LATER:
        block = values.get(later)
        enabled = block.get("enabled", True) if isinstance(block, Mapping) else bool(block)
        if materialized == later or enabled:
            raise later_version(later, where)
    if materialized not in MATERIALIZED:
        raise ProjectError(
            f"config(materialized={materialized!r}) is not known",
            where=where,
            hint=closest(str(materialized), MATERIALIZED) or f"one of: {', '.join(MATERIALIZED)}",
        )
    return str(materialized)


def later_version(materialized: str, where: Location) -> ProjectError:
    """The error for a materialisation that does not exist yet."""
    return ProjectError(
        f"{materialized} models come in a later version of fftcas",
        where=where,
        hint="materialized='table' builds the model in full",
    )


def _flag(values: Mapping[str, Any], key: str, where: Location) -> bool:
    value = values.get(key, True)
    if not isinstance(value, bool):
        raise ProjectError(f"config({key}=...) must be true or false", where=where)
    return value


def _text(values: Mapping[str, Any], key: str, where: Location) -> str:
    value = values.get(key, "")
    if not isinstance(value, str):
        raise ProjectError(f"config({key}=...) must be a text", where=where)
    return value


def _texts(values: Mapping[str, Any], key: str, where: Location) -> frozenset[str]:
    value = values.get(key) or []
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple | set) or not all(isinstance(text, str) for text in texts):
        raise ProjectError(f"config({key}=...) must be a text or a list of texts", where=where)
    return frozenset(texts)
