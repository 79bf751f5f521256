"""Deciding for those who only want to know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import chdir, closing, contextmanager

from fftcas.build.decide import Decider
from fftcas.build.http import Http
from fftcas.build.options import BuildOptions
from fftcas.build.target import Target
from fftcas.project.project import Project
from fftcas.store import Store


@contextmanager
def looking(project: Project, store: Store, options: BuildOptions | None = None) -> Iterator[Decider]:
    """A decider that changes nothing: the database is opened for reading, if at all, and no server is asked.

    Meanwhile the project's directory is the current one, as in a build.
    """
    options = options or BuildOptions()
    with chdir(project.root), closing(Target(project, store, read_only=True)) as target:
        http = Http(project, store, options.http, say=lambda line: None)
        with closing(Decider(project, store, target, options, http)) as decider:
            yield decider
