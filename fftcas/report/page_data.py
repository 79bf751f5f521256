"""What the pages show: the project's graph, what its last run did, and what the store knows of each node."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any

from fftcas.derivation import Derivation
from fftcas.digest import Digest, Value, digest_value
from fftcas.graph import Graph
from fftcas.label import Label
from fftcas.project.nodes import Node, SqlModel
from fftcas.project.project import Project
from fftcas.report.artifacts import target
from fftcas.report.layout import HEIGHT, WIDTH, layout
from fftcas.report.timeline import critical_path, spans
from fftcas.store import MissingBlob, Store
from fftcas.table import Manifest

HISTORY = 12
"""Outputs and runs that are shown."""
CELL = 120
"""Characters of a value that are shown."""
LARGEST_SAMPLED = 64 << 20
"""No rows are shown of larger tables: their first chunks would have to be unpacked."""


def page_data(project: Project, store: Store, labels: Sequence[Label], sample_rows: int) -> dict[str, Any]:
    """Everything, as plain JSON values; nodes refer to each other by their position."""
    wanted = set(labels)
    graph = Graph({label: tuple(i for i in project.graph.inputs[label] if i in wanted) for label in labels})
    order = list(graph)
    number = {label: i for i, label in enumerate(order)}
    drawn = layout([[number[i] for i in graph.inputs[label]] for label in order], [graph.level[i] for i in order])
    results = last_results(project)
    by_label = {result["label"]: result for result in results.get("results", ())}
    nodes = []
    for label, place in zip(order, drawn.places, strict=True):
        node = project.nodes[label]
        facts = node_facts(project, node, by_label.get(label.text))
        known = node_record(project, store, node, by_label.get(label.text), sample_rows)
        inputs = [number[i] for i in graph.inputs[label]]
        readers = sorted(number[i] for i in graph.readers[label])
        nodes.append({**facts, **known, "x": place[0], "y": place[1], "inputs": inputs, "readers": readers})
    return {
        "project": project.settings.name,
        "profile": project.profile.name,
        "engine": project.profile.engine,
        "size": [drawn.width, drawn.height],
        "box": [WIDTH, HEIGHT],
        "nodes": nodes,
        "edges": [[a, b, points] for (a, b), points in drawn.edges.items()],
        "run": run_facts(graph, results, number),
        "runs": [run_line(run) for run in map(asdict, store.runs(str(project.root), 3 * HISTORY))],
    }


def last_results(project: Project) -> dict[str, Any]:
    """The run_results.json of the last run; empty if there is none, or none that can be read."""
    try:
        document = json.loads((target(project.root) / "run_results.json").read_text("utf-8"))
        return document if document["metadata"]["schema"] == 1 else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def run_facts(graph: Graph, results: dict[str, Any], number: dict[Label, int]) -> dict[str, Any] | None:
    """The last run as a whole, with the times of the nodes that are shown; None without one."""
    if not results:
        return None
    by_text = {label.text: label for label in number}
    mine = [result for result in results["results"] if result["label"] in by_text]
    work = [(by_text[r["label"]], r["started_at"] or "", r["duration_ms"] / 1000) for r in mine]
    times = spans(work, results["metadata"]["started_at"])
    path = [number[label] for label in critical_path(graph, times)]
    return {
        **results["metadata"],
        "summary": results["summary"],
        "saved": results.get("saved", {}),
        "budgets": results.get("budgets", {}),
        "spans": [[number[span.label], span.start, span.end, span.worker] for span in times],
        "critical": path,
    }


def run_line(run: dict[str, Any]) -> dict[str, Any]:
    return {key: run[key] for key in ("run_id", "started", "finished", "branch", "commit", "summary", "saved")}


def node_facts(project: Project, node: Node, result: dict[str, Any] | None) -> dict[str, Any]:
    """What the project and the last run say of a node."""
    facts: dict[str, Any] = {
        "label": node.label.text,
        "name": node.label.name,
        "package": node.label.text.rpartition(":")[0],
        "kind": node.kind,
        "materialized": getattr(node, "materialized", ""),
        "path": node.path,
        "relation": str(node.relation),
        "tags": sorted(node.tags),
        "description": project.descriptions.get(node.label, ""),
        "status": "none",
    }
    if result is not None:
        shown = ("status", "reason", "rows", "bytes", "bytes_scanned", "duration_ms", "query_duration_ms", "source")
        facts |= {key: result.get(key) for key in (*shown, "http", "error", "derivation", "output", "output_changed")}
    return facts


def node_record(
    project: Project, store: Store, node: Node, result: dict[str, Any] | None, sample_rows: int
) -> dict[str, Any]:
    """A node's code, and what the store knows of it: ingredients, columns, rows, and what it was built into before."""
    history = store.history(str(project.root), node.label.text, HISTORY)
    key = (result or {}).get("derivation") or (history[0].derivation if history else None)
    output = (result or {}).get("output") or (history[0].output if history else None)
    manifest = store.manifest(output) if output else None
    return {
        "code": code(project, node),
        "rendered": node.sql.readable() if isinstance(node, SqlModel) else None,
        **derivation_facts(store, key),
        "columns": [[c.name, c.type, c.bytes] for c in manifest.columns] if manifest else [],
        "sample": sample(store, manifest, sample_rows) if manifest and sample_rows else [],
        "history": [[r.built_at, r.output, r.rows, r.bytes, r.seconds, r.run_id, r.output == output] for r in history],
    }


def code(project: Project, node: Node) -> str | None:
    """The text of a model's file."""
    if node.kind not in ("sql", "python"):
        return None
    try:
        return (project.root / node.path).read_text("utf-8", "replace")
    except OSError:
        return None


def derivation_facts(store: Store, key: Digest | None) -> dict[str, Any]:
    """The ingredients of a derivation key by name, and the inputs with the columns that are read."""
    document = store.derivation_document(key) if key else None
    if document is None:
        return {"ingredients": [], "reads": []}
    found = Derivation.from_json(document)
    reads = [[i.label, [name for name, _ in i.columns], i.output] for i in found.inputs]
    return {"ingredients": list(ingredients("", found.recipe)), "reads": reads}


def ingredients(name: str, value: Value) -> list[list[str]]:
    """Names and values; a value that is long or nested is shown as its digest."""
    if isinstance(value, dict) and value and (not name or name.startswith("context")):
        return [line for key in sorted(value) for line in ingredients(f"{name}.{key}" if name else key, value[key])]
    if isinstance(value, str | int | float | None) and len(str(value)) <= CELL:
        return [[name, "–" if value is None else str(value)]]
    return [[name, f"digest {digest_value('ingredient 1', value)[:16]}"]]


def sample(store: Store, manifest: Manifest, rows: int) -> list[list[str]]:
    """The first rows of a stored table as texts."""
    if not manifest.columns or manifest.size > LARGEST_SAMPLED:
        return []
    try:
        batch = next(iter(store.read_table(manifest).batches), None)
    except MissingBlob:
        return []
    if batch is None:
        return []
    columns = [[cell(value) for value in islice(column.slice(0, rows), rows)] for column in batch.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def cell(value: Any) -> str:
    text = "∅" if value.as_py() is None else str(value.as_py())
    return text if len(text) <= CELL else text[: CELL - 1] + "…"
