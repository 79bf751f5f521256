"""Reports of a run as XML and Markdown: whatever stands in a message stays text. Timelines: workers, critical path."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from fftcas.build.outcome import Outcome, Status
from fftcas.build.run import Run
from fftcas.errors import NodeError
from fftcas.graph import Graph
from fftcas.label import Label
from fftcas.project.profiles import Profile
from fftcas.project.project import Project
from fftcas.project.settings import Settings
from fftcas.report.junit import junit
from fftcas.report.markdown import markdown
from fftcas.report.savings import saved, saved_text
from fftcas.report.timeline import Span, critical_path, spans

A, B, C, D = (Label("p", name) for name in "abcd")
START = "2026-01-31T12:00:00.000000+00:00"
PROJECT = Project(Path(), Settings("de<mo"), Profile("dev", "duckdb", {}), {}, {}, Graph({}), {})


def run(*outcomes: Outcome) -> Run:
    return Run("20260131T120000-000000", START, START, 0.5, outcomes)


@given(st.text())
def test_any_message_is_text_in_xml(message: str) -> None:
    failed = Outcome(A, Status.FAILED, message, error=NodeError(message))
    suite = ET.fromstring(junit(PROJECT, run(failed, Outcome(B, Status.SKIPPED, message))))
    assert [case.get("name") for case in suite] == ["a", "b"]
    assert [len(case) for case in suite] == [1, 1]


@given(st.text())
def test_any_reason_stays_in_its_cell(reason: str) -> None:
    lines = markdown(PROJECT, run(Outcome(A, Status.BUILT, f"{reason}|<script>"))).splitlines()
    assert len([line for line in lines if line.startswith("| ")]) == 2
    assert "<script>" not in "\n".join(lines).replace("\\<", "")


def test_a_message_does_not_end_its_block() -> None:
    lines = markdown(PROJECT, run(Outcome(A, Status.FAILED, "no", error=NodeError("a\n````\nb")))).splitlines()
    assert lines.count("`````") == 2


def test_what_is_worth_saying_of_what_was_saved() -> None:
    hit = Outcome(A, Status.FRESH, "", "00" * 32, rows=5, bytes=40, saved_seconds=0.9)
    assert saved_text(run(hit)) == ""
    both = run(hit, replace(hit, status=Status.RESTORED, saved_seconds=60), replace(hit, status=Status.BUILT))
    assert (saved(both).nodes, saved(both).rows, saved(both).bytes) == (2, 10, 80)
    assert saved_text(both) == "saved 1 min 1 s"


def test_overlapping_nodes_have_different_workers() -> None:
    later = ["2026-01-31T12:00:00.500000+00:00", "2026-01-31T12:00:01.000000+00:00"]
    found = spans([(A, START, 1.0), (B, START, 0.4), (C, later[0], 1.0), (D, later[1], 1.0), (A, "", 9.0)], START)
    assert found == [Span(A, 0, 1, 0), Span(B, 0, 0.4, 1), Span(C, 0.5, 1.5, 1), Span(D, 1, 2, 0)]


def test_the_critical_path() -> None:
    #  a → c → d,  b → d
    graph = Graph({A: (), B: (), C: (A,), D: (C, B)})
    times = [Span(A, 0, 1, 0), Span(B, 0, 1.5, 1), Span(C, 1, 2, 0), Span(D, 2, 3, 0)]
    assert critical_path(graph, times) == [A, C, D]
    assert critical_path(graph, [times[1], times[3]]) == [B, D]
    assert critical_path(graph, []) == []
