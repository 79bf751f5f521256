"""Outputs of the past: `//marts:orders@RUN`, `@GITREF`, `@DIGEST`, or what the table holds now."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fftcas.build.differences import Differences
from fftcas.build.looking import looking
from fftcas.build.reasons import told
from fftcas.build.why_run import KEPT, find_run
from fftcas.errors import UsageError
from fftcas.explain.causes import Compare, difference
from fftcas.label import Label
from fftcas.project.git_tree import commit_of
from fftcas.project.nodes import Node
from fftcas.project.project import Project
from fftcas.store import Realisation, RunRecord, Store
from fftcas.table import Manifest

DIGEST = re.compile(r"[0-9a-f]{6,64}")


@dataclass(frozen=True)
class Version:
    """An output of a node; `title` says which, as a person would, and `doubt` why it may be another than is meant."""

    label: Label
    title: str
    manifest: Manifest
    doubt: str | None = None


@dataclass(frozen=True)
class Entry:
    """One output in a node's history: what made it, why, and whether the relation holds it now."""

    made: Realisation
    run: RunRecord | None
    why: str
    current: bool


def split(text: str) -> tuple[str, str | None]:
    """`//x:y@RUN` as label and version; the `@` of a source's label is not meant."""
    label, at, version = text[1:].rpartition("@")
    return (text[0] + label, version) if at else (text, None)


def version(project: Project, store: Store, text: str, same_as: Label | None = None) -> Version:
    """The output that `LABEL[@VERSION]` means; `@VERSION` alone is one of `same_as`. Raises UsageError."""
    again = same_as is not None and text.startswith("@") and "//" not in text
    name, wanted = split(f"{same_as}{text}" if again else text)
    label = project.find(name).label
    output, title, doubt = _now(project, store, label) if not wanted else _past(project, store, label, wanted)
    manifest = store.manifest(output)
    if manifest is None:
        if any(made.rows is None for made in _history(project, store, label) if made.output == output):
            raise UsageError(f"{label} is a view: it has no rows of its own", hint="ask for a table that reads it")
        raise UsageError(f"the rows of {title} are no longer in the store")
    return Version(label, title, manifest, doubt)


def history(project: Project, store: Store, label: Label, most: int) -> list[Entry]:
    """What a node was built into, newest first, with the reason of each."""
    node, compare = project.nodes[label], Differences(store)
    with looking(project, store) as decider:
        stamp = decider.target.stamps().get(node.relation)
    made = _history(project, store, label)
    runs = {run.run_id: run for run in store.runs(str(project.root), KEPT)}
    return [
        Entry(
            each,
            runs.get(each.run_id),
            _why(store, node, made[index:], compare),
            bool(stamp and stamp.output == each.output),
        )
        for index, each in enumerate(made[:most])
    ]


def run_at(project: Project, store: Store, ref: str) -> RunRecord:
    """The last run at a commit: of files as they were committed, if there is one. Raises UsageError."""
    commit = commit_of(project.root, ref)
    found = [run for run in store.runs(str(project.root), KEPT) if run.commit == commit and run.finished]
    if not found:
        raise UsageError(f"no run is known at {ref} (commit {commit[:12]})", hint="`fftcas log LABEL` shows commits")
    return min(found, key=lambda run: (False, None, True).index(run.edited))


def doubt(run: RunRecord, ref: str) -> str | None:
    """What there is to say of the run that `run_at` has found, unless its files were as they were committed."""
    if run.edited is False:
        return None
    had = "had been" if run.edited else "may have been"
    return f"{ref} means run {run.run_id}, when files {had} edited: no run is known of them as they were committed"


def _why(store: Store, node: Node, made: Sequence[Realisation], compare: Compare) -> str:
    if len(made) < 2:
        return "first build, or nothing older is kept"
    new, old = (store.derivation(each.derivation) for each in made[:2])
    if new is None or old is None:
        return "not known"
    found = difference(old, new, compare)
    causes = [told(cause, node, made[1].output, made[0].output, compare) for cause in found.causes]
    return ", ".join(cause.words for cause in causes) or "built again"


def _history(project: Project, store: Store, label: Label) -> list[Realisation]:
    return store.history(str(project.root), label.text, KEPT)


def _now(project: Project, store: Store, label: Label) -> tuple[str, str, None]:
    with looking(project, store) as decider:
        stamp = decider.target.stamps().get(project.nodes[label].relation)
    if stamp is not None and not stamp.output:
        raise UsageError(
            f"{label} holds something else than a build has left there",
            why="it was changed without fftcas, and what it holds now is not in the store",
            hint=f"{label}@last is what was left there; `fftcas build {label}` brings it back",
        )
    if stamp is not None:
        return stamp.output, label.text, None
    made = _history(project, store, label)
    if not made:
        raise UsageError(f"no run is known here that built {label}", hint=f"fftcas build {label}")
    return made[0].output, f"{label} (as last built)", None


def _past(project: Project, store: Store, label: Label, wanted: str) -> tuple[str, str, str | None]:
    if DIGEST.fullmatch(wanted):
        made = _history(project, store, label)
        outputs = {each.output for each in made if each.output.startswith(wanted) or each.derivation.startswith(wanted)}
        if len(outputs) == 1:
            return outputs.pop(), f"{label}@{wanted[:12]}", None
    said = None
    try:
        run = find_run(store, project, wanted)[0]
    except UsageError as error:
        if "several" in error.what:
            raise
        try:
            run = run_at(project, store, wanted)
            said = doubt(run, wanted)
        except UsageError as git:
            raise UsageError(
                f"'{wanted}' is no run, no output of {label}, and no commit with a run",
                why=git.what,
                hint=f"`fftcas log {label}` lists what there is",
            ) from None
    if label.text not in run.outputs:
        raise UsageError(f"{label} was not part of run {run.run_id}")
    return run.outputs[label.text], f"{label}@{wanted}", said
