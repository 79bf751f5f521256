"""`why-hit` for people: everything that a node's output was made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fftcas.amounts import bytes_text, counted, duration
from fftcas.build.why_hit import Proof
from fftcas.explain.rows import listing
from fftcas.project.environment import is_secret
from fftcas.report.paint import Paint, ago, crop

WIDTH = 80


def text(proof: Proof, verbose: int = 0) -> Iterator[str]:
    """The lines of the proof."""
    paint = Paint()
    words = "is fresh" if proof.verdict == "fresh" else "would be restored"
    yield f"{proof.node.label} {paint(words, 'green')}"
    for name, value in _facts(proof, verbose):
        yield f"  {name:<10}{value}"
    yield ""
    yield "made of"
    for name, value in _ingredients(proof, verbose):
        yield f"  {name:<10}{value if verbose else crop(value, WIDTH - 12)}"


def _facts(proof: Proof, verbose: int) -> Iterator[tuple[str, str]]:
    made, run = proof.made, proof.run
    if made is not None:
        yield "made", f"{ago(made.built_at)} by run {made.run_id} on {made.host}, in {duration(made.seconds)}"
    if run is not None and run.commit:
        yield "commit", f"{run.commit[:12]}{'+' if run.edited else ''}{f' on {run.branch}' if run.branch else ''}"
    if proof.manifest is not None and proof.verified is not None:
        rows = counted(proof.manifest.rows, "row")
        yield "bytes", f"{rows}, {bytes_text(proof.verified)}, all read and found to be what their names say"
    elif proof.manifest is not None:
        yield "bytes", "no longer all in the store; the table itself is still there"
    if proof.verdict == "fresh" and proof.stamp is not None:
        yield "relation", f"{proof.node.relation} holds this output, by its stamp"
    if verbose:
        yield "key", proof.derivation.key
        if proof.manifest is not None:
            yield "output", proof.manifest.output


def _ingredients(proof: Proof, verbose: int) -> Iterator[tuple[str, str]]:
    recipe: Any = proof.derivation.recipe
    notes: Any = proof.derivation.notes
    yield proof.node.kind, str(notes.get("path", proof.node.path))
    for name, macro in notes.get("macros", {}).items():
        yield "macro", f"{name}, {macro['path']}:{macro['line']}"
    for path in sorted(notes.get("code", {}).keys() - {notes.get("path")}):
        yield "module", path
    python: Any = recipe.get("python", {})
    for name, version in python.get("distributions", {}).items():
        yield "package", f"{name} {version}"
    yield from _values("var", {**notes.get("var", {}), **python.get("vars", {})})
    yield from _values("env", {**notes.get("env", {}), **python.get("env", {}), **recipe["context"].get("env", {})})
    shared = {name: value for name, value in recipe["context"].items() if name != "env"}
    yield "shared", ", ".join(f"{name} {value}" for name, value in shared.items())
    for view in notes.get("views", []):
        yield "view", f"{view}, looked through"
    for source in proof.derivation.inputs:
        rows = proof.rows_read.get(source.label)
        size = f", {counted(rows, 'row')}" if rows is not None else ""
        names = [name for name, _ in source.columns]
        columns = f": {listing(names, 99 if verbose else 4)}" if names else ""
        yield "reads", f"{source.label}{size}{columns}"
        if verbose:
            yield "", source.content


def _values(kind: str, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        shown = value[0] if isinstance(value, list | tuple) and value else value
        if shown is None or shown in ([], ()):
            yield kind, f"{name} is not set"
        else:
            yield kind, f"{name} is set" if is_secret(name) else f"{name} = {shown}"
