"""`fftcas dag` and `fftcas report` on the demo: as text, and as pages that ask for nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from harness import Demo


def test_mermaid_and_dot(demo: Demo) -> None:
    done = demo.fftcas("dag", "-e", "dev_duckdb")
    assert done.exit_code == 0
    assert done.stdout.startswith("flowchart LR\n")
    assert done.stdout.count("-->") == 4
    done = demo.fftcas("dag", "-e", "dev_duckdb", "--dot", "//marts/...", "+stg_users")
    assert done.stdout.startswith("digraph {")
    assert done.stdout.count("->") == 2
    assert not (demo.project / "site").exists()


def test_the_page_is_one_file(demo: Demo) -> None:
    demo.build()
    done = demo.fftcas("dag", "--html", "-e", "dev_duckdb")
    assert done.exit_code == 0
    page = demo.project / "site" / "dag" / "index.html"
    assert done.stdout.strip() == str(page)
    assert [path.name for path in page.parent.iterdir()] == ["index.html"]
    text = page.read_text()
    assert not re.findall(r'(?:src|href)="(?!data:)', text)
    assert "default-src 'none'" in text
    assert "alice@example.com" in text.lower()
    demo.fftcas("dag", "--html", "-e", "dev_duckdb", "--rows", "0")
    assert "alice@example.com" not in page.read_text().lower()


def test_where_pages_go(built: Demo, tmp_path: Path) -> None:
    built.write("project.yml", "name: cache_demo\ndocs:\n  dag_dir: pages/graph\n")
    assert built.fftcas("dag", "--html", "-e", "dev_duckdb").exit_code == 0
    assert (built.project / "pages" / "graph" / "index.html").exists()
    assert built.fftcas("report", "--out", str(tmp_path / "out"), "-e", "dev_duckdb").exit_code == 0
    assert (tmp_path / "out" / "index.html").exists()
    (tmp_path / "file").write_text("")
    done = built.fftcas("report", "--out", str(tmp_path / "file"), "-e", "dev_duckdb")
    assert done.exit_code == 2
    assert "cannot write" in done.stderr


def test_before_the_first_run(demo: Demo) -> None:
    done = demo.fftcas("report", "-e", "dev_duckdb")
    assert done.exit_code == 0
    assert "there was no run yet" in done.stderr
