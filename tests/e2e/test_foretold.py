"""After a build, the next one is known: it says and leaves what it would say and leave if it were found out."""

from __future__ import annotations

import json
import re
import shutil
import time
from typing import Any

import pytest
from harness import Demo
from observed import Observed, observe, tell

WORDS = ("build", "-e", "dev_duckdb", "--", "//...", "-//http/...")


def build(demo: Demo, *words: str) -> tuple[Observed, dict[str, Any]]:
    """A build's words without the time, and its results without what differs from run to run."""
    done = observe(demo, *(words or WORDS))
    results = json.loads((demo.project / ".fftcas/target/run_results.json").read_text())
    for name in ("run_id", "started_at", "finished_at"):
        assert results["metadata"].pop(name)
    return done, results


def said(done: Observed) -> tuple[int, str, str]:
    return done.exit_code, re.sub(r" in \S+ m?s\b", " in a while", done.stdout), done.stderr


@pytest.mark.parametrize("words", [WORDS, (WORDS[0], "-v", *WORDS[1:]), (WORDS[0], "-q", *WORDS[1:])])
def test_what_is_foretold_is_what_is_found_out(demo: Demo, words: tuple[str, ...]) -> None:
    time.sleep(2.1)
    tell(demo, *words)
    foretold, foretold_results = build(demo, *words)
    assert foretold.remembered
    shutil.rmtree(demo.project / ".fftcas" / "unchanged")
    found, found_results = build(demo, *words)
    assert not found.remembered
    assert said(foretold) == said(found)
    assert foretold_results == found_results


def test_nothing_is_foretold_where_something_would_run_again(demo: Demo) -> None:
    demo.write("models/marts/always.ff.sql", "{{ config(cache=false) }}\nselect 1 as one")
    time.sleep(2.1)
    tell(demo, *WORDS)
    again, results = build(demo)
    assert not again.remembered
    assert results["summary"]["built"] == 1


def test_an_edit_after_the_build_is_found_out(demo: Demo) -> None:
    time.sleep(2.1)
    tell(demo, *WORDS)
    demo.edit("models/marts/mart_user_orders.ff.sql", "select", "select 7 as seven,")
    again, results = build(demo)
    assert not again.remembered
    assert results["summary"]["built"] == 1


def test_an_edit_while_it_was_built_is_found_out(demo: Demo) -> None:
    """A model edits another one's file, which was read before."""
    demo.write("models/marts/late.ff.sql", "select 1 as one")
    demo.write(
        "models/python/editor.ff.py",
        "import pathlib\n\nimport pandas as pd\nfrom fftcas import model\n\n\n@model()\ndef editor():\n"
        "    pathlib.Path('models/marts/late.ff.sql').write_text('select 2 as one')\n"
        "    return pd.DataFrame({'x': [1]})\n",
    )
    time.sleep(2.1)
    tell(demo, *WORDS)
    build(demo)
    assert demo.sql("select one from cache_demo.late") == [(2,)]
