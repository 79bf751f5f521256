"""Small nodes that run together: each is told of, fails and counts as if it ran by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from small import Small, new_small

from fftcas.build.decide import Decision
from fftcas.build.options import BuildOptions
from fftcas.build.outcome import Outcome
from fftcas.build.realise import Realiser

COUNT = 20


@pytest.fixture
def wide(tmp_path: Path) -> Small:
    """A seed, and many models that read it."""
    small = new_small(tmp_path)
    small.models(**{f"m{i}": f"select id + {i} as id, grp from {{{{ ref('numbers') }}}}" for i in range(COUNT)})
    return small


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many nodes were run at once, time after time."""
    sizes: list[int] = []
    build = Realiser.build

    def counting(self: Realiser, *decisions: Decision) -> list[Outcome]:
        sizes.append(len(decisions))
        return build(self, *decisions)

    monkeypatch.setattr(Realiser, "build", counting)
    return sizes


def test_they_give_what_each_gives_by_itself(wide: Small, built: list[int]) -> None:
    run = wide.run(options=BuildOptions(jobs=1))
    assert max(built) == COUNT
    assert {outcome.reason for outcome in run.outcomes} == {"first build"}
    assert [outcome.rows for outcome in run.outcomes] == [3] * (COUNT + 1)
    assert wide.sql("select sum(id) from w.m7") == [(6 + 3 * 7,)]
    assert set(wide.build().values()) == {"fresh"}


def test_one_that_fails_leaves_the_others(wide: Small, built: list[int]) -> None:
    wide.models(m3="select error('no') as id,\n  grp from {{ ref('numbers') }}", above="select id from {{ ref('m3') }}")
    run = wide.run(options=BuildOptions(jobs=1, keep_going=True))
    statuses = {outcome.label.name: outcome.status.value for outcome in run.outcomes}
    assert statuses == {
        **{f"m{i}": "built" for i in range(COUNT) if i != 3},
        "numbers": "built",
        "m3": "failed",
        "above": "skipped",
    }
    (error,) = [outcome.error for outcome in run.outcomes if outcome.error]
    assert str(error.where).startswith("models/m3.ff.sql")
    assert wide.sql("select count(*) from w.m19") == [(3,)]
    assert max(built) == COUNT
    wide.models(m3="select id, grp from {{ ref('numbers') }}")
    assert {name for name, status in wide.build().items() if status != "fresh"} == {"m3", "above"}


def test_views_become_tables_and_tables_views(wide: Small) -> None:
    for kind in ("view", "table", "view"):
        head = f"{{{{ config(materialized='{kind}') }}}}\n"
        wide.models(**{f"m{i}": f"{head}select id, {i} as n from {{{{ ref('numbers') }}}}" for i in range(5)})
        assert "failed" not in wide.build().values()
        assert wide.sql("select count(*) from duckdb_tables() where table_name like '__fftcas%'") == [(0,)]
        found = wide.sql(
            f"select count(*) from duckdb_{kind}s() where schema_name = 'w' and regexp_matches({kind}_name, 'm[0-4]$')"
        )
        assert found == [(5,)]


def test_slow_ones_do_not_hold_up_what_is_done(wide: Small, built: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fftcas.build.realise.AT_ONCE", 0.0)
    assert set(wide.build().values()) == {"built"}
    assert len(built) == COUNT + 1  # after each of them time is up
    assert set(wide.build().values()) == {"fresh"}
