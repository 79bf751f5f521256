"""From a project's directory to a `Project`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fftcas.digest import Value
from fftcas.errors import ProjectError
from fftcas.graph import Graph
from fftcas.project.environment import key_variables, load_environment
from fftcas.project.files import Files
from fftcas.project.nodes import Node
from fftcas.project.profiles import read_profile
from fftcas.project.project import Project
from fftcas.project.references import home, resolve_names
from fftcas.project.seeds import read_seeds
from fftcas.project.settings import Settings, read_settings
from fftcas.project.sources import read_sources
from fftcas.project.sql_models import SqlDraft, read_sql_models, sql_nodes
from fftcas.project.templating import Templates

DEFAULT_PROFILE = "dev"


def load_project(
    root: Path, profile_name: str | None, *, environ: Mapping[str, str], cwd: Path, cli_vars: Mapping[str, Any]
) -> Project:
    """Read everything in the directory `root`, for a profile (default: FFT_ACTIVE_ENV, else `dev`).

    Runs the templates and the Python macros, and no model. Raises ProjectError for whatever is wrong in the files.
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
    templates = Templates(files, profile.engine, values, variables)
    found = list(read_sql_models(files, templates))
    drafts = [draft for draft in found if draft.rendered]
    absent = {draft.label.name: f"{draft.path} is disabled or for another engine" for draft in found}
    at = home(profile)
    references, sources = resolve_names(drafts, seeds, read_sources(root, profile.engine), at, absent)
    relations = {thing.label: thing.relation for thing in (*seeds, *sources, *drafts)}
    nodes: dict[Any, Node] = {node.label: node for node in (*seeds, *sources)}
    nodes |= {node.label: node for node in sql_nodes(drafts, references, relations, at)}
    return Project(
        root=root,
        settings=settings,
        profile=profile,
        environ=variables,
        nodes=nodes,
        graph=Graph({label: node.inputs for label, node in nodes.items()}),
        context=context,
        vars=values,
        sources=references.sources,
        descriptions={draft.label: d for draft in drafts if (d := description(draft))},
        warnings=(*settings.warnings, *(warning for draft in drafts for warning in warnings(draft))),
    )


def check_root(root: Path) -> None:
    """Raise ProjectError unless `root` looks like a project."""
    what = "a project is a directory with a folder 'models' (and usually project.yml, profiles.yml, seeds)"
    if not root.is_dir():
        raise ProjectError(f"there is no directory {root}", why=what, hint="name it with --project")
    if not (root / "models").is_dir():
        raise ProjectError(
            f"{root} is not a project: it has no folder 'models'", why=what, hint="name it with --project"
        )


def shared_ingredients(settings: Settings, profile: str, environ: Mapping[str, str]) -> dict[str, Value]:
    """What is part of every node's key, whatever the node."""
    cache = settings.cache
    shared: dict[str, Value] = {"env": key_variables(environ, cache), "epoch": cache.epoch}
    return {**shared, "profile": profile} if cache.profile else shared


def description(draft: SqlDraft) -> str:
    return draft.rendered.config.description if draft.rendered else ""


def warnings(draft: SqlDraft) -> tuple[str, ...]:
    return draft.rendered.config.warnings if draft.rendered else ()
