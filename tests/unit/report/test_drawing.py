"""Drawing the graph: boxes never overlap, edges run to the right; and as text for other tools."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from fftcas.graph import Graph
from fftcas.label import Label
from fftcas.project.nodes import Seed, SqlModel
from fftcas.project.profiles import Profile
from fftcas.project.project import Project
from fftcas.project.settings import Settings
from fftcas.relation import RelationName
from fftcas.report.diagram import dot, mermaid
from fftcas.report.layout import HEIGHT, WIDTH, layout

A, B = Label("seeds", "a"), Label("m", "b")


@st.composite
def graphs(draw: st.DrawFn) -> list[list[int]]:
    size = draw(st.integers(0, 60))
    return [draw(st.lists(st.integers(0, i - 1), max_size=3)) if i else [] for i in range(size)]


@given(graphs())
def test_boxes_do_not_overlap_and_edges_run_to_the_right(inputs: list[list[int]]) -> None:
    levels: list[int] = []
    for sources in inputs:
        levels.append(max((levels[source] + 1 for source in sources), default=0))
    drawn = layout(inputs, levels)
    assert len(drawn.places) == len(inputs)
    for i, (x, y) in enumerate(drawn.places):
        assert -0.001 <= y <= drawn.height - HEIGHT + 0.001
        assert 0 <= x <= drawn.width - WIDTH
        for other_x, other_y in drawn.places[:i]:
            assert other_x != x or abs(other_y - y) >= HEIGHT
    for points in drawn.edges.values():
        assert all(a[0] < b[0] for a, b in pairwise(points))


def test_a_chain_is_straight() -> None:
    drawn = layout([[], [0], [1]], [0, 1, 2])
    assert len({y for _, y in drawn.places}) == 1


def test_mermaid_and_dot() -> None:
    nodes = {
        A: Seed(A, "a", "seeds/a.csv", RelationName("a")),
        B: SqlModel(B, "b.ff", "models/m/b.ff.sql", RelationName("b"), (A,)),
    }
    project = Project(Path(), Settings("p"), Profile("dev", "duckdb", {}), {}, nodes, Graph({A: (), B: (A,)}), {})
    assert mermaid(project, [A, B]) == 'flowchart LR\n  n0[("//seeds:a")]\n  n1["//m:b"]\n  n0 --> n1\n'
    assert 'n1 [label="//m:b", shape=box];\n  n0 -> n1;\n}\n' in dot(project, [A, B])
    assert "-->" not in mermaid(project, [B])
