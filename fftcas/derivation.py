"""Derivations: a node's recipe together with what it reads; the blake3 of the two is the derivation key.

A derivation is one named tree of ingredients. It is kept in the store beside its key, so that two of them can be
compared ingredient by ingredient. Names of nodes, files, schemas and machines are not ingredients.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fftcas.digest import Digest, Value, digest_value

FORMAT = 1
"""Version of the ingredient tree. It is part of every key: raise it when the same tree comes to mean something else."""


@dataclass(frozen=True)
class Input:
    """A table that a node reads: the columns that it reads there, and the identity of what these hold.

    `content` is the projection's digest (its representative, where an equality was proven) or a source's fingerprint.
    `label`, `output` and `bytes` (of the columns read, uncompressed; None if not known) are not hashed.
    """

    columns: tuple[tuple[str, str], ...]
    content: Digest
    label: str
    output: Digest
    bytes: int | None = None


@dataclass(frozen=True)
class Derivation:
    """A recipe (all of a node's own definition, and the settings that it shares with all nodes) and its inputs.

    `notes` say where the recipe comes from; they are kept for people and not hashed.
    """

    recipe: Mapping[str, Value]
    inputs: tuple[Input, ...] = ()
    notes: Mapping[str, Value] = field(default_factory=dict, compare=False)

    @classmethod
    def known(
        cls, digest: Digest, recipe: Mapping[str, Value], inputs: tuple[Input, ...], notes: Mapping[str, Value]
    ) -> Derivation:
        """The derivation, of which the recipe's digest is known already."""
        derivation = cls(recipe, inputs, notes)
        vars(derivation)["recipe_digest"] = digest
        return derivation

    @cached_property
    def recipe_digest(self) -> Digest:
        return recipe_digest(self.recipe)

    @cached_property
    def key(self) -> Digest:
        """The derivation key."""
        read: Sequence[Value] = [
            {"columns": [list(column) for column in source.columns], "content": source.content}
            for source in self.inputs
        ]
        return digest_value("derivation 1", {"recipe": self.recipe_digest, "inputs": read})

    def to_json(self) -> bytes:
        inputs = [
            {
                "label": i.label,
                "output": i.output,
                "columns": [list(column) for column in i.columns],
                "content": i.content,
                "bytes": i.bytes,
            }
            for i in self.inputs
        ]
        document = {"recipe": self.recipe, "inputs": inputs, "notes": self.notes}
        return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Derivation:
        """Raises ValueError if the bytes are not a derivation."""
        try:
            document: dict[str, Any] = json.loads(data)
            inputs = tuple(
                Input(
                    tuple((name, type_) for name, type_ in i["columns"]),
                    i["content"],
                    i["label"],
                    i["output"],
                    i.get("bytes"),
                )
                for i in document["inputs"]
            )
            return cls(document["recipe"], inputs, document.get("notes", {}))
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"not a derivation: {error}") from error


def recipe_digest(recipe: Mapping[str, Value]) -> Digest:
    """The digest that stands for a recipe in derivation keys."""
    return digest_value("recipe 1", recipe)


def recipe(kind: str, ingredients: Mapping[str, Value], context: Mapping[str, Value]) -> dict[str, Value]:
    """The recipe of a node of this kind: its own ingredients and those that all nodes of the project share."""
    return {**ingredients, "recipe format": FORMAT, "kind": kind, "context": context}
