"""A Python module's code as a digest: what does the same may differ, what does different things always does."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from fftcas.digest import Digest, digest_bytes
from fftcas.errors import Location, ProjectError
from fftcas.project.python_names import aliases, functions, is_declaration


class Code:
    """A module's code without comments, positions and model decorators, and without docstrings unless `docs` count; or
    its whole `text`, where that counts.

    The tree is changed. Raises ProjectError for code that cannot be read, `path` being where it stands.
    """

    def __init__(self, tree: ast.Module, path: str, *, docs: bool = False, text: str | None = None) -> None:
        self._path = path
        self._whole = text is not None
        self._tree = tree
        names = aliases(tree)
        if not docs:
            _drop_docstrings(tree)
        self._functions = list(functions(tree))
        self._decorated = {function for function in self._functions if _drop_declarations(function, names)}
        self._mentioned = {name for node in ast.walk(tree) for name in _mentions(node)}
        self._steps = [self._dump(step) for step in tree.body] if text is None else [text]

    def digest(self, model: ast.FunctionDef | None = None, *, named: bool = False) -> Digest:
        """The digest. The name of the function `model` counts only where it is `named`, or may be seen: by the module
        itself, or by a decorator. Where it does, so does which of the functions is meant: all have their names."""
        steps, meant = self._steps, ""
        named = named or self._whole
        if model is not None and (named or model.name in self._mentioned or model in self._decorated):
            meant = f" {self._functions.index(model)}"
        elif model is not None:
            steps = [
                self._nameless(step, model) if any(part is model for part in ast.walk(step)) else known
                for step, known in zip(self._tree.body, steps, strict=True)
            ]
        # As `ast.dump` has the whole tree, which would take as long for each of many models.
        frame = ast.dump(ast.Module([ast.Pass()] if steps else [], []), annotate_fields=False)
        text = frame.replace("Pass()", ", ".join(steps)) + meant
        return digest_bytes(text.encode("utf-8", "surrogatepass"))

    def _nameless(self, step: ast.stmt, model: ast.FunctionDef) -> str:
        name, model.name = model.name, "<model>"
        try:
            return self._dump(step)
        finally:
            model.name = name

    def _dump(self, step: ast.stmt) -> str:
        try:
            return ast.dump(step, annotate_fields=False)
        except RecursionError:
            raise too_deep(self._path) from None
        except ValueError as error:  # an integer of more than 4300 digits
            raise ProjectError("the Python code cannot be read", where=Location(self._path), why=str(error)) from None


def too_deep(path: str) -> ProjectError:
    return ProjectError(
        "the Python code is nested too deeply to be read",
        where=Location(path),
        hint="split its longest expression, or chain of elif, into several",
    )


def _drop_declarations(function: ast.FunctionDef | ast.AsyncFunctionDef, names: Mapping[str, str]) -> bool:
    """Whether there are other decorators than those that declare a model."""
    function.decorator_list = [d for d in function.decorator_list if not is_declaration(d, names)]
    return bool(function.decorator_list)


def _mentions(node: ast.AST) -> Iterator[str]:
    for text in (getattr(node, "id", None), getattr(node, "attr", None), getattr(node, "value", None)):
        if isinstance(text, str):
            yield text


def _drop_docstrings(tree: ast.Module) -> None:
    """Drop all strings that stand as statements: they do nothing."""
    for node in ast.walk(tree):
        for part in ("body", "orelse", "finalbody"):
            steps = getattr(node, part, None)
            if isinstance(steps, list):
                setattr(node, part, [step for step in steps if not _is_text(step)])


def _is_text(step: ast.AST) -> bool:
    return isinstance(step, ast.Expr) and isinstance(step.value, ast.Constant) and isinstance(step.value.value, str)
