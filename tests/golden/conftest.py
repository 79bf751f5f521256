"""Fixtures: a shop that was built, and golden files."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from shop import Shop, copy_shop, new_shop

GOLDEN = Path(__file__).parent
UPDATE = bool(os.environ.get("UPDATE_GOLDEN"))
"""Set UPDATE_GOLDEN=1 to write the golden files anew; then read the diff."""


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("FF_", "FFT_", "FFTCAS_", "SHOP_")):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = new_shop(tmp_path_factory.mktemp("shop"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FFTCAS_STORE", str(shop.store))
        assert shop.run("build", "-q") == 0
    return shop


@pytest.fixture
def shop(built_once: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop that was built, to be changed."""
    copy = copy_shop(built_once, tmp_path)
    monkeypatch.setenv("FFTCAS_STORE", str(copy.store))
    return copy


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compares a text with a golden file, times and hashes aside."""

    def compare(name: str, text: str) -> None:
        file = GOLDEN / f"{name}.txt"
        seen = normalised(text)
        if UPDATE:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(seen)
        assert seen == file.read_text()

    return compare


def normalised(text: str) -> str:
    text = re.sub(r"\b[0-9a-f]{16,64}\b", "<hash>", text)
    text = re.sub(r"\b\d{8}T\d{6}-[0-9a-f]{6}\b", "<run>", text)
    text = re.sub(r"\b(just now|\d+ (min|h|days) ago)", "<ago>", text)
    text = re.sub(r"\b\d[\d.,]* (ms|s|min( \d+ s)?)\b", "<time>", text)
    text = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d[.\d]*)?(\+00:00)?", "<date>", text)
    text = re.sub(r"(run <run> on) \S+,", r"\1 <host>,", text)
    text = re.sub(r"(package +\S+) \S+", r"\1 <version>", text)
    return re.sub(r"DuckDB \d+\.\d+|duckdb \d+\.\d+", "duckdb <version>", text)
