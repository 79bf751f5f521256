"""What a run leaves in `.fftcas/target/` for other programs; docs/artifacts.md says what the files hold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fftcas.build.run import Run
from fftcas.digest import digest_bytes
from fftcas.project.project import Project
from fftcas.report.files import read_json, write_json, write_text
from fftcas.report.left import says
from fftcas.report.run_results import run_results
from fftcas.store import Store


def target(root: Path) -> Path:
    """Where a project's artifacts lie."""
    return root / ".fftcas" / "target"


def event_logs(root: Path) -> Path:
    """Where a project's event logs lie."""
    return root / ".fftcas" / "runs"


def leave_artifacts(project: Project, store: Store, run: Run, command: str) -> tuple[Path, str]:
    """Write run_results.json, and manifest.json and catalog.json unless they say all this already.

    Returns where run_results.json is, and the state that the others are of. Raises UsageError if the directory cannot
    be written.
    """
    folder = target(project.root)
    results = folder / "run_results.json"
    write_json(results, run_results(project, run, command))
    now = state(project, run)
    if says(folder, now):
        return results, now
    from fftcas.report.manifest import catalog, manifest

    write_json(folder / "catalog.json", catalog(project, run, now))
    write_json(folder / "manifest.json", manifest(project, store, run, now, read_json(folder / "manifest.json")))
    return results, now


def leave_extras(project: Project, run: Run, wanted: Mapping[str, Path]) -> None:
    """Write what was asked for: `trace`, `junit` or `markdown`, to these files. Raises UsageError."""
    if "trace" in wanted:
        from fftcas.report.timeline import trace

        write_json(wanted["trace"], trace(run))
    if "junit" in wanted:
        from fftcas.report.junit import junit

        write_text(wanted["junit"], junit(project, run))
    if "markdown" in wanted:
        from fftcas.report.markdown import markdown

        write_text(wanted["markdown"], markdown(project, run))


def state(project: Project, run: Run) -> str:
    """A digest that changes whenever manifest or catalog would."""
    nodes = [
        (
            label.text,
            n.name,
            n.path,
            str(n.relation),
            sorted(n.tags),
            getattr(n, "materialized", ""),
            [*map(str, n.inputs)],
        )
        for label, n in project.nodes.items()
    ]
    outcomes = [(o.label.text, o.derivation, o.identity.output if o.identity else None) for o in run.outcomes]
    shared = (project.settings.name, project.profile.name, sorted(project.vars), sorted(project.context))
    descriptions = sorted((label.text, text) for label, text in project.descriptions.items())
    return digest_bytes(repr((shared, nodes, outcomes, descriptions)).encode("utf-8", "backslashreplace"))
