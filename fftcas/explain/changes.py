"""Which ingredients differ between two derivations of one node, said as a person would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fftcas.derivation import Derivation
from fftcas.digest import Value


@dataclass(frozen=True)
class Change:
    """One ingredient that differs: its path in the tree, and both values (None: it was not, or is not, there)."""

    path: tuple[str, ...]
    old: Value
    new: Value


def recipe_changes(old: Derivation, new: Derivation) -> list[Change]:
    """The ingredients of the recipes that differ, deepest mappings first resolved, in the order of their names."""
    return _compare((), old.recipe, new.recipe)


def changed_inputs(old: Derivation, new: Derivation) -> list[str]:
    """The labels of the inputs whose seen content differs, or that are read only now or no longer."""
    before = {i.label: (i.columns, i.content) for i in old.inputs}
    after = {i.label: (i.columns, i.content) for i in new.inputs}
    return sorted(label for label in before.keys() | after.keys() if before.get(label) != after.get(label))


def short_reason(old: Derivation | None, new: Derivation) -> str:
    """Why `new` is not `old`, in a few words: `sql changed`, `FF_REGION changed`, `//seeds:seed_users changed`."""
    if old is None:
        return "first build"
    changes = recipe_changes(old, new)
    causes = list(dict.fromkeys(_cause(change) for change in changes))
    causes += [f"{label} changed" for label in changed_inputs(old, new)]
    return ", ".join(causes)


def _cause(change: Change) -> str:
    match change.path:
        case ("context", "env", name):
            return f"{name} changed"
        case ("context", name) if change.old is not None and change.new is not None:
            return f"{name} {change.old} → {change.new}"
        case ("context", name):
            return f"{name} changed"
        case (name, *_):
            return f"{name} changed"
    return "recipe changed"


def _compare(path: tuple[str, ...], old: Value, new: Value) -> list[Change]:
    if old == new:
        return []
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return [
            change
            for name in sorted(old.keys() | new.keys())
            for change in _compare((*path, name), old.get(name), new.get(name))
        ]
    return [Change(path, old, new)]
