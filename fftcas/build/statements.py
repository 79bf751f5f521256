"""What the texts of SQL models say; the engine's parser is asked once for each, and the answer is kept in the store."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import astuple, dataclass
from functools import cached_property

from fftcas.build.answers import Answers, Exchange
from fftcas.digest import digest_value
from fftcas.engines.base import Binder, EngineError, Unstable
from fftcas.engines.drivers import engine_version
from fftcas.project.nodes import Node, SqlModel
from fftcas.project.project import Project
from fftcas.project.sql import Sql
from fftcas.relation import RelationName
from fftcas.store import Store
from fftcas.version import __version__

RECORD = "statement"
"""Records of this kind hold what a text says, under the digest of the text and of the engine that reads it."""

TOGETHER = 64
"""Texts that are parsed at once: their trees are large."""

INPUT, SECRET = "__fftcas_input_", "__fftcas_secret_"
"""What references, and the values of secrets, are called while a text is looked at; a number follows."""

STAND_IN = re.compile(rf"({INPUT}|{SECRET})(\d+)")


@dataclass(frozen=True)
class Statement:
    """What a text reads by name, its references apart (each sorted), and what may make two runs of it differ.

    `dated` are the files that count also by the time when they were written. `names_columns` says that it names each
    column that it reads, `one_query` that it is one query, `reads_itself` that it reads the table that is made of it,
    `tells_paths` that its rows may tell where the files are.
    """

    relations: tuple[RelationName, ...] = ()
    files: tuple[str, ...] = ()
    dated: tuple[str, ...] = ()
    opaque: tuple[str, ...] = ()
    unstable: tuple[Unstable, ...] = ()
    names_columns: bool = False
    one_query: bool = False
    reads_itself: bool = False
    tells_paths: bool = False

    @property
    def closed(self) -> bool:
        """Whether it reads nothing but its references."""
        return not (self.relations or self.files or self.opaque or self.reads_itself)

    def to_json(self) -> bytes:
        return json.dumps(astuple(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Statement:
        relations, files, dated, opaque, unstable, *known = json.loads(data)
        return cls(
            tuple(RelationName(*name) for name in relations),
            tuple(files),
            tuple(dated),
            tuple(opaque),
            tuple(Unstable(*each) for each in unstable),
            *known,
        )


PLAIN = {
    Statement(names_columns=names_columns, one_query=one_query).to_json()
    for names_columns in (False, True)
    for one_query in (False, True)
}


def is_plain(answer: bytes) -> bool:
    """Whether it says that a text reads nothing but its references, and that there is nothing to be told of it.

    Of other texts every machine asks its own engine: what others say of them would name files, and be shown.
    """
    return answer in PLAIN


class Statements:
    """Answers for the models of one project; safe to call from several threads. `binder` opens the engine's parser."""

    def __init__(self, project: Project, store: Store, binder: Callable[[], Binder], exchange: Exchange) -> None:
        self.project = project
        self._answers = Answers(store, RECORD, exchange, is_plain)
        self.binder = binder
        self._known: dict[str, Statement] = {}

    def of(self, model: SqlModel) -> Statement:
        """What the model's text says; a text that does not parse says nothing: it will fail when it runs.

        Unless the values of secrets make it one that does: of these nobody can tell what it reads.
        """
        if model.sql.text not in self._known:
            self.learn([model])
        return self._known[model.sql.text]

    def is_query(self, model: SqlModel) -> bool:
        """Whether the text is known to be one query, whatever its inputs are called.

        Not where secrets, or names within strings, are part of it: these may end the string.
        """
        return self.of(model).one_query and not (model.sql.secrets or model.sql.names_places)

    def learn(self, nodes: Iterable[Node]) -> None:
        """Find out what the texts of the SQL models among these nodes say, where that will be asked of each."""
        models = (node for node in nodes if isinstance(node, SqlModel))
        unknown = {model.sql.text: model for model in models if model.sql.text not in self._known}
        keys = {text: bytes.fromhex(digest_value("statement 8", [__version__, text, self._engine])) for text in unknown}
        new = []
        for text, answer in zip(unknown, self._answers.get_many(list(keys.values())), strict=True):
            if answer is None:
                new.append(text)
            else:
                self._known[text] = Statement.from_json(answer)
        for start in range(0, len(new), TOGETHER):
            some = {text: self._bound(unknown[text]) for text in new[start : start + TOGETHER]}
            with suppress(EngineError):  # whichever of them it is: it will be asked for by itself
                self.binder().parse(list(some.values()))
            for text, sql in some.items():
                try:
                    self._known[text] = self._ask(sql, unknown[text])
                except EngineError:  # not kept: an engine that is set up otherwise may understand it
                    secrets = unknown[text].sql.secrets
                    self._known[text] = Statement(opaque=tuple(map(_shown_secret, secrets)))
                else:
                    self._answers.put(keys[text], self._known[text].to_json())

    def close(self) -> None:
        self._answers.close()

    @cached_property
    def _engine(self) -> str:
        engine = self.project.profile.engine
        return f"{engine} {engine_version(engine)}"

    def _bound(self, model: SqlModel) -> str:
        """The model's text with other names for its references, and for what is secret in it."""
        binder = self.binder()
        names = [binder.quote(RelationName(f"{INPUT}{i}")) for i in range(len(model.sql.inputs) + 1)]
        return model.sql.bind(dict(zip(model.sql.inputs, names, strict=False)), names[-1], stand_ins(model.sql))

    def _ask(self, sql: str, model: SqlModel) -> Statement:
        """What the engine's parser says. Raises EngineError if it does not understand the text."""
        binder = self.binder()
        read = binder.reads(sql)
        *inputs, itself = [f"{INPUT}{number}" for number in range(len(model.sql.inputs) + 1)]
        relations = {name for name in read.relations if name.name not in (*inputs, itself)}
        built = {name for name in relations if STAND_IN.search(str(name))}
        # What a name or a secret is part of is another file, or another table, for each of their values.
        opaque = {*read.opaque, *map(str, built), *filter(STAND_IN.search, read.files)}
        return Statement(
            tuple(sorted(relations - built, key=str)),
            tuple(sorted(path for path in read.files if not STAND_IN.search(path))),
            tuple(sorted(read.dated)),
            tuple(sorted(_shown(words, model.sql) for words in opaque)),
            tuple(binder.unstable(sql)),
            read.names_columns,
            read.one_query,
            any(name.name == itself for name in read.relations),
            read.tells_paths,
        )


def stand_ins(sql: Sql) -> dict[str, str]:
    """What is put in the place of each secret of a text that is only looked at."""
    return {name: f"{SECRET}{number}" for number, name in enumerate(sql.secrets)}


def _shown(words: str, sql: Sql) -> str:
    """Words of a text that was looked at, as its author wrote them."""

    def written(match: re.Match[str]) -> str:
        number = int(match[2])
        if match[1] == SECRET:
            return _shown_secret(sql.secrets[number])
        return sql.inputs[number].text if number < len(sql.inputs) else "{{ this }}"

    return STAND_IN.sub(written, words)


def _shown_secret(name: str) -> str:
    return f"{{{{ env('{name}') }}}}"
