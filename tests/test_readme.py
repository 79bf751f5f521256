"""The README's commands are the ones that CI runs and that the files know."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_ci_runs_the_readmes_command() -> None:
    (command,) = re.findall(r"^\((.+)\) 2>&1", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE)
    assert f"```sh\n{command}\n```" in README


def test_the_readme_links_to_files_that_are_there() -> None:
    pages = [ROOT / "README.md", ROOT / "examples" / "cache_demo" / "README.md", *(ROOT / "docs").rglob("*.md")]
    dead = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert dead == []
