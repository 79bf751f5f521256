"""Running a node's own code: its query, its function, or the reading of its file."""

from __future__ import annotations

from dataclasses import dataclass

from fftcas.build.externals import Externals
from fftcas.build.failures import located
from fftcas.build.guard import check_cost
from fftcas.build.target import Target
from fftcas.build.workers import Workers
from fftcas.derivation import Derivation
from fftcas.engines.base import EngineError, Estimate, Session, Staged
from fftcas.errors import Location, NodeError
from fftcas.project.nodes import Node, PythonModel, Seed, SqlModel
from fftcas.project.project import Project
from fftcas.project.python_run import check_required
from fftcas.project.seed_data import read_seed


@dataclass(frozen=True)
class Executor:
    """Executes nodes. Its methods may be called from several threads."""

    project: Project
    target: Target
    externals: Externals
    workers: Workers

    def may_run(self, session: Session, node: Node, derivation: Derivation) -> int:
        """How many bytes the node will scan. Raises NodeError if that is too much, or if columns that it needs miss."""
        if isinstance(node, PythonModel):
            for label, required in (*node.require.items(), *node.columns.items()):
                columns = self.target.engine().describe(self.project.nodes[label].relation) or ()
                check_required(node, label, required, [column.name for column in columns])
        sizes = [source.bytes for source in derivation.inputs]
        if self.project.budgets.query is None and None not in sizes:
            return sum(size for size in sizes if size is not None)  # known without asking the engine
        scanned = self.estimate(session, node)
        check_cost(scanned, self.project.budgets.query)
        return scanned.bytes

    def estimate(self, session: Session, node: Node) -> Estimate:
        """What the engine expects the node to scan."""
        if isinstance(node, SqlModel):
            with located(self.project, node, self.bind(node)) as sql:
                return session.estimate(sql)
        if isinstance(node, PythonModel):
            relations = {label: self.project.nodes[label].relation for label in node.inputs}
            frames = [session.estimate(session.select(relations[i], node.columns.get(i))) for i in node.inputs]
            return Estimate(tuple(scan for frame in frames for scan in frame.scans))
        return Estimate(())

    def make(self, session: Session, node: Node) -> Staged:
        """Run the node's own code; its rows are staged. Raises FftcasError."""
        if isinstance(node, Seed):
            table = read_seed(self.project.root / node.path, node)
            try:
                return session.stage_arrow(node.relation, table, node.types)
            except EngineError as error:
                raise NodeError(error.message, where=Location(node.path), hint=error.hint) from error
        if isinstance(node, SqlModel):
            with located(self.project, node, self.bind(node)) as sql:
                checked = self.externals.statements.is_query(node)
                return session.stage_query(node.relation, sql, checked=checked)
        assert isinstance(node, PythonModel)
        return session.stage_arrow(node.relation, self.workers.call(session, node), {})

    def bind(self, node: SqlModel) -> str:
        """The model's SQL with the names of this database in it."""
        engine = self.target.engine()
        names = {label: engine.quote(self.project.nodes[label].relation) for label in node.sql.inputs}
        return node.sql.bind(names, engine.quote(node.relation), self.project.secrets)
