"""`run_results.json`: what a run did, for other programs. Its shape is a contract, documented in docs/artifacts.md."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fftcas.build.outcome import Outcome, Status
from fftcas.build.run import Run
from fftcas.project.project import Project
from fftcas.report.savings import saved

SCHEMA = 1


def run_results(project: Project, run: Run, command: str) -> dict[str, Any]:
    """The document: metadata, a summary by status, and one result per node in build order."""
    return {
        "metadata": {
            "schema": SCHEMA,
            "run_id": run.run_id,
            "command": command,
            "project": project.settings.name,
            "profile": project.profile.name,
            "engine": project.profile.engine,
            "started_at": run.started_at,
            "finished_at": run.finished_at,
            "exit_code": run.exit_code,
        },
        "summary": {status.value: run.count(status) for status in Status},
        "results": [result(project, outcome) for outcome in run.outcomes],
        "budgets": budgets(run),
        "saved": asdict(saved(run)),
    }


def budgets(run: Run) -> dict[str, Any]:
    """What the run cost against each of its budgets: by scope, for nodes and tags by name, and by metric."""
    document: dict[str, Any] = {"total": {}, "models": {}, "tags": {}}
    for spent in run.budgets:
        group, _, name = spent.budget.scope.partition(".")
        metrics = document[group].setdefault(name, {}) if name else document[group]
        metrics[spent.budget.metric.value] = {
            "value": spent.value,
            "warn": spent.budget.warn.value if spent.budget.warn else None,
            "error": spent.budget.error.value if spent.budget.error else None,
            "status": spent.status,
        }
    return document


def result(project: Project, outcome: Outcome) -> dict[str, Any]:
    node = project.nodes[outcome.label]
    error = str(outcome.error) if outcome.error else None
    return {
        "label": outcome.label.text,
        "name": node.name,
        "kind": node.kind,
        "relation": str(node.relation),
        "status": outcome.status.value,
        "reason": outcome.reason,
        "derivation": outcome.derivation,
        "output": outcome.identity.output if outcome.identity else None,
        "output_changed": outcome.output_changed,
        "rows": outcome.rows,
        "bytes": outcome.bytes,
        "bytes_scanned": outcome.bytes_scanned,
        "started_at": outcome.started_at or None,
        "finished_at": outcome.finished_at or None,
        "duration_ms": round(outcome.seconds * 1000),
        "query_duration_ms": round(outcome.query_seconds * 1000),
        "source": outcome.source,
        "http": outcome.http.to_json() if outcome.http else None,
        "error": error,
        "message": error,
        "warnings": list(outcome.warnings),
    }
