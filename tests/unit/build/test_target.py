"""What is remembered of the target database: what it holds, and nothing that someone else may have changed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest

from fftcas.build import publishing as publishing_module
from fftcas.build.target import OvertakenError, Target, remembered_state
from fftcas.engines import database_state, open_engine
from fftcas.graph import Graph
from fftcas.project.profiles import Profile
from fftcas.project.project import Project
from fftcas.project.settings import Settings
from fftcas.relation import RelationKind, RelationName, Stamp
from fftcas.store import Store, measure_table

A, B, V = RelationName("a"), RelationName("b"), RelationName("v")
KEY = "00" * 32


@pytest.fixture
def project(tmp_path: Path) -> Project:
    profile = Profile("dev", "duckdb", {"path": str(tmp_path / "target.duckdb")})
    return Project(tmp_path, Settings("p"), profile, {}, {}, Graph({}), {})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


def publish(target: Target, relation: RelationName, *values: int) -> Stamp:
    with target.session() as session:
        staged = session.stage_arrow(relation, pa.table({"x": list(values)}), {})
        manifest = measure_table(session.read(staged))
        at = "2026-01-31T12:00:00.000000+00:00"
        stamp = Stamp("n", relation, RelationKind.TABLE, KEY, manifest.output, "duckdb", at, manifest.json)
        session.publish(staged, stamp)
    return stamp


def held(project: Project) -> dict[RelationName, Stamp]:
    """What the database says itself."""
    with closing(open_engine("duckdb", project.profile.options)) as engine:
        return dict(engine.stamps())


def test_what_is_remembered_is_what_the_database_says(project: Project, store: Store) -> None:
    with closing(Target(project, store)) as target:
        publish(target, A, 1)
        publish(target, B, 1)
        with target.session() as session:
            view = Stamp("v", V, RelationKind.VIEW, KEY, KEY, "duckdb", "2026-01-31T12:00:00.000000+00:00")
            session.publish_view(V, "SELECT 1 AS x", view)
    with closing(Target(project, store)) as target:
        publish(target, A, 2, 3)  # what is not touched is remembered as it was
    with closing(Target(project, store, read_only=True)) as target:
        assert target._engine is None
        assert target.stamps() == held(project)
        assert set(target.stamps()) == {A, B, V}


def test_what_failed_while_it_was_published_is_not_remembered(
    project: Project, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Target(project, store)) as target:
        publish(target, A, 1)
        kept = publish(target, B, 1)
        with monkeypatch.context() as patch:
            patch.setattr(publishing_module.Publishing, "publish", broken(publishing_module.Publishing.publish))
            with pytest.raises(OSError, match="in between"):
                publish(target, A, 2)
    with closing(Target(project, store)) as target:
        assert target.stamps() == {B: kept}


def broken(publish: Callable[..., None]) -> Callable[..., None]:
    """Publishing that breaks off between the engine's commit and the end of the call."""

    def run(self: publishing_module.Publishing, *arguments: object) -> None:
        tell = self._tell

        def stop(relation: RelationName, stamp: Stamp | None) -> None:
            if stamp is not None:
                raise OSError("in between")
            tell(relation, stamp)

        self._tell = stop
        publish(self, *arguments)

    return run


def test_a_table_that_someone_else_has_changed_is_not_taken_for_verified(project: Project, store: Store) -> None:
    with closing(Target(project, store)) as target:
        publish(target, A, 1)
    with closing(open_engine("duckdb", project.profile.options)) as engine:
        engine._connection.execute("UPDATE a SET x = 2")  # type: ignore[attr-defined]
    for _ in range(2):  # the second one recalls what the first one found
        with closing(Target(project, store)) as target:
            assert target.stamps()[A].output == ""
            target.engine()


def test_what_is_written_between_the_look_and_the_opening_is_told_to_every_caller(
    project: Project, store: Store
) -> None:
    with closing(Target(project, store)) as target:
        publish(target, A, 1)
    with closing(Target(project, store)) as target:
        assert target.stamps()[A].output
        with closing(open_engine("duckdb", project.profile.options)) as engine:
            engine._connection.execute("UPDATE a SET x = 2")  # type: ignore[attr-defined]
        for _ in range(2):
            with pytest.raises(OvertakenError):
                publish(target, B, 1)
        assert not target.is_open
    assert target.state is None
    assert remembered_state(project, store) != database_state("duckdb", project.profile.options)
    with closing(Target(project, store)) as target:
        assert target.stamps()[A].output == ""


def test_one_that_looks_again_knows_what_was_written_and_remembers_it(project: Project, store: Store) -> None:
    with closing(Target(project, store)) as target:
        publish(target, A, 1)
    with closing(Target(project, store)) as target:
        with closing(open_engine("duckdb", project.profile.options)) as engine:
            engine._connection.execute("UPDATE a SET x = 2")  # type: ignore[attr-defined]
        target.open()
        assert target.is_open
        assert target.stamps()[A].output == ""
        publish(target, B, 1)
    assert target.state == remembered_state(project, store) == database_state("duckdb", project.profile.options)


def test_nothing_is_remembered_of_a_table_of_others_that_was_replaced(project: Project, store: Store) -> None:
    with closing(Target(project, store)) as target:
        publish(target, A, 1)
        publish(target, B, 1)
    with closing(Target(project, store)) as target:
        for relation in (A, B):
            target.describe(relation)
            target.content(relation, "content", None)
    with closing(Target(project, store)) as target:
        before = target.content(A, "content", None)
        assert not target.is_open
        publish(target, RelationName("A", "main"), 2)
    with closing(Target(project, store)) as target:
        target.content(B, "content", None)
        assert not target.is_open
        assert target.content(A, "content", None) != before
        assert target.is_open
