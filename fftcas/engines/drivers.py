"""The engines by name, and the distributions that drive them."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from fftcas.errors import UsageError, closest

DRIVERS = {
    "duckdb": "duckdb",
    "postgres": "psycopg",
    "databricks_spark": "pyspark",
    "bigquery": "google-cloud-bigquery",
    "snowflake_snowpark": "snowflake-snowpark-python",
}
"""Which distribution drives an engine; its version stands for the engine's in keys."""


def engine_version(name: str) -> str:
    """Major and minor version of an engine's driver, e.g. `2.0`. Raises UsageError if there is no such driver."""
    return ".".join(driver_version(name).split(".")[:2])


def driver_version(name: str) -> str:
    """The version of an engine's driver, e.g. `2.0.1`. Raises UsageError if there is no such driver."""
    try:
        return version(driver(name))
    except PackageNotFoundError:
        raise UsageError(
            f"the engine '{name}' needs the package '{DRIVERS[name]}', which is not installed",
            hint=f"pip install {DRIVERS[name]}",
        ) from None


def driver(name: str) -> str:
    """The distribution that drives an engine. Raises UsageError for an unknown engine."""
    if name not in DRIVERS:
        raise UsageError(f"unknown engine '{name}'", hint=closest(name, DRIVERS) or f"known: {', '.join(DRIVERS)}")
    return DRIVERS[name]
