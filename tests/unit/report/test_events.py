"""The event log: a line for each thing that happens, as long as there is room."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fftcas.build.run import Run
from fftcas.label import Label
from fftcas.report.events import EventLog

RUN = Run("20260131T120000-000000", "", "", 0.5, ())


def test_a_line_for_each_event(tmp_path: Path) -> None:
    log = EventLog(tmp_path, RUN.run_id, "build")
    log.started(Label("p", "a"))
    log.finish(RUN)
    events = [json.loads(line)["event"] for line in log.path.read_text().splitlines()]
    assert events == ["run_started", "node_started", "run_finished"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is full")
def test_a_full_disk_ends_the_log_and_not_the_run(tmp_path: Path) -> None:
    (tmp_path / f"{RUN.run_id}.jsonl").symlink_to("/dev/full")
    log = EventLog(tmp_path, RUN.run_id, "build")
    log.started(Label("p", "a"))
    log.finish(RUN)
