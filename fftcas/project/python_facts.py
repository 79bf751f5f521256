"""What can be seen of a Python module without running it: imports, variables read, and its code as a digest."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fftcas.digest import Digest, digest_bytes
from fftcas.errors import Location, ProjectError
from fftcas.project.files import Files

OURS = ("fftcas", "fastflowtransform")
ENV_CALLS = ("os.getenv", "os.environ.get", "os.environ.pop", "os.environ.setdefault")
HIDDEN_ENV = ("os.environ", "os.environb", "os.getenv", "os.getenvb", "os.path.expandvars")
HTTP = ("fftcas.http", "fastflowtransform.api")
DYNAMIC = ("importlib.util", "importlib.machinery", "importlib.reload", "imp", "pkgutil", "runpy", "sys.path")


@dataclass(frozen=True)
class Import:
    """`from module import names`; `level` counts leading dots. `lazy` if it happens inside a function."""

    module: str
    level: int = 0
    names: tuple[str, ...] = ()
    lazy: bool = False
    line: int = 1


@dataclass(frozen=True)
class Facts:
    """One module's facts. `unresolved` are the lines whose imports cannot be known, `hidden_env` those that read
    environment variables whose names cannot be known; `any_var` says that it reads vars whose names cannot be.
    `fetches` says that it names our HTTP functions."""

    imports: tuple[Import, ...]
    env: frozenset[str]
    vars: frozenset[str]
    unresolved: tuple[int, ...]
    hidden_env: tuple[int, ...]
    any_var: bool
    fetches: bool


def parse(files: Files, path: str) -> ast.Module:
    """A Python file's tree. Raises ProjectError for a syntax error."""
    try:
        return ast.parse(files.text(path), path)
    except SyntaxError as error:
        raise ProjectError("this is not valid Python", where=Location(path, error.lineno), why=error.msg) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise ProjectError("this is not valid Python", where=Location(path), why=str(error)) from None


def facts(tree: ast.Module) -> Facts:
    """The facts of a module's tree."""
    reader = _Reader(aliases(tree))
    reader.visit(tree)
    return Facts(
        tuple(reader.imports),
        frozenset(reader.env),
        frozenset(reader.vars),
        tuple(sorted(set(reader.unresolved))),
        tuple(sorted(set(reader.hidden_env))),
        reader.any_var,
        reader.fetches or any(names_http(name) for statement in reader.imports for name in imported(statement)),
    )


def aliases(tree: ast.AST) -> dict[str, str]:
    """What imported names stand for: `{'m': 'fftcas.model'}` for `from fftcas import model as m`."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            if node.module in OURS and "*" in found:
                found |= {name: f"{node.module}.{name}" for name in ("model", "engine_model", "env", "var")}
    return found


def dotted(node: ast.expr, names: Mapping[str, str]) -> str:
    """The full name that an expression stands for, `fftcas.model`; empty if it is not a name."""
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        base = dotted(node.value, names)
        return f"{base}.{node.attr}" if base else ""
    return ""


def is_ours(name: str, function: str) -> bool:
    """Whether a full name is that of one of our functions, in whatever module of ours."""
    return name.endswith(f".{function}") and name.partition(".")[0] in OURS


def imported(statement: Import) -> Iterator[str]:
    """The full names that an import statement asks for."""
    if not statement.level:
        yield statement.module
        yield from (f"{statement.module}.{name}" for name in statement.names)


def names_http(name: str) -> bool:
    """Whether a full name is that of our HTTP functions' module, or in it."""
    return any(name == module or name.startswith(f"{module}.") for module in HTTP)


class _Reader(ast.NodeVisitor):
    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names
        self.depth = 0
        self.seen: set[int] = set()
        self.imports: list[Import] = []
        self.env: set[str] = set()
        self.vars: set[str] = set()
        self.unresolved: list[int] = []
        self.hidden_env: list[int] = []
        self.any_var = False
        self.fetches = False

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1

    visit_AsyncFunctionDef = visit_FunctionDef
    visit_Lambda = visit_FunctionDef

    def visit_Import(self, node: ast.Import) -> None:
        self.imports += [Import(alias.name, lazy=self.depth > 0, line=node.lineno) for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        names = tuple(alias.name for alias in node.names)
        self.imports.append(Import(node.module or "", node.level, names, self.depth > 0, node.lineno))

    def visit_Call(self, node: ast.Call) -> None:
        name = dotted(node.func, self.names)
        named = [keyword.value for keyword in node.keywords if keyword.arg in ("name", "key")]
        argument = next(iter([*node.args, *named]), None)
        literal = argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else None
        if name in ("importlib.import_module", "importlib.__import__", "__import__"):
            self._import_call(node, literal)
        elif name in ("exec", "eval"):
            self._code(node, literal)
        elif name in ENV_CALLS or is_ours(name, "env"):
            self._environment(node, node.func, literal)
        elif is_ours(name, "var") and literal is not None:
            self.seen |= {id(part) for part in ast.walk(node.func)}
            self.vars.add(literal)
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if dotted(node.value, self.names) == "os.environ":
            key = node.slice.value if isinstance(node.slice, ast.Constant) else None
            self._environment(node, node.value, key if isinstance(key, str) else None)
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        if isinstance(node.left, ast.Constant) and isinstance(node.left.value, str):
            for comparator in node.comparators:
                if dotted(comparator, self.names) == "os.environ":
                    self._environment(node, comparator, node.left.value)
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._name(node)
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        self._name(node)

    def _name(self, node: ast.Attribute | ast.Name) -> None:
        name = dotted(node, self.names)
        if (name in HIDDEN_ENV or is_ours(name, "env")) and id(node) not in self.seen:
            self.hidden_env.append(node.lineno)
        if is_ours(name, "var") and id(node) not in self.seen:
            self.any_var = True
        self.fetches |= names_http(name)
        if any(name == module or name.startswith(f"{module}.") for module in DYNAMIC) and self._imported(node):
            self.unresolved.append(node.lineno)

    def _imported(self, node: ast.expr) -> bool:
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and node.id in self.names

    def _environment(self, node: ast.expr, source: ast.expr, name: str | None) -> None:
        self.seen |= {id(part) for part in ast.walk(source)}
        if name is None:
            self.hidden_env.append(node.lineno)
        else:
            self.env.add(name)

    def _import_call(self, node: ast.Call, literal: str | None) -> None:
        if literal is None:
            self.unresolved.append(node.lineno)
            return
        module = literal.lstrip(".")
        self.imports.append(Import(module, len(literal) - len(module), lazy=self.depth > 0, line=node.lineno))

    def _code(self, node: ast.Call, literal: str | None) -> None:
        try:
            tree = ast.parse(literal) if literal is not None else None
        except (SyntaxError, ValueError):
            tree = None
        if tree is None:
            self.unresolved.append(node.lineno)
        else:
            self.visit(tree)


def code_digest(tree: ast.Module, model: ast.FunctionDef | None = None) -> Digest:
    """The module's code without comments, docstrings, positions and model decorators.

    Two texts that do the same thing may differ; two that do different things always do. The name of the function
    `model` does not count, unless the module uses it. The tree is changed.
    """
    names = aliases(tree)
    if not any(_mentions(node, "__doc__") for node in ast.walk(tree)):
        _drop_docstrings(tree)
    for function in functions(tree):
        function.decorator_list = [d for d in function.decorator_list if not is_declaration(d, names)]
    if model is not None and not any(_mentions(node, model.name) for node in ast.walk(tree)):
        model.name = "<model>"
    try:
        return digest_bytes(ast.dump(tree, annotate_fields=False).encode("utf-8", "surrogatepass"))
    except RecursionError:
        raise ProjectError("the Python code is nested too deeply to be read") from None
    except ValueError as error:  # an integer of more than 4300 digits
        raise ProjectError("the Python code cannot be read", why=str(error)) from None


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The functions of a module, not those inside functions or classes."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
        elif not isinstance(node, ast.ClassDef | ast.Lambda):
            yield from functions(node)


def is_declaration(decorator: ast.expr, names: Mapping[str, str]) -> bool:
    """Whether a decorator is `model` or `engine_model`, of fftcas or of FFT."""
    function = decorator.func if isinstance(decorator, ast.Call) else decorator
    package, _, name = dotted(function, names).partition(".")
    return package in OURS and name.rpartition(".")[2] in ("model", "engine_model")


def _mentions(node: ast.AST, name: str) -> bool:
    return name in (getattr(node, "id", None), getattr(node, "attr", None), getattr(node, "value", None))


def _drop_docstrings(tree: ast.Module) -> None:
    """Drop all strings that stand as statements: they do nothing."""
    for node in ast.walk(tree):
        for part in ("body", "orelse", "finalbody"):
            steps = getattr(node, part, None)
            if isinstance(steps, list):
                setattr(node, part, [step for step in steps if not _is_text(step)])


def _is_text(step: ast.AST) -> bool:
    return isinstance(step, ast.Expr) and isinstance(step.value, ast.Constant) and isinstance(step.value.value, str)
