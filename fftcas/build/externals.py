"""What models read that is no node of the project: files, and tables that they name without declaring them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from fftcas.build.failures import place_of
from fftcas.build.file_inputs import FileInputs
from fftcas.build.reads import Reads
from fftcas.build.statements import Statements
from fftcas.build.target import Target
from fftcas.derivation import Input
from fftcas.digest import Value, digest_value
from fftcas.errors import Location, NodeError
from fftcas.named_files import means_file
from fftcas.project.nodes import Node, PythonModel, Source, SqlModel
from fftcas.project.project import Project
from fftcas.project.references import home
from fftcas.relation import RelationName

ANCHORED = "anchored 2"
"""Part of what views are bound to that read more than their references: another word makes all of them again."""


class Externals:
    """Answers for the nodes of one run; safe to call from several threads."""

    def __init__(self, project: Project, target: Target, statements: Statements) -> None:
        self.project = project
        self.target = target
        self.statements = statements
        self.files = FileInputs(project.root, target.store)
        self._home = home(project.profile)
        self._this_run = digest_value("opaque 1", secrets.token_hex())
        root = digest_value("root 1", str(project.root))
        self._root = Input((), root, "the project's directory", root)
        self._read: set[str] = set()

    @property
    def read(self) -> set[str]:
        """What was looked at that may change although the database does not: files, patterns of files, and views."""
        return self._read | {str(view) for view in self.target.views}

    def closed(self, node: Node, read: Reads) -> bool:
        """Whether all that the node reads, views included, are nodes of the project."""
        return all(self.statements.of(model).closed for model in self._texts(node, read))

    def names_columns(self, node: Node, read: Reads) -> bool:
        """Whether the node's text, and those of the views that it looks through, name each column that they read."""
        texts = self._texts(node, read)
        return isinstance(node, SqlModel) and all(self.statements.of(model).names_columns for model in texts)

    def inputs(self, node: Node, read: Reads) -> tuple[Input, ...]:
        """Inputs beside those that are nodes. What cannot be followed is taken to be new in every run.

        Raises NodeError for a file that is missing, for a table that should have been read by ref(), and for a text
        that reads its own.
        """
        return tuple(dict.fromkeys((*self._inputs(node, read), *self._file_inputs(node, read))))

    def _inputs(self, node: Node, read: Reads) -> Iterator[Input]:
        """Those of the inputs that are no files, some of them more than once. Raises NodeError."""
        for model in self._texts(node, read):
            if self.statements.of(model).reads_itself:
                raise NodeError(
                    f"{model.label} reads its own table",
                    where=self._where(model, "{{ this }}"),
                    why="what it gives would hang on what was there before, and nobody could tell when it has to run",
                    hint="read what the table is made of; incremental models come in a later version",
                )
            for name in self.statements.of(model).relations:
                if not self._is_file(name):
                    yield from self._relation(model, name)
            yield from map(self._new_in_every_run, self.statements.of(model).opaque)
        if isinstance(node, PythonModel):
            yield from map(self._new_in_every_run, node.unseen)

    def _new_in_every_run(self, label: str) -> Input:
        return Input((), self._this_run, label, self._this_run)

    def _file_inputs(self, node: Node, read: Reads) -> Iterator[Input]:
        """The files among the inputs, as they are now. Raises NodeError for one that is missing or unreadable."""
        for model in self._texts(node, read):
            statement = self.statements.of(model)
            named = {str(name) for name in statement.relations if self._is_file(name)}
            for pattern in sorted(named.union(statement.files)):
                try:
                    content = self.files.content(pattern)
                    times = self.files.times(pattern) if pattern in statement.dated else None
                except OSError as error:
                    raise NodeError(
                        f"{model.label} reads {pattern}, which cannot be read",
                        where=self._where(model, pattern),
                        why=error.strerror,
                    ) from error
                if content is None:
                    raise NodeError(
                        f"{model.label} reads {pattern}, and there is no such file",
                        where=self._where(model, pattern),
                        hint=f"relative paths start at the project's directory, {self.project.root}",
                    )
                self._read.add(pattern)
                yield Input((), content, pattern, content)
                if times is not None:
                    yield Input((), times, f"the time of {pattern}", times)
                # A view has the whole path, of which `key=value` is a column to some engines.
                told = statement.tells_paths or "=" in str(self.project.root)
                if told and model is not node and not pattern.startswith(("/", "~")):
                    yield self._root

    def bound_to(self, model: SqlModel) -> Value:
        """What a view on the model's text is bound to that is no node, and where its files are found."""
        root = self.root(model)
        if root is None:
            return None
        alone = Reads((), (), (), ())
        bound = [[each.label, each.content] for each in self.inputs(model, alone)]
        return [ANCHORED, str(root), bound]

    def root(self, model: SqlModel) -> Path | None:
        """Where relative paths in a view's text start; None if it reads nothing but its references."""
        return None if self.statements.of(model).closed else self.project.root

    def warnings(self, node: Node) -> tuple[str, ...]:
        """What the author of a SQL model should know about its text."""
        return tuple(self._warnings(node)) if isinstance(node, SqlModel) else ()

    def _warnings(self, model: SqlModel) -> Iterator[str]:
        statement = self.statements.of(model)
        for name in (name for name in statement.relations if not self._is_file(name)):
            declared = self._node_at(self._in_place(name))
            write = "declare it in sources.yml and write source()" if declared is None else self._reference(declared)
            yield f"{self._where(model, name.name)}: reads {name} by its bare name: {write}"
        for words in statement.opaque:
            yield f"{self._where(model, words)}: nobody can tell whether {words} changed: so it runs in every build"
        for label in model.sql.inputs:
            source = self.project.nodes[label]
            if isinstance(source, Source) and source.fingerprint == "none":
                yield f"{source.path}: {label} counts as unchanged, whatever happens to it (fingerprint: none)"
        if model.cache:
            yield from self.unstable(model)

    def unstable(self, node: Node) -> Iterator[str]:
        """What may make two runs of a SQL model differ, each with its place."""
        if isinstance(node, SqlModel):
            for each in self.statements.of(node).unstable:
                yield f"{place_of(self.project, node, each.line)}: {each.what}: {each.why}"

    def _texts(self, node: Node, read: Reads) -> Iterator[SqlModel]:
        """The node and the views that it looks through, where they are SQL."""
        for model in (node, *(self.project.nodes[view] for view in read.views)):
            if isinstance(model, SqlModel):
                yield model

    def _relation(self, model: SqlModel, name: RelationName) -> Iterator[Input]:
        """A table that a text names. One that does not exist is no input: the node will fail."""
        relation = self._in_place(name)
        node = self._node_at(relation)
        if node is not None and not isinstance(node, Source):
            raise NodeError(
                f"{model.label} reads {name} by its bare name, and this project builds that table",
                where=self._where(model, name.name),
                why=f"fftcas cannot know that {node.label} has to be built first, nor when this model has to run again",
                hint=self._reference(node),
            )
        if self.project.settings.cache.undeclared == "error":
            raise NodeError(
                f"{model.label} reads {name}, which it does not declare",
                where=self._where(model, name.name),
                why="project.yml says cache: {undeclared: error}",
                hint=self._reference(node) if node else "declare it in sources.yml and write source()",
            )
        relation = node.relation if node else relation
        columns = self.target.describe(relation)
        if columns is not None:
            how = node.fingerprint if isinstance(node, Source) else "content"
            content = self.target.content(relation, how, None)
            yield Input(tuple((c.name, c.type) for c in columns), content, str(name), content)

    @cached_property
    def _nodes(self) -> dict[str, Node]:
        """All nodes by the relation that they have, or would have."""
        return {str(self._home.locate(node.relation)).lower(): node for node in self.project.nodes.values()}

    def _node_at(self, relation: RelationName) -> Node | None:
        """The node that has the relation, or would have it."""
        return self._nodes.get(str(self._home.locate(relation)).lower())

    def _in_place(self, name: RelationName) -> RelationName:
        """The relation that a name means: one without a schema may be in the profile's, or in that which is always
        looked in; and `database.table` looks like `schema.table`."""
        if name.schema is None:
            places = (name, RelationName(name.name, self._home.fallback))
            return next((place for place in places if self._is_there(place)), name)
        of_database = name.database is None and name.schema.lower() == self._home.database.lower()
        if of_database and name.schema != self._home.schema and self.target.describe(name) is None:
            return RelationName(name.name)
        return name

    def _is_there(self, relation: RelationName) -> bool:
        """Whether the project makes the relation, or someone else has made it."""
        node = self._node_at(relation)
        return (node is not None and not isinstance(node, Source)) or self.target.describe(relation) is not None

    def _is_file(self, name: RelationName) -> bool:
        """Whether a name in a text means a file: there is no such table."""
        return not self._is_there(self._in_place(name)) and means_file(name, self.project.root)

    def _reference(self, node: Node) -> str:
        """What to write instead of a bare name."""
        if not isinstance(node, Source):
            return f"write {{{{ ref('{node.label.name}') }}}}"
        return f"write {{{{ source('{node.label.repo}', '{node.label.name}') }}}}"

    def _where(self, model: SqlModel, word: str) -> Location:
        """The place of a word of the text."""
        text = model.sql.readable().lower()
        at = text.find(word.lower().removeprefix("the type ").removesuffix("()"))
        return place_of(self.project, model, text.count("\n", 0, max(at, 0)) + 1)
