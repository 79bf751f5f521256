"""`manifest.json` and `catalog.json`: what the project is, and what its relations hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fftcas.build.outcome import Outcome, Status
from fftcas.build.run import Run
from fftcas.digest import Digest, digest_value
from fftcas.label import Label
from fftcas.project.nodes import Node
from fftcas.project.project import Project
from fftcas.store import Store
from fftcas.table import StoredColumn

SCHEMA = 1


def metadata(project: Project, run: Run, state: str) -> dict[str, Any]:
    """What both documents begin with; `state` changes whenever anything else in them does."""
    return {
        "schema": SCHEMA,
        "state": state,
        "run_id": run.run_id,
        "generated_at": run.finished_at,
        "project": project.settings.name,
        "profile": project.profile.name,
        "engine": project.profile.engine,
    }


def manifest(
    project: Project, store: Store, run: Run, state: str, last: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """All nodes with their edges, files, settings and derivations, and the project's shared ingredients.

    Derivations that `last`, an earlier manifest of the project, tells of are not taken apart again.
    """
    outcomes = {outcome.label: outcome for outcome in run.outcomes}
    known = derivations(last or {})
    return {
        "metadata": metadata(project, run, state),
        "context": project.context,
        "vars": sorted(project.vars),
        "nodes": {label.text: entry(project, store, label, outcomes.get(label), known) for label in project.graph},
    }


def derivations(document: Mapping[str, Any]) -> dict[Digest, dict[str, Any]]:
    """What a manifest says of derivations, by key; nothing if it has another shape."""
    try:
        if document["metadata"]["schema"] != SCHEMA:
            return {}
        told = [node["derivation"] for node in document["nodes"].values()]
        return {each["key"]: each for each in told if each and each["recipe"]}
    except (AttributeError, KeyError, TypeError):
        return {}


def entry(
    project: Project, store: Store, label: Label, outcome: Outcome | None, known: Mapping[Digest, dict[str, Any]]
) -> dict[str, Any]:
    node = project.nodes[label]
    return {
        "name": node.name,
        "kind": node.kind,
        "path": node.path,
        "relation": str(node.relation),
        "materialized": materialized(node),
        "description": project.descriptions.get(label, ""),
        "tags": sorted(node.tags),
        "level": project.graph.level[label],
        "inputs": [source.text for source in project.graph.inputs[label]],
        "readers": sorted(reader.text for reader in project.graph.readers[label]),
        "derivation": derivation(store, outcome, known),
    }


def materialized(node: Node) -> str | None:
    """`table`, `view` or `ephemeral`; None for a source."""
    return None if node.kind == "source" else str(getattr(node, "materialized", "table"))


def derivation(store: Store, outcome: Outcome | None, known: Mapping[Digest, dict[str, Any]]) -> dict[str, Any] | None:
    """The key and its ingredients by digest; None for a node that the run did not look at."""
    if outcome is None or outcome.derivation is None:
        return None
    if outcome.status is Status.FRESH and outcome.derivation in known:
        return known[outcome.derivation]
    found = store.derivation(outcome.derivation)
    if found is None:
        return {"key": outcome.derivation, "recipe": {}, "inputs": []}
    return {
        "key": outcome.derivation,
        "recipe": {name: digest_value("ingredient 1", value) for name, value in found.recipe.items()},
        "inputs": [
            {"label": i.label, "output": i.output, "columns": [name for name, _ in i.columns]} for i in found.inputs
        ],
    }


def catalog(project: Project, run: Run, state: str) -> dict[str, Any]:
    """What the relations that the run looked at hold: columns, rows and uncompressed bytes."""
    return {
        "metadata": metadata(project, run, state),
        "relations": {
            outcome.label.text: {
                "relation": str(project.nodes[outcome.label].relation),
                "output": outcome.identity.output,
                "rows": outcome.rows,
                "bytes": outcome.bytes,
                "columns": columns(outcome),
            }
            for outcome in run.outcomes
            if outcome.identity is not None
        },
    }


def columns(outcome: Outcome) -> list[dict[str, Any]]:
    """Name, type, nullability and size of each column; empty for a view, whose columns are those of its query."""
    assert outcome.identity is not None
    held = outcome.identity.manifest.columns if outcome.identity.manifest else outcome.identity.columns
    return [
        {
            "name": column.name,
            "type": column.type,
            "nullable": column.nullable,
            "bytes": column.bytes if isinstance(column, StoredColumn) else None,
        }
        for column in held
    ]
