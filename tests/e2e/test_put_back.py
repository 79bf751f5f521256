"""`restore` makes again what this project's own run has left, whatever else the store was told meanwhile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from small import Small, new_small

from fftcas.build.restore import restore
from fftcas.build.versions import history
from fftcas.build.why_run import find_run
from fftcas.relation import RelationName
from fftcas.store import Relation

VIEW = "{{ config(materialized='view') }} "


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return new_small(tmp_path)


def put_back(small: Small, run_id: str = "last") -> dict[str, str]:
    """What became of each relation, after the database was taken away: its status, or why it is lost."""
    small.database.unlink(missing_ok=True)
    project = small.load()
    with small.store() as store:
        results = restore(project, store, find_run(store, project, run_id)[0], lambda each: None)
    return {each.label.name: each.reason or each.status for each in results}


def test_a_view_is_made_of_the_text_that_the_run_had_here(small: Small) -> None:
    small.models(stg="select id from {{ ref('numbers') }}", v=VIEW + "select id from {{ ref('stg') }}")
    first = small.run().run_id
    (small.root / "models/stg.ff.sql").rename(small.root / "models/stage.ff.sql")
    small.models(stg="select id + 100 as id from {{ ref('numbers') }}", v=VIEW + "select id from {{ ref('stage') }}")
    assert small.outcome("v").status == "restored"  # the same key, of another input
    with small.store() as store:
        (made,) = store.history(str(small.root), "//:v")
        known = store.derivation(made.derivation)
        assert known is not None
        forged = replace(known, notes={**known.notes, "sql": "select 666 as id", "relation": ["w", "numbers"]})
        store.commit(made, forged.to_json(), None)
    assert set(put_back(small).values()) == {"restored"}
    assert small.sql("from w.v order by id") == [(1,), (2,), (3,)]
    assert small.build()["v"] == "restored"  # a view that was put back is looked at
    small.models(stage="select id + 200 as id from {{ ref('numbers') }}")
    assert small.build()["v"] == "fresh"
    project = small.load()
    with small.store() as store:
        restore(project, store, find_run(store, project, first)[0], lambda each: None)
    assert small.sql("from w.v order by id") == [(1,), (2,), (3,)]  # over `stg`, of that run; `stage` is not touched


def test_views_come_back_whose_rows_have_changed_and_those_that_read_files(small: Small) -> None:
    small.write("d/a.csv", "x\n1\n")
    small.models(
        v=VIEW + "select id from {{ ref('numbers') }}",
        over=VIEW + "select count(*) as n from {{ ref('v') }}",
        files=VIEW + "select * from read_csv('d/a.csv')",
    )
    small.run()
    small.write("seeds/numbers.csv", "id,grp,val,note\n1,a,10,x\n7,a,20,y\n")
    assert small.build()["v"] == "fresh"
    assert put_back(small) == dict.fromkeys(["numbers", "v", "over", "files"], "restored")
    assert [small.sql(f"from w.{name}") for name in ("v", "over", "files")] == [[(1,), (7,)], [(2,)], [(1,)]]
    with small.store() as store:
        for made in store.history(str(small.root), "//seeds:numbers"):
            store.disown(made.derivation)
    lost = put_back(small)
    assert lost["numbers"] == "its rows are no longer in the store"
    assert lost["v"] == "//seeds:numbers, which it reads, is not what it was"
    assert lost["over"] == "//:v, which it reads, is not what it was"
    assert lost["files"] == "restored"
    with small.store() as store:
        store.record_run(store.runs(str(small.root), 1)[0])  # as it was before texts were kept
    assert put_back(small)["files"] == "it was a view, and its text was not kept with that run"


def test_outputs_that_another_label_made_have_a_past(small: Small) -> None:
    small.models(stg="select id from {{ ref('numbers') }}", twin="select id from {{ ref('numbers') }}")
    small.run()
    (small.root / "models/stg.ff.sql").rename(small.root / "models/stage.ff.sql")
    assert small.build()["stage"] == "restored"
    assert put_back(small) == dict.fromkeys(["numbers", "stg", "twin", "stage"], "restored")
    project = small.load()
    with small.store() as store:
        assert [len(history(project, store, project.find(name).label, 9)) for name in ("stage", "twin")] == [1, 1]
        run = store.runs(str(small.root), 1)[0]
        assert store.places(run)["//:stg"] == Relation(RelationName("stg"))  # the project has it no more
    small.sql("drop table w.twin; drop table w.stage")
    small.models(
        twin="select id + 1 as id from {{ ref('numbers') }}", stage="select id + 2 as id from {{ ref('twin') }}"
    )
    assert [small.why(name).reason for name in ("twin", "stage")] == ["sql changed", "sql changed"]
