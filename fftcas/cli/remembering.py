"""What may be remembered of a command, since all that it rests on is watched."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fftcas.build.git import checkout
from fftcas.cli.look import RACY_NS
from fftcas.cli.unchanged import TOOK, remember
from fftcas.cli.watched import changed_at, sees, watch
from fftcas.engines import database_files, database_state
from fftcas.errors import ProjectError
from fftcas.project.environment import SHORTEST_SECRET
from fftcas.project.files import Files
from fftcas.project.macros import FOLDER
from fftcas.project.nodes import Node, PythonModel
from fftcas.project.python_installed import CODE
from fftcas.project.rendering import UNSURE

if TYPE_CHECKING:
    from fftcas.build.options import BuildOptions
    from fftcas.build.run import Run
    from fftcas.build.why import Explanation
    from fftcas.cli.look import Look
    from fftcas.project.project import Project
    from fftcas.report.console import Console
    from fftcas.store import Realisation, Store


def watchable(look: Look, project: Project) -> bool:
    """Whether the look has seen all that reading this project rests on."""
    return (
        os.path.realpath(look.root) == str(project.root)  # options may name it in many ways
        and not any(os.path.isabs(node.path) for node in project.nodes.values())
        and not project.environ.get("FFT_SEEDS_DIR")  # may be a folder that is not watched
        and not has_unwatched_code(project.nodes.values())
        and all(map(sees, project.read))
        and all(sees(node.path) for node in project.nodes.values())
        and is_repeatable(project)
    )


def tells_secret(project: Project, *texts: str) -> bool:
    """Whether a text has the value of a secret in it, as it is or as JSON writes it."""
    values = [value for value in project.secrets.values() if len(value) >= SHORTEST_SECRET]
    spelled = [*values, *(json.dumps(value, ensure_ascii=False)[1:-1] for value in values)]
    return any(value in text for value in spelled for text in texts)


def is_repeatable(project: Project) -> bool:
    """Whether templates give the same text while their files are the same: some use chance, and nobody knows what
    Python macros rest on.
    """
    try:
        if Files(project.root).walk(FOLDER, (".py",)):
            return False
    except ProjectError:  # it has changed since
        return False
    texts = (content(os.path.join(project.root, path)) for path in project.read)
    return not any(uses_chance(text) for text in texts)


def uses_chance(text: str) -> bool:
    """Whether a template has a word in its code that may stand for chance; in SQL it says nothing of the template."""
    if not UNSURE.search(text):
        return False
    from jinja2 import Environment, TemplateError

    try:
        return any(UNSURE.search(word) for _, kind, word in Environment().lex(text) if kind not in ("data", "comment"))
    except TemplateError:
        return True


def content(path: str) -> str:
    """The text of a template; nothing if there is none."""
    try:
        if not os.path.isfile(path):
            return ""
        with open(path, "rb", buffering=0) as file:
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def has_unwatched_code(nodes: Iterable[Node]) -> bool:
    """Whether a Python model imports code that lies elsewhere and may be edited there."""
    return any(
        str(version).startswith(CODE)
        for node in nodes
        if isinstance(node, PythonModel)
        for version in node.recipe["python"]["distributions"].values()  # type: ignore[index,call-overload,union-attr]
    )


def remember_build(
    look: Look,
    project: Project,
    store: Store,
    options: BuildOptions,
    result: Run,
    console: Console,
    results: str,
    left: str,
) -> None:
    """Remember a run that found nothing to do; its run_results.json says `results`, and its other artifacts are of the
    state `left`."""
    from fftcas.build.outcome import Status
    from fftcas.report.console import around_time

    http = [outcome.derivation for outcome in result.outcomes if outcome.http is not None]
    seen = (
        options.cache.reads
        and not (result.exit_code or result.files or options.check)
        and all(outcome.status is Status.FRESH for outcome in result.outcomes)
        and not any(outcome.source for outcome in result.outcomes)  # it lies in the store, which is not watched
        and all(spent.status == "ok" for spent in result.budgets)
        and result.remote is None
        and not (http and options.http.refresh)
        and not ages(project, [store.realisation(key) if key else None for key in http])
    )
    if not seen or result.database is None:  # it may still be open
        return
    # Responses may be refreshed by any project that shares the store.
    others = store_files(store)[:1] if http else []
    # A build records its run, by which its commit is asked for later: at another commit it has to run in full.
    git = map(str, checkout(project.root).files)
    watched = watch([*map(str, database(project)), *others, *git])
    # Others may have written since: to the database, to what the store knows of it, and to the repository.
    same = result.database == state_now(project) and result.commit == checkout(project.root).commit
    if not (same and watchable(look, project)) or tells_secret(project, results):
        return
    before, after = around_time(result) if console.verbosity >= 0 else ("", "")
    lines = [*console.said[:-1], f"{before}{TOOK}{after}"] if before else console.said[:-1]
    remember(
        look,
        "".join(f"{line}\n" for line in lines),
        project.warnings,
        watched=watched,
        stamps=[result.run_id, result.started_at, result.finished_at],
        results=results,
        left=left,
    )


def may_remember_plan(
    look: Look, project: Project, store: Store, explanations: Sequence[Explanation], before: str
) -> bool:
    """Whether a plan has nothing to do and may be remembered; `before` is the `plan_state` from before it was made."""
    http = [each.made for each in explanations if each.made and each.made.http]
    paths = plan_paths(project, store)
    old = max((changed_at(str(path)) for path in database(project)), default=look.at) <= look.at - RACY_NS
    return (
        all(each.fresh for each in explanations)
        and not ages(project, http)
        and before == watch(paths)
        and (old or is_known(project, store))
        and watchable(look, project)
    )


def plan_state(project: Project, store: Store) -> str:
    """The state of all that a plan rests on beside the project's files."""
    return watch(plan_paths(project, store))


def plan_paths(project: Project, store: Store) -> list[str]:
    return [*map(str, database(project)), *store_files(store), str(store.path), str(store.path / "format")]


def store_files(store: Store) -> list[str]:
    """The files that change whenever the store does: records first, then blobs."""
    return [str(store.path / part / "data.mdb") for part in ("records", "blobs")]


def database(project: Project) -> list[Path]:
    return database_files(project.profile.engine, project.profile.options)


def is_known(project: Project, store: Store) -> bool:
    """Whether the database can be watched, and is as it was when the store last heard of it."""
    from fftcas.build.target import remembered_state

    state = state_now(project)
    return state is not None and state == remembered_state(project, store)


def state_now(project: Project) -> str | None:
    """The state of the database; None if it cannot be watched."""
    return database_state(project.profile.engine, project.profile.options)


def ages(project: Project, realisations: Sequence[Realisation | None]) -> bool:
    """Whether a response that one of these outputs rests on may be too old one day."""
    too_old = any(each is None or each.http_max_age for each in realisations)
    return bool(realisations) and (too_old or bool(project.environ.get("FF_HTTP_TTL")))
