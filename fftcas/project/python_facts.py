"""What can be seen of a Python module without running it: imports, and what it reads."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from fftcas.errors import Location, ProjectError
from fftcas.project.files import Files
from fftcas.project.python_imported import IMPORT_CALLS, Import, called, imported
from fftcas.project.python_names import OURS, dotted, is_ours

ENV_CALLS = ("os.getenv", "os.environ.get", "os.environ.pop", "os.environ.setdefault")
HIDDEN_ENV = ("os.environ", "os.environb", "os.getenv", "os.getenvb", "os.path.expandvars")
HTTP = ("fftcas.http", "fastflowtransform.api")
CODE_CALLS = ("exec", "eval", "builtins.exec", "builtins.eval")
DOCS = ("__doc__", "getdoc")
"""What shows docstrings to code."""
LINES = (
    *("inspect", "traceback", "linecache", "getsource", "getsourcelines", "getcomments"),
    *("lineno", "tb_lineno", "f_lineno", "co_firstlineno", "co_lines", "co_linetable", "co_positions"),
)
"""What shows the text of a file to code, or the numbers of its lines."""
PLACES = (
    *("__name__", "__qualname__", "__module__", "__file__", "__spec__", "__path__", "__code__"),
    *("co_name", "co_qualname", "co_filename", "_getframe", "currentframe", "inspect", "traceback"),
    *("globals", "__globals__"),
)
"""What tells code how it, or other code, is called and where it lies."""
LOOKUPS = (
    *("pickle", "shelve", "multiprocessing", "ProcessPoolExecutor", "read_pickle", "to_pickle", "modules"),
    *("cloudpickle", "dill", "joblib", "loky", "multiprocess", "pathos", "billiard", "dask", "ray", "sklearn"),
)
"""What looks for the modules of functions and classes by their names, while the code runs."""
ELSEWHERE = ("site", "sys.meta_path", "sys.path", "sys.path_hooks")
"""What makes modules known that lie anywhere."""
DYNAMIC = (
    *("importlib.util", "importlib.machinery", "importlib.reload", "importlib.resources", "imp"),
    *("pkgutil", "pydoc", "runpy", "zipimport", *ELSEWHERE),
)
"""What imports in ways that are not followed."""


@dataclass(frozen=True)
class Facts:
    """One module's facts. `unresolved` are the lines whose imports cannot be known, `hidden_env` those that read
    environment variables whose names cannot be known; `any_var` says that it reads vars whose names cannot be.
    `elsewhere` says that it may make modules known that lie anywhere, `fetches` that it names our HTTP functions,
    `docs` that it looks at docstrings, `lines` that it looks at texts of files or numbers of lines, `places` that it
    looks at what functions or files are called, and `by_name` that modules may be looked for by name while it runs."""

    imports: tuple[Import, ...]
    env: frozenset[str]
    vars: frozenset[str]
    unresolved: tuple[int, ...]
    elsewhere: bool
    hidden_env: tuple[int, ...]
    any_var: bool
    fetches: bool
    docs: bool
    lines: bool
    places: bool
    by_name: bool


def parse(files: Files, path: str) -> ast.Module:
    """A Python file's tree. Raises ProjectError for a syntax error."""
    try:
        return ast.parse(files.text(path), path)
    except SyntaxError as error:
        raise ProjectError("this is not valid Python", where=Location(path, error.lineno), why=error.msg) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise ProjectError("this is not valid Python", where=Location(path), why=str(error)) from None


def facts(tree: ast.Module, names: Mapping[str, str]) -> Facts:
    """The facts of a module's tree, in which names stand for what `names` says."""
    reader = _Reader(names)
    reader.visit(tree)
    nodes = [node for part in (tree, *reader.texts) for node in ast.walk(part)]
    idioms = {id(part) for node in nodes if _is_idiom(node, names) for part in ast.walk(node)}
    said = {text for node in nodes if id(node) not in idioms for text in _said(node)}
    http = any(names_http(name) for statement in reader.imports for name in imported(statement))
    return Facts(
        imports=tuple(reader.imports),
        env=frozenset(reader.env),
        vars=frozenset(reader.vars),
        unresolved=tuple(sorted(set(reader.unresolved))),
        elsewhere=reader.elsewhere,
        hidden_env=tuple(sorted(set(reader.hidden_env))),
        any_var=reader.any_var,
        fetches=reader.fetches or http,
        docs=not said.isdisjoint(DOCS),
        lines=not said.isdisjoint(LINES),
        places=reader.names_shown or not said.isdisjoint(PLACES),
        by_name=not said.isdisjoint(LOOKUPS),
    )


def _said(node: ast.AST) -> Iterator[str]:
    """The names in a node, also those that are given as a text or imported."""
    if isinstance(node, ast.alias):
        yield from node.name.split(".")
    for text in (getattr(node, "id", None), getattr(node, "attr", None), getattr(node, "value", None)):
        if isinstance(text, str):
            yield text
    if isinstance(node, ast.ImportFrom) and node.module:
        yield from node.module.split(".")


def _is_idiom(node: ast.AST, names: Mapping[str, str]) -> bool:
    """`__name__ == "__main__"`, which a model never is, and `getLogger(__name__)`: neither gets into rows."""
    if isinstance(node, ast.Compare) and isinstance(node.left, ast.Name) and node.left.id == "__name__":
        return [getattr(other, "value", None) for other in node.comparators] == ["__main__"]
    return isinstance(node, ast.Call) and dotted(node.func, names) in ("logging.getLogger", "getLogger")


def names_http(name: str) -> bool:
    """Whether a full name is that of our HTTP functions' module, or in it."""
    return _is_in(name, HTTP)


def _is_in(name: str, modules: Sequence[str]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


class _Reader(ast.NodeVisitor):
    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names
        self.depth = 0
        self.seen: set[int] = set()
        self.inner: set[int] = set()
        self.texts: list[ast.Module] = []
        self.imports: list[Import] = []
        self.env: set[str] = set()
        self.vars: set[str] = set()
        self.unresolved: list[int] = []
        self.elsewhere = False
        self.hidden_env: list[int] = []
        self.any_var = False
        self.fetches = False
        self.names_shown = False

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
        if names == ("*",) and node.module in DYNAMIC:
            self._dynamic(node.module, node.lineno)

    def visit_Call(self, node: ast.Call) -> None:
        name = dotted(node.func, self.names)
        named = [keyword.value for keyword in node.keywords if keyword.arg in ("name", "key")]
        argument = next(iter([*node.args, *named]), None)
        literal = argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else None
        if name in IMPORT_CALLS:
            self.seen |= {id(part) for part in ast.walk(node.func)}
            self._import_call(node, name, literal)
        elif name in CODE_CALLS:
            self.seen.add(id(node.func))
            self._code(node, literal)
        elif name in ENV_CALLS or is_ours(name, "env"):
            self._environment(node, node.func, literal)
        elif name in ("dir", "locals", "vars") and not (node.args or self.depth):
            self.names_shown = True
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
        self.inner.add(id(node.value))
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
        if isinstance(node.ctx, ast.Load):
            self._value(node, name)
        self.fetches |= names_http(name)
        if _is_in(name, DYNAMIC) and self._imported(node):
            self._dynamic(name, node.lineno)

    def _dynamic(self, name: str, line: int) -> None:
        self.unresolved.append(line)
        self.elsewhere |= _is_in(name, ELSEWHERE)

    def _value(self, node: ast.Attribute | ast.Name, name: str) -> None:
        """A function, or a module as a whole, that is handed on: what becomes of it is not to be seen."""
        if name in (*IMPORT_CALLS, *CODE_CALLS) and id(node) not in self.seen:
            self.unresolved.append(node.lineno)
        if id(node) in self.inner or not self._imported(node):
            return
        self._whole(name, node.lineno)

    def _whole(self, module: str, line: int) -> None:
        if module in ("importlib", "builtins"):
            self.unresolved.append(line)
        elif module == "os" or module in OURS:
            self.hidden_env.append(line)
            self.any_var |= module in OURS

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

    def _import_call(self, node: ast.Call, function: str, literal: str | None) -> None:
        statement = called(node, function, literal) if literal is not None else None
        if statement is None:
            self.unresolved.append(node.lineno)
        else:
            self.imports.append(replace(statement, lazy=self.depth > 0, line=node.lineno))
            self._whole(statement.module, node.lineno)

    def _code(self, node: ast.Call, literal: str | None) -> None:
        try:
            tree = ast.parse(literal) if literal is not None else None
        except (SyntaxError, ValueError):
            tree = None
        if tree is None:
            self.unresolved.append(node.lineno)
        else:
            self.texts.append(tree)
            self.visit(tree)
