"""Models' templates: one Jinja environment for a project, in which references render as markers."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jinja2
from jinja2.environment import TemplateModule
from jinja2.runtime import Macro
from jinja2.sandbox import SandboxedEnvironment

from fftcas.errors import Location, ProjectError
from fftcas.project.environment import is_secret
from fftcas.project.ff_helpers import helpers, sql_literal
from fftcas.project.files import Files
from fftcas.project.model_config import model_config
from fftcas.project.plain_templates import PlainCall, plain_parts
from fftcas.project.rendered import Call, Rendered, template_text
from fftcas.project.template_calls import Rendering, This, place
from fftcas.relation import RelationName

UNCHANGING = (str, int, float, bool, type(None))
"""Types of values that no template can change."""


class Unwanted(Exception):
    """The model is disabled, or not for this engine; rendering stops."""


class Loader(jinja2.BaseLoader):
    """Finds what templates import or include: below `models/`, then below the project."""

    def __init__(self, files: Files) -> None:
        self.files = files

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, None]:
        for path in (f"models/{template}", template):
            if self.files.is_file(path):
                return template_text(self.files, path), path, None
        raise jinja2.TemplateNotFound(template)


class Jinja(SandboxedEnvironment):
    """Tells when a template imports or includes another one."""

    def __init__(self, used: Callable[[], None], **options: Any) -> None:
        super().__init__(**options)
        self._used = used

    def join_path(self, template: str, parent: str) -> str:
        self._used()
        return template


@dataclass
class MacroModule:
    """A file of macros; `found` are those that it has defined when it was last run."""

    path: str
    template: jinja2.Template
    found: dict[str, Macro] = field(default_factory=dict)

    def run(self) -> bool:
        """Define the macros; returns whether the file also keeps what one of them could change."""
        context = self.template.new_context()
        module = TemplateModule(self.template, context)
        self.found = {name: value for name, value in vars(module).items() if isinstance(value, Macro)}
        own = {name for name, macro in self.found.items() if macro.name == name}
        return not all(name in own or isinstance(value, UNCHANGING) for name, value in context.vars.items())


class Templates:
    """Renders the models of one project for one engine."""

    def __init__(self, files: Files, engine: str, values: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        self._files, self._engine, self._vars, self._environ = files, engine, values, environ
        self._macros = self._rendering = Rendering(RelationName("macros"))
        self._stateful: list[MacroModule] = []
        self._jinja = Jinja(
            self._used_another,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
            loader=Loader(files),
            finalize=self._written,
            optimized=False,  # a template is rendered once: looking for what is constant in it takes longer
        )
        self._own: dict[str, Callable[..., Any]] = {
            "ref": self._ref,
            "source": self._source,
            "config": self._config,
            "var": self._var,
            "env": self._env,
            "engine": self._engine_name,
            "is_incremental": lambda: False,
        }
        self._jinja.globals |= {**helpers(engine), **self._own}
        self._jinja.filters |= {"var": self._var, "env": self._env, "sql_literal": sql_literal}

    def add_functions(self, functions: Mapping[str, Callable[..., Any]]) -> None:
        """Make Python macros known, as functions and as filters."""
        self._jinja.globals |= functions
        self._jinja.filters |= functions

    def add_macros(self, path: str, text: str) -> None:
        """Make the SQL macros of a file known. Raises ProjectError."""
        macros = MacroModule(path, self._guarded(path, lambda: self._compile(path, text)))
        if self._guarded(path, macros.run):
            self._stateful.append(macros)
        self._jinja.globals |= macros.found

    def _run_again(self) -> None:
        """Let no model see what another one has left in a list or a namespace of a file of macros."""
        known = self._jinja.globals
        for macros in self._stateful:
            used = {name for name, macro in macros.found.items() if known[name] is macro}  # a later file may have them
            self._guarded(macros.path, macros.run)
            known |= {name: macro for name, macro in macros.found.items() if name in used}

    def render(self, path: str, relation: RelationName, text: str) -> Rendered | None:
        """A model's text; None if its config says that it is not wanted here. Raises ProjectError."""
        self._rendering = self._macros
        self._run_again()
        # What files of macros refer to has its numbers before what the model refers to.
        rendering = self._rendering = Rendering(relation, dict(self._macros.calls))
        try:
            sql = self._guarded(path, lambda: self._render(path, text, rendering))
        except Unwanted:
            return None
        return Rendered(sql, tuple(rendering.calls.values()), rendering.checked, rendering.rendered_unset)

    @property
    def asked(self) -> set[tuple[str, str]]:
        """The variables that the last model, or the macros as they were read, have asked for."""
        return self._macros.asked | self._rendering.asked

    @property
    def repeatable(self) -> bool:
        """Whether the last model's text is made of nothing but its file, the macros and what was `asked`."""
        return self._macros.repeatable and self._rendering.repeatable

    def _used_another(self) -> None:
        self._rendering.repeatable = False

    def _render(self, path: str, text: str, rendering: Rendering) -> str:
        parts = plain_parts(text)
        if parts is None or not all(isinstance(part, str) or self._is_own(part.function) for part in parts):
            return self._compile(path, text).render(this=This(rendering))
        return "".join([part if isinstance(part, str) else self._answer(path, part, rendering) for part in parts])

    def _is_own(self, function: str) -> bool:
        """Whether a name stands for a function of this class; macros may have taken it."""
        return function in self._own and self._jinja.globals[function] is self._own[function]

    def _answer(self, path: str, call: PlainCall, rendering: Rendering) -> str:
        rendering.at = Location(path, call.line)
        return str(self._written(self._own[call.function](*call.arguments, **call.keywords)))

    def _written(self, value: Any) -> Any:
        """What `{{ }}` writes for a value: itself. Notes where it is nothing."""
        if value is None:
            self._rendering.nothing.add(self._rendering.caller)
        return value

    def _compile(self, path: str, source: str) -> jinja2.Template:
        code = self._jinja.compile(source, path, path)
        return jinja2.Template.from_code(self._jinja, code, self._jinja.make_globals(None))

    def _guarded(self, path: str, action: Callable[[], Any]) -> Any:
        """Run `action`, and tell what goes wrong in a template with file and line."""
        try:
            return action()
        except (ProjectError, Unwanted):
            raise
        except jinja2.TemplateSyntaxError as error:
            where = Location(error.filename or path, error.lineno)
            raise ProjectError("this is not valid Jinja", where=where, why=error.message) from None
        except jinja2.TemplateNotFound as error:
            where = place(error.__traceback__) or Location(path)
            raise ProjectError(f"there is no template '{error.name}'", where=where) from None
        except RecursionError:
            raise ProjectError("the template never ends: a macro calls itself", where=Location(path)) from None
        except (Exception, SystemExit) as error:  # any macro may raise anything
            where = place(error.__traceback__) or self._rendering.at or Location(path)
            kind = "" if isinstance(error, jinja2.TemplateError) else f"{type(error).__name__}: "
            why = self._usage(error) or f"{kind}{error}"
            raise ProjectError("the template cannot be rendered", where=where, why=why) from error

    def _usage(self, error: BaseException) -> str | None:
        """How a function is written, if the error is that it was called with other arguments than it takes."""
        called, _, _ = str(error).partition("() ")
        for name, function in self._jinja.globals.items() if isinstance(error, TypeError) else ():
            if (inspect.isfunction(function) or inspect.ismethod(function)) and function.__qualname__ == called:
                parameters = inspect.signature(function).parameters.values()
                bare = inspect.Signature([each.replace(annotation=each.empty) for each in parameters])
                return f"{name}() is written {name}{bare}"
        return None

    def _ref(self, name: str) -> str:
        return self._rendering.mark("ref", self._rendering.text_argument("ref", name))

    def _source(self, group: str, table: str) -> str:
        names = (self._rendering.text_argument("source", each) for each in (group, table))
        return self._rendering.mark("source", *names)

    def _config(self, **values: Any) -> str:
        rendering = self._rendering
        if rendering is self._macros:
            return ""  # a file of macros has no config
        rendering.config |= values
        if rendering.config.get("enabled") is False:
            raise Unwanted
        engines = {key: value for key, value in rendering.config.items() if key == "engines"}
        if not model_config(engines, rendering.caller).for_engine(self._engine):
            raise Unwanted  # before anything else is looked at: it may be for another engine only
        rendering.checked = model_config(rendering.config, rendering.caller)
        return ""

    def _var(self, name: str, default: Any = None) -> Any:
        self._rendering.asked.add(("var", self._rendering.text_argument("var", name)))
        if name not in self._vars and default is None:
            self._rendering.unset[Call("var", (name,), self._rendering.caller)] = None
        # A copy, so that no model can change what the next one sees.
        return self._rendering.no_marks(copy.deepcopy(self._vars.get(name, default)), f"var('{name}')")

    def _env(self, name: str, default: Any = None) -> Any:
        self._rendering.asked.add(("env", self._rendering.text_argument("env", name)))
        if name in self._environ and is_secret(name):
            return self._rendering.mark("env", name)
        if name not in self._environ and default is None:
            self._rendering.unset[Call("env", (name,), self._rendering.caller)] = None
        return self._rendering.no_marks(self._environ.get(name, default), f"env('{name}')")

    def _engine_name(self, default: str | None = None) -> str | None:
        return self._engine or default
