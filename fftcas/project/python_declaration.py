"""What a Python model's decorator declares, read from the text: `@model(...)` and `@engine_model(...)`."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fftcas.declare import wanted
from fftcas.errors import Location, ProjectError, closest
from fftcas.label import Label
from fftcas.project.model_config import LATER, later_version
from fftcas.project.python_names import aliases, dotted, functions, is_declaration
from fftcas.project.sql_models import model_label

POSITIONAL = ("name", "deps", "require", "requires")
KEYS = (*POSITIONAL, "columns", "tags", "kind", "materialized", "meta", "cache", "description")


@dataclass(frozen=True)
class Declaration:
    """A declared model. `require` and `columns` map the name of an input to columns.

    `columns` is what the frame is narrowed to. FFT only checks `require`; here it also narrows the frame, unless the
    decorator is FFT's own, so that the model's key holds only what the model can see.
    """

    name: str
    function: ast.FunctionDef
    where: Location
    deps: tuple[str, ...]
    require: Mapping[str, tuple[str, ...]]
    columns: Mapping[str, tuple[str, ...]]
    tags: frozenset[str]
    cache: bool
    description: str
    warnings: tuple[str, ...]

    @property
    def label(self) -> Label:
        """The model's label. Raises ProjectError if that breaks the grammar."""
        return model_label(self.where.path, self.name.removesuffix(".ff"))


def declarations(tree: ast.Module, path: str, environ: Mapping[str, str]) -> Iterator[Declaration]:
    """The models that a file declares and that the environment wants. Raises ProjectError."""
    names = aliases(tree)
    for function in functions(tree):
        decorators = [decorator for decorator in function.decorator_list if is_declaration(decorator, names)]
        for decorator in decorators[:1]:
            where = Location(path, decorator.lineno)
            if len(decorators) > 1:
                raise ProjectError(f"{function.name} is declared as a model twice", where=where)
            if isinstance(function, ast.AsyncFunctionDef):
                raise ProjectError(f"{function.name} is async; a model is a plain function", where=where)
            kind = dotted(decorator.func if isinstance(decorator, ast.Call) else decorator, names)
            values = _arguments(decorator, path)
            if kind.endswith(".engine_model") and not _wanted(values, environ, where):
                continue
            yield _declaration(function, values, where, narrows=kind.startswith("fftcas."))


def _arguments(decorator: ast.expr, path: str) -> dict[str, Any]:
    """The decorator's arguments by name, all literals."""
    if not isinstance(decorator, ast.Call):
        return {}
    where = Location(path, decorator.lineno)
    if len(decorator.args) > len(POSITIONAL) or any(isinstance(node, ast.Starred) for node in decorator.args):
        raise ProjectError("the decorator has too many arguments without a name", where=where)
    pairs = [*zip(POSITIONAL, decorator.args, strict=False), *((k.arg, k.value) for k in decorator.keywords)]
    values: dict[str, Any] = {}
    for name, node in pairs:
        try:
            literal = ast.literal_eval(node)
        except (ValueError, TypeError, SyntaxError, RecursionError):
            literal = node
        if name is None or literal is node:
            raise ProjectError(
                f"the decorator's argument {name or '**'} must be a literal",
                where=Location(path, node.lineno),
                why="a model's name, deps and columns are read from the file without running it",
            )
        values[name] = literal
    return values


def _wanted(values: dict[str, Any], environ: Mapping[str, str], where: Location) -> bool:
    only, match = values.pop("only", None), values.pop("env_match", None)
    if match is not None and not isinstance(match, dict):
        raise ProjectError("env_match must be a mapping of variables to values", where=where)
    return wanted(_texts(only, "only", where), match, environ)


def _declaration(
    function: ast.FunctionDef, values: Mapping[str, Any], where: Location, *, narrows: bool
) -> Declaration:
    for key in values:
        if key not in KEYS:
            hint = closest(key, KEYS) or f"known arguments: {', '.join(KEYS)}"
            raise ProjectError(f"the decorator has no argument '{key}'", where=where, hint=hint)
    name = values.get("name") or function.name
    if not isinstance(name, str):
        raise ProjectError("a model's name must be a text", where=where)
    if values.get("require") is not None and values.get("requires") is not None:
        raise ProjectError("require and requires are the same argument; give one of them", where=where)
    deps = _texts(values.get("deps"), "deps", where)
    _check_signature(function, deps, where)
    require = _columns(values.get("require") or values.get("requires"), "require", deps, where)
    columns = _columns(values.get("columns"), "columns", deps, where)
    meta = values.get("meta") or {}
    if not isinstance(meta, dict):
        raise ProjectError("meta must be a mapping", where=where)
    return Declaration(
        name=name,
        function=function,
        where=where,
        deps=deps,
        require=require,
        columns=_narrowed(require, columns) if narrows else columns,
        tags=frozenset((*_texts(values.get("tags"), "tags", where), *_texts(meta.get("tags"), "meta.tags", where))),
        cache=_flag(values, where),
        description=str(values.get("description") or ""),
        warnings=_materialized(values.get("materialized") or meta.get("materialized") or "table", where),
    )


def _narrowed(
    require: Mapping[str, tuple[str, ...]], columns: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """All columns named for an input, by one argument or the other."""
    names = dict.fromkeys((*columns, *require))
    return {name: tuple(dict.fromkeys((*columns.get(name, ()), *require.get(name, ())))) for name in names}


def _materialized(value: object, where: Location) -> tuple[str, ...]:
    """Warnings about the materialisation. Raises ProjectError if there is no such one for Python models."""
    if value == "view":
        return (f"{where}: a Python model has rows of its own: it is built as a table, not as a view",)
    if value in LATER:
        raise later_version(str(value), where)
    if value != "table":
        raise ProjectError(f"a Python model cannot be materialized as {value!r}", where=where, hint="leave it out")
    return ()


def _check_signature(function: ast.FunctionDef, deps: tuple[str, ...], where: Location) -> None:
    """FFT's rule: one positional parameter for each input."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    needed = len(positional) - len(arguments.defaults)
    keywords = [
        a.arg for a, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default is None
    ]
    fits = needed <= len(deps) and (len(positional) >= len(deps) or arguments.vararg is not None)
    if not fits or keywords:
        frames = f"{len(deps)} data frame{'' if len(deps) == 1 else 's'}, one for each of its deps"
        raise ProjectError(
            f"{function.name} is called with {frames if deps else 'no arguments, as it has no deps'}",
            where=Location(where.path, function.lineno),
            why=f"its parameters are ({ast.unparse(arguments)})",
        )


def _columns(value: object, name: str, deps: tuple[str, ...], where: Location) -> dict[str, tuple[str, ...]]:
    """Columns by input. A plain list is for the only input."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        if len(deps) != 1:
            raise ProjectError(f"{name} must say which of the {len(deps)} inputs has these columns", where=where)
        return {deps[0]: _texts(value, name, where)}
    known = {dep.removesuffix(".ff"): dep for dep in deps}
    found: dict[str, tuple[str, ...]] = {}
    for key, columns in value.items():
        dep = known.get(str(key).removesuffix(".ff"))
        if dep is None:
            raise ProjectError(f"{name} names '{key}', which is not in deps", where=where, hint=closest(str(key), deps))
        found[dep] = _texts(columns, name, where)
    return found


def _texts(value: object, name: str, where: Location) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else value or ()
    if not isinstance(texts, Iterable) or isinstance(texts, dict) or not all(isinstance(text, str) for text in texts):
        raise ProjectError(f"{name} must be a text or a list of texts", where=where)
    # A set has no order of its own, and the order of columns is part of the key.
    return tuple(sorted(texts)) if isinstance(texts, set | frozenset) else tuple(texts)


def _flag(values: Mapping[str, Any], where: Location) -> bool:
    value = values.get("cache", True)
    if not isinstance(value, bool):
        raise ProjectError("cache must be True or False", where=where)
    return value
