"""Which ingredients differ between the recipes of two derivations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fftcas.derivation import Derivation
from fftcas.digest import Value, encode


@dataclass(frozen=True)
class Change:
    """One ingredient that differs: its path in the tree, and both values (None: it was not, or is not, there)."""

    path: tuple[str, ...]
    old: Value
    new: Value


def recipe_changes(old: Derivation, new: Derivation) -> list[Change]:
    """The ingredients of the recipes that differ, as deep in the tree as they can be told, in the order of names."""
    return _compare((), old.recipe, new.recipe)


def _compare(path: tuple[str, ...], old: Value, new: Value) -> list[Change]:
    if old == new:
        return []
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return [
            change
            for name in sorted(old.keys() | new.keys())
            for change in _compare((*path, name), old.get(name), new.get(name))
        ]
    # What was read back from the store has lists where a fresh recipe may have tuples.
    return [] if encode(old) == encode(new) else [Change(path, old, new)]
