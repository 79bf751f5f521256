"""A rendered SQL statement whose references are still symbolic."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sql:
    """Rendered SQL; every reference, `this` and every secret is a marker."""

    text: str
