"""What statements and calls import, by what they say."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import resolve_name

IMPORT_CALLS = ("importlib.import_module", "importlib.__import__", "__import__", "builtins.__import__")


@dataclass(frozen=True)
class Import:
    """`from module import names`; `level` counts leading dots. `lazy` if it happens inside a function."""

    module: str
    level: int = 0
    names: tuple[str, ...] = ()
    lazy: bool = False
    line: int = 1


def imported(statement: Import) -> Iterator[str]:
    """The full names that an import statement asks for."""
    if not statement.level:
        yield statement.module
        yield from (f"{statement.module}.{name}" for name in statement.names)


def called(node: ast.Call, function: str, name: str) -> Import | None:
    """What a call imports whose first argument is `name`; None if the others leave it open."""
    by_name = function == "importlib.import_module"
    parameters = ("name", "package") if by_name else ("name", "globals", "locals", "fromlist", "level")
    given: dict[str | None, ast.expr] = {**dict(zip(parameters, node.args, strict=False))}
    given |= {keyword.arg: keyword.value for keyword in node.keywords}
    if None in given or any(isinstance(argument, ast.Starred) for argument in node.args):
        return None
    try:
        if by_name and name.startswith("."):
            package = given["package"]
            if isinstance(package, ast.Name) and package.id == "__package__":  # `__name__` is it in packages only
                return Import(name.lstrip("."), len(name) - len(name.lstrip(".")))
            return Import(resolve_name(name, ast.literal_eval(package)))
        names = ast.literal_eval(given["fromlist"]) if "fromlist" in given else ()
        level = ast.literal_eval(given["level"]) if "level" in given else 0
        return Import(name, names=tuple(map(str, names or ()))) if level == 0 else None
    except (KeyError, ValueError, TypeError, ImportError, AttributeError):
        return None
