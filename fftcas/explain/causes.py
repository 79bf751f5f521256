"""Why one derivation is not another, as a person would say it: the macro, the variable, the rows that did it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fftcas.derivation import Derivation, Input
from fftcas.digest import Digest, Value, encode
from fftcas.explain.changes import Change, recipe_changes
from fftcas.explain.rows import rows_words
from fftcas.explain.texts import changed_code, changed_macros, changed_templates, sql_diff
from fftcas.project.environment import is_secret

if TYPE_CHECKING:
    from fftcas.table_diff import TableDiff

Compare = Callable[[Digest, Digest], "TableDiff | None"]
"""The difference of two outputs; None where it cannot be told, or would cost too much."""


@dataclass(frozen=True)
class Cause:
    """One thing that changed.

    `kind` is one of those in docs/why.md, `subject` what a person calls the thing, `old` and `new` its values where
    they can be shown, `where` a `file:line`, `lines` a unified diff, `rows` what differs in a table. `label` is set
    where the cause lies in another node.
    """

    kind: str
    subject: str
    words: str
    old: str | None = None
    new: str | None = None
    where: str | None = None
    lines: tuple[str, ...] = ()
    rows: TableDiff | None = None
    label: str | None = None

    @property
    def only_order(self) -> bool:
        """Whether it is an input that has its rows in another order, and nothing else."""
        return self.kind == "input" and self.rows is not None and self.rows.same


@dataclass(frozen=True)
class Difference:
    """What makes a derivation another one, and what changed that it does not read."""

    causes: tuple[Cause, ...] = ()
    unread: tuple[Cause, ...] = ()

    @property
    def words(self) -> str:
        """All causes in one line."""
        return ", ".join(cause.words for cause in self.causes)


def difference(old: Derivation, new: Derivation, compare: Compare = lambda old, new: None) -> Difference:
    """What differs between two derivations of one node."""
    causes = [*_recipe_causes(old, new), *_input_causes(old, new, compare)]
    return Difference(_once(causes), unread_changes(old, new, compare))


def unread_changes(old: Derivation, new: Derivation, compare: Compare) -> tuple[Cause, ...]:
    """Tables that changed without a difference in what the node reads of them."""
    return tuple(
        _rows_cause("input", after, compare(before.output, after.output))
        for before, after in _pairs(old, new)
        if _seen(before) == _seen(after) and before.output != after.output
    )


def recipe_difference(old: Derivation, new: Derivation) -> Difference:
    """What differs in the recipes alone."""
    return Difference(_once(_recipe_causes(old, new)))


def _once(causes: Sequence[Cause]) -> tuple[Cause, ...]:
    return tuple({(cause.kind, cause.subject): cause for cause in reversed(causes)}.values())[::-1]


def _recipe_causes(old: Derivation, new: Derivation) -> list[Cause]:
    changes = recipe_changes(old, new)
    top = {change.path[0] for change in changes}
    causes: list[Cause] = []
    if "sql" in top:
        causes += _sql_causes(old, new)
    if any(change.path[:2] in (("python", "module"), ("python", "modules")) for change in changes):
        causes += _code_causes(old, new)
    for change in changes:
        cause = _plain_cause(change)
        if cause is not None:
            causes.append(cause)
    if "views" in top:
        causes += _view_causes(old, new)
    return causes


def _view_causes(old: Derivation, new: Derivation) -> Iterator[Cause]:
    """Views that the node looks through and that changed, or that were tables before or are now."""
    before, after = _views(old), _views(new)
    for label, recipe in after.items():
        if label not in before:
            yield Cause("view", label, f"{label} is a view now", label=label)
        elif encode(before[label]) != encode(recipe):
            yield Cause("view", label, f"view {label} changed", label=label)
    for label in before.keys() - after.keys():
        yield Cause("view", label, f"{label} is no longer a view that it reads", label=label)


def _views(derivation: Derivation) -> dict[str, Value]:
    labels: Any = derivation.notes.get("views", [])
    recipes: Any = derivation.recipe.get("views", [])
    return dict(zip(labels, recipes, strict=False))


def _plain_cause(change: Change) -> Cause | None:
    """The cause for a change that speaks for itself; None if another place looks after it."""
    old, new = text(change.old), text(change.new)
    match change.path:
        case ("sql" | "reads" | "views", *_) | ("python", "module" | "modules", *_):
            return None
        case ("context", "env", name) | ("python", "env", name):
            return value_cause("env", name, old, new)
        case ("python", "vars", name):
            return value_cause("var", f"var {name}", old, new)
        case ("python", "distributions", name):
            return value_cause("package", name, old, new)
        case ("python", "version"):
            return value_cause("version", "Python", old, new)
        case ("python", "secrets"):
            return Cause("env", "secrets", "the secrets that it reads changed", old, new)
        case ("context", "epoch"):
            return value_cause("epoch", "cache epoch", old, new)
        case ("context", name):
            return value_cause(name, name, old, new)
        case ("file",):
            return Cause("seed", "file", "its file changed")
        case ("types", name):
            return value_cause("config", f"type of {name}", old, new)
        case ("columns" | "require" as name, position):
            return value_cause("config", f"{name} of input {int(position) + 1}", old, new)
        case (name, *_):
            return value_cause("config", name, old, new)
    return None


def value_cause(kind: str, name: str, old: str | None, new: str | None) -> Cause:
    """A named value that changed, was set or was unset; a secret's value is not told."""
    if is_secret(name):
        return Cause(kind, name, f"{name} changed")
    if old is None or new is None:
        words = f"{name} set to {_brief(new or '')}" if old is None else f"{name} unset (was {_brief(old)})"
        return Cause(kind, name, words, old, new)
    return Cause(kind, name, f"{name} {_brief(old)} → {_brief(new)}", old, new)


def text(value: Value) -> str | None:
    """An ingredient's value for people; a list of one is a value that is set, an empty one is not."""
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value) if value else None
    return None if value is None else str(value)


def _brief(value: str) -> str:
    line = " ".join(value.split())
    return (line if len(line) <= 30 else line[:29] + "…") or "''"


def _sql_causes(old: Derivation, new: Derivation) -> Iterator[Cause]:
    """Macros, variables and templates that made a model's text another one; the first shows the text's diff."""
    before: Any = old.notes
    after: Any = new.notes
    lines = sql_diff(before, after)
    found = [
        Cause("macro", name, f"macro {name} {what}", where=where) for name, what, where in changed_macros(before, after)
    ]
    for kind in ("var", "env"):
        a, b = before.get(kind, {}), after.get(kind, {})
        prefix = "var " if kind == "var" else ""
        found += [value_cause(kind, prefix + n, a[n], b[n]) for n in sorted(a.keys() & b.keys()) if a[n] != b[n]]
    shared = {name for name, value in _env(old).items() if name in _env(new) and _env(new)[name] != value}
    found = [cause for cause in found if not (cause.kind == "env" and cause.subject in shared)]
    for path, where in changed_templates(before, after):
        own = path == after.get("path")
        words = "sql changed" if own else f"{path.rpartition('/')[2]} changed"
        found.append(Cause("sql", "sql" if own else path, words, where=where))
    if not found and not shared:
        found.append(Cause("sql", "sql", "sql changed", where=after.get("path")))
    for index, cause in enumerate(found):
        yield Cause(**{**vars(cause), "lines": lines}) if index == 0 else cause


def _env(derivation: Derivation) -> dict[str, Value]:
    context: Any = derivation.recipe.get("context", {})
    return dict(context.get("env", {}))


def _code_causes(old: Derivation, new: Derivation) -> list[Cause]:
    found = [
        Cause(
            "python", f"{path}: {name}", f"{path.rpartition('/')[2]}{f': {name}' if name else ''} {what}", where=where
        )
        for path, name, what, where in changed_code(old.notes, new.notes)
    ]
    path: Any = new.notes.get("path")
    return found or [Cause("python", "code", "its code changed", where=path)]


def _input_causes(old: Derivation, new: Derivation, compare: Compare) -> Iterator[Cause]:
    for before, after in _pairs(old, new):
        if before.content != after.content and before.output != after.output:
            yield _rows_cause("input", after, compare(before.output, after.output))
        elif _seen(before) != _seen(after):
            names = sorted({name for name, _ in set(before.columns) ^ set(after.columns)})
            words = f"reads other columns of {after.label}: {', '.join(names[:3])}"
            yield Cause("columns", after.label, words, label=after.label)
    gone, come = _unpaired(old, new)
    for source in come:
        yield Cause("reads", source.label, f"now reads {source.label}", label=source.label)
    for source in gone:
        yield Cause("reads", source.label, f"no longer reads {source.label}", label=source.label)


def _rows_cause(kind: str, source: Input, rows: TableDiff | None) -> Cause:
    if rows is None:
        words = "changed"
    elif rows.same:
        words = "has the same rows in another order"
    else:
        words = rows_words(rows)
    return Cause(kind, source.label, f"{source.label} {words}", rows=rows, label=source.label)


def _pairs(old: Derivation, new: Derivation) -> Iterator[tuple[Input, Input]]:
    before = {source.label: source for source in old.inputs}
    for source in new.inputs:
        if source.label in before:
            yield before[source.label], source


def _unpaired(old: Derivation, new: Derivation) -> tuple[list[Input], list[Input]]:
    """Inputs under labels that only one side has; a table that only has another name counts as neither."""
    paired = {source.label for source in old.inputs} & {source.label for source in new.inputs}
    gone = [source for source in old.inputs if source.label not in paired]
    come = [source for source in new.inputs if source.label not in paired]
    same = {_seen(source) for source in gone} & {_seen(source) for source in come}
    return [s for s in gone if _seen(s) not in same], [s for s in come if _seen(s) not in same]


def _seen(source: Input) -> tuple[tuple[tuple[str, str], ...], Digest]:
    return source.columns, source.content
