"""`build --check`: what was built is run again, with one thread and with all of them, and the outputs are compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from enum import StrEnum

from fftcas.build.decide import cached
from fftcas.build.outcome import Outcome, Status
from fftcas.build.realise import Realiser
from fftcas.engines import diff_rows, near_rows, same_rows
from fftcas.engines.base import Session, Staged
from fftcas.errors import FftcasError, Location, NondeterministicError
from fftcas.explain.rows import rows_words
from fftcas.label import Label
from fftcas.project.nodes import Node, PythonModel, SqlModel
from fftcas.store import measure_table
from fftcas.table_diff import Row, TableDiff

ORDER = "its rows come in another order each time: no reader may rely on it"


class Kind(StrEnum):
    """How two outputs of one derivation differ."""

    ORDER = "the same rows in another order"
    NOISE = "float noise"
    VALUES = "other values"


def checkable(node: Node) -> bool:
    """Whether two runs of the node must give the same: seeds do, views have no rows, and `cache: false` says no."""
    return isinstance(node, SqlModel | PythonModel) and node.materialized == "table" and cached(node)


def checked(realiser: Realiser, targets: Sequence[Label], outcomes: dict[Label, Outcome]) -> Iterator[Outcome]:
    """The outcomes of the targets that can be checked and are up to date, with what the check has found."""
    for label in targets:
        node, outcome = realiser.project.nodes[label], outcomes.get(label)
        if outcome is not None and outcome.ok and checkable(node):
            try:
                yield _checked(realiser, node, outcome)
            except FftcasError as error:
                yield replace(outcome, status=Status.FAILED, reason="it failed when it ran again", error=error)


def _checked(realiser: Realiser, node: Node, outcome: Outcome) -> Outcome:
    for one_thread in (True, False):
        with realiser.target.session(one_thread=one_thread) as session, realiser.http.fetching(node):
            found = _compare(session, node, realiser.executor.make(session, node))
        if found is None:
            continue
        kind, diff = found
        if kind is not Kind.ORDER:
            error = _error(realiser, node, kind, diff, "one thread" if one_thread else "all threads")
            return replace(outcome, status=Status.FAILED, reason=error.what, error=error)
        if ORDER not in outcome.warnings:
            outcome = replace(outcome, warnings=(*outcome.warnings, ORDER))
    return outcome


def _compare(session: Session, node: Node, staged: Staged) -> tuple[Kind, TableDiff] | None:
    """How the staged rows differ from those of the relation; None if they are the same rows in the same order."""

    def old_and_new() -> tuple:  # type: ignore[type-arg]
        return session.read(node.relation), session.read(staged)

    old, new = map(measure_table, old_and_new())
    if old.output == new.output:
        return None
    if same_rows(*old_and_new()):
        return Kind.ORDER, TableDiff(old.rows, new.rows)
    noise = old.rows == new.rows and near_rows(*old_and_new())
    return Kind.NOISE if noise else Kind.VALUES, diff_rows(*old_and_new())


def _error(realiser: Realiser, node: Node, kind: Kind, diff: TableDiff, threads: str) -> NondeterministicError:
    reasons = realiser.externals.unstable(node)
    advice = {
        Kind.NOISE: "sum decimals instead of floats, or round the result",
        Kind.VALUES: "fix orders and times, or say cache: false: then its output is never taken from the store",
    }
    return NondeterministicError(
        f"two runs of it gave two outputs: {kind}",
        where=Location(node.path),
        why="\n".join([f"run again with {threads}: {rows_words(diff)}", *_samples(diff), *reasons]),
        hint=advice[kind],
    )


def _samples(diff: TableDiff) -> Iterator[str]:
    """A few rows that differ, by the columns in which they do."""
    if not diff.changed and diff.touched:
        yield f"columns that differ: {', '.join(diff.touched)}"
    for row in diff.changed_samples:
        yield f"~ {_row(row.key)}: {', '.join(f'{name} {old} → {new}' for name, (old, new) in row.cells.items())}"
    for mark, rows in (("-", diff.removed_samples), ("+", diff.added_samples)):
        for added in rows:
            yield f"{mark} {_row(added)}"


def _row(row: Row) -> str:
    return ", ".join(f"{name}={'NULL' if value is None else value}" for name, value in row.items())
