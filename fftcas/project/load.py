"""From a project's directory to a `Project`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fftcas.declare import MACROS_RUN, seeing
from fftcas.digest import Value
from fftcas.errors import ProjectError, closest
from fftcas.graph import Graph
from fftcas.label import Label
from fftcas.project.budgets import read_budgets
from fftcas.project.environment import key_variables, load_environment
from fftcas.project.files import Files
from fftcas.project.memory import Memory
from fftcas.project.nodes import Node
from fftcas.project.outline import DEFAULT_PROFILE
from fftcas.project.profiles import FILE as PROFILES
from fftcas.project.profiles import read_profile
from fftcas.project.project import Project
from fftcas.project.python_import import TIME_ZONE, environment
from fftcas.project.python_models import PythonDraft, python_node, read_python_models, without_models
from fftcas.project.references import Draft, home, resolve_names
from fftcas.project.rendering import Renderer
from fftcas.project.seeds import read_seeds
from fftcas.project.settings import FILE as SETTINGS
from fftcas.project.settings import Settings, read_settings
from fftcas.project.sources import read_sources
from fftcas.project.sql_models import SqlDraft, read_sql_models, sql_nodes
from fftcas.project.without_effect import without_effect


def load_project(
    root: Path,
    profile_name: str | None,
    *,
    environ: Mapping[str, str],
    cwd: Path,
    cli_vars: Mapping[str, Any],
    memory: Memory | None = None,
) -> Project:
    """Read everything in the directory `root`, for a profile (default: FFT_ACTIVE_ENV, else `dev`).

    Runs the templates, but for those that `memory` knows, and the Python macros, and no model. Raises ProjectError for
    whatever is wrong in the files.
    """
    check_root(root)
    name = profile_name or environ.get("FFT_ACTIVE_ENV") or DEFAULT_PROFILE
    settings = read_settings(root)
    variables = load_environment(root, name, cwd, environ)
    profile = read_profile(root, name, variables)
    context = shared_ingredients(settings, name, variables)
    variables["FF_ENGINE"] = profile.engine
    values = {**settings.vars, **cli_vars}

    seeds = read_seeds(root, variables, profile.engine)
    files = Files(root)
    with environment({**variables, MACROS_RUN: "1"}), seeing(values):
        sql = read_sql_models(files, Renderer(files, profile.engine, values, variables, memory))
    python = list(read_python_models(files, variables))
    wanted = [draft for draft in sql if draft.rendered]
    absent = {draft.label.name: f"{draft.path} is disabled or for another engine" for draft in sql}
    at = home(profile)
    tables = read_sources(root, profile.engine)
    references, sources = resolve_names([*wanted, *python], seeds, tables, at, absent)
    things: list[Node | Draft] = [*seeds, *sources, *wanted, *python]
    relations = {thing.label: thing.relation for thing in things}
    found: list[Node] = [*seeds, *sources, *sql_nodes(wanted, references, relations, at, memory)]
    ephemeral = {
        draft.label for draft in wanted if draft.rendered and draft.rendered.config.materialized == "ephemeral"
    }
    seen = {**variables, "TZ": TIME_ZONE}
    found += [python_node(draft, references, ephemeral, seen, values) for draft in python]
    nodes = {node.label: node for node in found}
    project = Project(
        root=root.resolve(),
        settings=settings,
        profile=profile,
        environ=variables,
        nodes=nodes,
        graph=Graph({label: node.inputs for label, node in nodes.items()}),
        context=context,
        vars=values,
        sources=references.sources,
        descriptions=descriptions(wanted, python),
        warnings=(
            *settings.warnings,
            *warnings(wanted, python),
            *unset(wanted, values, variables),
            *without_models(files, python),
            *without_effect(files),
        ),
        read=frozenset(files.read),
    )
    return replace(project, budgets=read_budgets(root, profile.engine, variables, nodes, project.find))


def check_root(root: Path) -> None:
    """Raise ProjectError unless `root` looks like a project."""
    what = "a project is a directory with a folder 'models' (and usually project.yml, profiles.yml, seeds)"
    if not root.is_dir():
        raise ProjectError(f"there is no directory {root}", why=what, hint="name it with --project")
    if not (root / "models").is_dir():
        above = next((each for each in root.resolve().parents if is_project(each)), None)
        hint = f"the one above is named with -C {above}" if above else "name it with --project"
        raise ProjectError(f"{root} is not a project: it has no folder 'models'", why=what, hint=hint)


def is_project(folder: Path) -> bool:
    """Whether a folder is a project beyond doubt; any folder may have one called `models`."""
    return (folder / "models").is_dir() and any((folder / name).is_file() for name in (SETTINGS, PROFILES))


def shared_ingredients(settings: Settings, profile: str, environ: Mapping[str, str]) -> dict[str, Value]:
    """What is part of every node's key, whatever the node."""
    cache = settings.cache
    shared: dict[str, Value] = {"env": key_variables(environ, cache), "epoch": cache.epoch}
    return {**shared, "profile": profile} if cache.profile else shared


def descriptions(sql: Sequence[SqlDraft], python: Sequence[PythonDraft]) -> dict[Label, str]:
    """What models say about themselves."""
    texts = {draft.label: draft.rendered.config.description for draft in sql if draft.rendered}
    texts |= {draft.label: draft.declared.description for draft in python}
    return {label: text for label, text in texts.items() if text}


def warnings(sql: Sequence[SqlDraft], python: Sequence[PythonDraft]) -> tuple[str, ...]:
    """What the models' authors should know, each once."""
    found = [warning for draft in sql if draft.rendered for warning in draft.rendered.config.warnings]
    found += [warning for draft in python for warning in (*draft.declared.warnings, *draft.closure.warnings)]
    return tuple(dict.fromkeys(found))


def unset(sql: Sequence[SqlDraft], values: Mapping[str, Any], environ: Mapping[str, str]) -> Iterator[str]:
    """Warnings for variables without a value, of which templates have written `None` into their texts."""
    known: Mapping[str, Collection[str]] = {"var": values, "env": environ}
    for call in (call for draft in sql if draft.rendered for call in draft.rendered.unset):
        (name,) = call.arguments
        hint = closest(name, known[call.kind]) or f"write a default: {call.kind}('{name}', '...')"
        yield f"{call.where}: {call.kind}('{name}') has no value, and the text says None: {hint}"
