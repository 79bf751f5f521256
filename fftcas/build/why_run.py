"""Why a past run built what it built, from what the store keeps of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from fftcas.build.differences import Differences
from fftcas.build.reasons import told
from fftcas.build.why import Explanation, state
from fftcas.errors import UsageError, closest
from fftcas.explain.causes import difference
from fftcas.label import Label
from fftcas.project.nodes import Node
from fftcas.project.project import Project
from fftcas.store import Realisation, RunRecord, Store

KEPT = 200


def find_run(store: Store, project: Project, run_id: str) -> tuple[RunRecord, RunRecord | None]:
    """A run by its id or a unique part of it (`last` is the last one), and the one before it. Raises UsageError."""
    kept = store.runs(str(project.root), KEPT)
    matching = [i for i, run in enumerate(kept) if run_id and run_id in run.run_id]
    if run_id == "last":
        matching = [0][: len(kept)]
    exact = [i for i in matching if kept[i].run_id == run_id]
    matching = exact or matching
    if not matching:
        hint = closest(run_id, [run.run_id for run in kept]) or "`fftcas log LABEL` lists the runs of a node"
        raise UsageError(f"this project has no run '{run_id}'", hint=hint)
    if len(matching) > 1:
        some = ", ".join(kept[i].run_id for i in matching[:5])
        raise UsageError(f"'{run_id}' means several runs", why=some, hint="write more of its id")
    at = matching[0]
    return kept[at], kept[at + 1] if at + 1 < len(kept) else None


def explain_run(
    project: Project, store: Store, run_id: str, wanted: Collection[Label] | None
) -> tuple[list[Explanation], list[Label]]:
    """Explanations for the nodes of a past run that this project still has, and their labels. Raises UsageError."""
    run, before = find_run(store, project, run_id)
    labels = [label for label in project.graph if label.text in run.outputs and (wanted is None or label in wanted)]
    differences = Differences(store)
    found = []
    for label in labels:
        history = store.history(str(project.root), label.text, KEPT)
        found.append(_explanation(project.nodes[label], run, before, history, store, differences))
    return found, labels


def _explanation(
    node: Node,
    run: RunRecord,
    before: RunRecord | None,
    history: Sequence[Realisation],
    store: Store,
    differences: Differences,
) -> Explanation:
    made = next((each for each in history if each.run_id == run.run_id), None)
    if made is None:
        used = next((each for each in history if each.output == run.outputs[node.label.text]), None)
        return Explanation(node, "fresh", "not built by this run", made=used)
    output = before.outputs.get(node.label.text) if before else None
    older = [each for each in history[history.index(made) + 1 :] if each.run_id != run.run_id]
    previous = next((each for each in older if each.output == output), older[0] if older else None)
    new = store.derivation(made.derivation)
    old = store.derivation(previous.derivation) if previous else None
    if previous is None or old is None or new is None:
        known = "first build, or nothing older is kept"
        return Explanation(node, "build", known, (state(known),), made=made, seconds=made.seconds, new=made.derivation)
    found = difference(old, new, differences)
    if node.kind == "seed":
        causes = tuple(told(one, node, previous.output, made.output, differences) for one in found.causes)
        found = replace(found, causes=causes)
    return Explanation(
        node,
        "build",
        found.words or "rebuild was asked for, or its output was lost",
        found.causes or (state("rebuild was asked for, or its output was lost"),),
        found.unread,
        made=made,
        seconds=made.seconds,
        old=previous.derivation,
        new=made.derivation,
    )
