"""What projects say in YAML files that this version does not read: told once, lest anybody rely on it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fftcas.errors import Location
from fftcas.project.files import Files
from fftcas.project.sources import FILE as SOURCES

INSTEAD = {
    "tests": "these data tests are not run",
    "data_tests": "these data tests are not run",
    "freshness": "nobody looks how old a source is",
}
KEY = re.compile(rf"(?m)(?:^|[{{,])[ \t-]*({'|'.join(INSTEAD)})[ \t]*:(?![ \t]*(?:null|~|\[\]|\{{\}}))")


def without_effect(files: Files) -> Iterator[str]:
    """A warning for the first place of each key; a file that cannot be read says nothing."""
    told: set[str] = set()
    for path in (SOURCES, *files.walk("models", (".yml", ".yaml"))):
        file = files.root / path
        try:
            text = file.read_bytes().decode("utf-8", "replace") if file.is_file() else ""
        except OSError:
            continue
        for match in KEY.finditer(text):
            if match[1] not in told:
                told.add(match[1])
                where = Location(path, text.count("\n", 0, match.start(1)) + 1)
                yield f"{where}: '{match[1]}' has no effect in this version: {INSTEAD[match[1]]}"
