"""The statements of SQL models, taken apart; of a text that was seen before it is remembered what it says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fftcas.digest import Value, digest_value
from fftcas.label import Label
from fftcas.project.memory import Memory
from fftcas.project.sql import Sql, statement
from fftcas.project.sql_tokens import VERSION
from fftcas.relation import RelationName
from fftcas.version import __version__

RECORD = "sql"
"""Records of this kind hold, under the digest of a text, its statement, references and ingredient, and the names of
relations that the ingredient was made with."""


@dataclass(frozen=True)
class Statement:
    """A model's statement, and what it adds to the model's recipe while no reference is expanded."""

    sql: Sql
    ingredient: Value


def read_statements(
    texts: Mapping[Label, tuple[str, str]], relations: Mapping[Label, RelationName], memory: Memory | None
) -> dict[Label, Statement]:
    """The statements of models, given by path and text; `relations` has the full name of every node's relation.

    Raises ProjectError for a text that is not one SELECT.
    """
    keys = {label: _key(path, text) for label, (path, text) in texts.items()}
    found = memory.get_records(RECORD, list(keys.values())) if memory else [None] * len(keys)
    labels = {label.text: label for label in relations}
    statements: dict[Label, Statement] = {}
    new: dict[bytes, bytes] = {}
    for (label, (path, text)), data in zip(texts.items(), found, strict=True):
        known = _recall(data, label, labels, relations)
        if known is None:
            sql = statement(text, path)
            known = Statement(sql, sql.ingredient(relations, relations[label]))
            names = _names(label, sql.inputs, relations)
            if not sql.tells_places(names):
                new[keys[label]] = _document(known, names)
        statements[label] = known
    if memory:
        memory.put_records(RECORD, new)
    return statements


def _key(path: str, text: str) -> bytes:
    return bytes.fromhex(digest_value("sql statement 4", [__version__, VERSION, path, text]))


def _names(label: Label, inputs: tuple[Label, ...], relations: Mapping[Label, RelationName]) -> list[str]:
    """The names that an ingredient may have in it: those of the relations, not of where these are."""
    return [relations[each].name for each in (label, *inputs)]


def _document(known: Statement, names: list[str]) -> bytes:
    document = {
        "text": known.sql.text,
        "inputs": [label.text for label in known.sql.inputs],
        "names": names,
        "ingredient": known.ingredient,
    }
    return json.dumps(document).encode()


def _recall(
    data: bytes | None, label: Label, labels: Mapping[str, Label], relations: Mapping[Label, RelationName]
) -> Statement | None:
    if data is None:
        return None
    document: dict[str, Any] = json.loads(data)
    inputs = tuple(labels[text] for text in document["inputs"])
    if document["names"] != _names(label, inputs, relations):
        return None
    return Statement(Sql.known(document["text"], inputs=inputs), document["ingredient"])
