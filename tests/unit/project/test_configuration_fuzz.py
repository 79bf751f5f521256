"""Whatever stands in the configuration files, people get an error of ours or a result, never a traceback."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fftcas.errors import FftcasError
from fftcas.project.environment import load_environment
from fftcas.project.profiles import ENGINES, read_profile
from fftcas.project.seed_data import read_seed
from fftcas.project.seeds import read_seeds
from fftcas.project.settings import HOOK, HOOKS, INCREMENTAL, STORAGE, TOP, read_settings
from fftcas.project.sources import GROUP, PLACE, read_sources

KEYS = sorted(
    {"dev", "default", "engine", "artifacts", *ENGINES, *(key for options in ENGINES.values() for key in options)}
    | {*TOP, *STORAGE, *INCREMENTAL, *HOOKS, *HOOK, *GROUP, *PLACE, "sources", "identifier", "*", "any"}
    | {"targets", "dtypes", "columns", "a", "table", "type", "engines", "env", "include", "epoch", "url", "mode"}
)
WORDS = st.one_of(st.sampled_from([*KEYS, "", "declared", "1", "true", "{{ env('X') }}", "DECIMAL(1,2)"]), st.text())
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.dates(), st.binary(max_size=3), WORDS)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | LEAVES, inner, max_size=4),
    max_leaves=15,
)

READERS: list[tuple[str, Callable[[Path], object]]] = [
    ("project.yml", read_settings),
    ("profiles.yml", lambda root: read_profile(root, "dev", {})),
    ("sources.yml", lambda root: read_sources(root, "duckdb")),
    ("seeds/schema.yml", lambda root: read_seeds(root, {}, "duckdb")),
    (".env", lambda root: load_environment(root, "dev", root, {})),
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    (root / "seeds").mkdir()
    (root / "seeds" / "a.csv").write_text("a\n1\n")
    return root


@pytest.mark.parametrize(("name", "read"), READERS)
@settings(deadline=None)
@given(value=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5))
def test_any_structure(root: Path, name: str, read: Callable[[Path], Any], value: dict[str, Any]) -> None:
    (root / name).write_text(yaml.safe_dump(value, allow_unicode=True), "utf-8")
    with suppress(FftcasError):
        read(root)
    (root / name).unlink()


SNIPPETS = st.sampled_from(
    ["a: ", "{{ ", "}}", "{% if ", "%}", "- ", "\n", "'", '"', "&a ", "*a", "!!set ", "A=", "${", ","]
)


@pytest.mark.parametrize(("name", "read"), READERS)
@settings(deadline=None)
@given(
    data=st.binary(max_size=20)
    | st.lists(SNIPPETS | st.text(max_size=3), max_size=12).map(lambda x: "".join(x).encode())
)
def test_any_bytes(root: Path, name: str, read: Callable[[Path], Any], data: bytes) -> None:
    (root / name).write_bytes(data)
    with suppress(FftcasError):
        read(root)
    (root / name).unlink()


@settings(deadline=None)
@given(
    data=st.binary(max_size=20)
    | st.lists(SNIPPETS | st.text(max_size=3), max_size=12).map(lambda x: "".join(x).encode())
)
def test_any_seed(root: Path, data: bytes) -> None:
    file = root / "seeds" / "a.csv"
    file.write_bytes(data)
    (seed,) = read_seeds(root, {}, "duckdb")
    with suppress(FftcasError):
        read_seed(file, seed)
