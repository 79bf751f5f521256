"""Failures of nodes, told with the place in the project that caused them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fftcas.engines.base import EngineError
from fftcas.errors import Location, NodeError
from fftcas.project.nodes import SqlModel
from fftcas.project.project import Project
from fftcas.project.source_map import template_line


def place_of(project: Project, node: SqlModel, line: int) -> Location:
    """Where a line of the model's rendered text stands: in its own file, or in that of an ephemeral model it reads."""
    for label in node.inputs:
        below = project.nodes[label]
        if isinstance(below, SqlModel) and below.materialized == "ephemeral":
            lines = below.sql.text.count("\n") + 1
            for before in node.sql.around(below.sql):
                if before < line <= before + lines:
                    return place_of(project, below, line - before)
    template = (project.root / node.path).read_text("utf-8", "replace")
    return Location(node.path, template_line(template, node.sql.text, line))


@contextmanager
def located(project: Project, node: SqlModel, sql: str) -> Iterator[str]:
    """Give out the SQL to run; an EngineError from it is raised again with the line of the model's file."""
    try:
        yield sql
    except EngineError as error:
        where = Location(node.path) if error.line is None else place_of(project, node, error.line)
        raise NodeError(error.message, where=where, why=error.caret, hint=error.hint) from error
