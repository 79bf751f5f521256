"""Which columns of its inputs a node reads."""

from __future__ import annotations

from collections.abc import Mapping

from fftcas.build.keys import ColumnsRead, declared_columns
from fftcas.build.outcome import Identity
from fftcas.build.reads import Reads
from fftcas.label import Label
from fftcas.project.nodes import Node, PythonModel
from fftcas.project.project import Project
from fftcas.store import Store


def columns_read(
    project: Project, store: Store, node: Node, read: Reads, identities: Mapping[Label, Identity]
) -> ColumnsRead:
    """The columns that `node` reads of each table; a table that is not named is read whole."""
    if isinstance(node, PythonModel):
        return declared_columns(node, read)
    return {}
