"""The house rules of the code: floors, no circles, short files, no swallowed errors. Only the sources are read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]

FLOORS = ["base", "store", "project", "engines", "http", "explain", "build", "report", "cli", "face"]
"""From the ground up: `base` are the modules in `fftcas/` itself, `face` is `fftcas/__init__.py` and `__main__.py`."""

MAX_LINES = 400


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted((ROOT / "fftcas").rglob("*.py"))}
TREES = {module: ast.parse(path.read_text(encoding="utf-8")) for module, path in MODULES.items()}


def floor(module: str) -> str:
    if module in ("fftcas", "fftcas.__main__"):
        return "face"
    if (ROOT / module.replace(".", "/")).is_dir() or module.count(".") > 1:
        return module.split(".")[1]
    return "base"


def imports(module: str) -> Iterator[tuple[str, int]]:
    """Every module of fftcas that a module imports anywhere in its text, with the line; for types only counts too."""
    package = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            for alias in node.names:
                found = f"{base}.{alias.name}" if f"{base}.{alias.name}" in MODULES else base
                if found in MODULES:
                    yield found, node.lineno


def test_every_module_stands_on_a_known_floor() -> None:
    assert [module for module in MODULES if floor(module) not in FLOORS] == []


def test_floors_import_only_from_floors_below() -> None:
    upward = [
        f"{module}:{line} imports {target}"
        for module in MODULES
        for target, line in imports(module)
        if FLOORS.index(floor(target)) > FLOORS.index(floor(module))
    ]
    assert upward == []


def test_no_module_imports_itself_through_others() -> None:
    graph = {module: {target for target, _ in imports(module)} - {module} for module in MODULES}
    circle = ""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = " ← ".join(error.args[1])
    assert circle == ""


def test_files_fit_in_a_readers_head() -> None:
    files = [path for folder in ("fftcas", "fastflowtransform", "tests") for path in (ROOT / folder).rglob("*.py")]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {name: lines for name, lines in lengths.items() if lines > MAX_LINES} == {}


def test_no_error_is_swallowed() -> None:
    assert [f"{module}:{line}" for module, tree in TREES.items() for line in swallowing(tree)] == []


def swallowing(tree: ast.AST) -> Iterator[int]:
    """The lines of `except Exception: pass` in any of its dresses."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            silent = all(isinstance(step, ast.Pass | ast.Continue) or is_ellipsis(step) for step in node.body)
            if silent and (node.type is None or names_everything(node.type)):
                yield node.lineno
        elif (
            isinstance(node, ast.Call)
            and ast.unparse(node.func) in ("suppress", "contextlib.suppress")
            and any(names_everything(argument) for argument in node.args)
        ):
            yield node.lineno


def names_everything(node: ast.expr) -> bool:
    return any(isinstance(name, ast.Name) and name.id in ("Exception", "BaseException") for name in ast.walk(node))


def is_ellipsis(step: ast.stmt) -> bool:
    return isinstance(step, ast.Expr) and isinstance(step.value, ast.Constant) and step.value.value is ...


def test_the_rules_see_what_they_forbid() -> None:
    text = "try:\n    x\nexcept Exception:\n    pass\nwith contextlib.suppress(OSError, Exception): x\n"
    assert list(swallowing(ast.parse(text))) == [3, 5]
    text = "try:\n    x\nexcept OSError:\n    pass\nexcept Exception as error:\n    raise X from error\n"
    assert list(swallowing(ast.parse(text))) == []
