"""Completion of labels and patterns in the shell; commands and flags are completed by click itself."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from fftcas.errors import FftcasError
from fftcas.project.project import Project

METHODS = ("tag:", "kind:", "type:", "path:", "source:", "state:", "result:", "changed:")


def complete_patterns(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Labels, packages and methods that what was typed may become; `+` and `-` before it stay."""
    typed = incomplete.lstrip("+-0123456789")
    before = incomplete[: len(incomplete) - len(typed)]
    project = _project(ctx)
    words = [*_labels(project), *_packages(project), *METHODS] if project else list(METHODS)
    return [CompletionItem(before + word) for word in words if word.startswith(typed)]


def complete_labels(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Labels and bare names."""
    project = _project(ctx)
    words = [*_labels(project), *sorted(project.by_name)] if project and not incomplete.startswith("/") else []
    return [CompletionItem(word) for word in words or _labels(project) if word.startswith(incomplete)]


def _labels(project: Project | None) -> list[str]:
    return [label.text for label in project.graph] if project else []


def _packages(project: Project) -> list[str]:
    packages = sorted({label.package for label in project.nodes if label.package})
    return ["//...", *(f"//{package}/..." for package in packages), *(f"//{package}:all" for package in packages)]


def _project(ctx: click.Context) -> Project | None:
    """The project that the line so far means; None if it cannot be read: this is no place for errors."""
    from fftcas.project.load import load_project

    root = Path(ctx.params.get("directory") or os.environ.get("FFTCAS_PROJECT") or ".")
    profile = ctx.params.get("profile") or os.environ.get("FFT_ACTIVE_ENV")
    try:
        return load_project(root, profile, environ=os.environ, cwd=Path.cwd(), cli_vars={})
    except FftcasError:
        return None
