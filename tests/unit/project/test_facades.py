"""What projects import: fftcas itself, and the stand-in for FastFlowTransform."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys

import pytest

import fftcas

NAMES = {
    "fastflowtransform": ["dq_test", "engine_model", "model"],
    "fastflowtransform.decorators": ["dq_test", "engine_model", "model"],
    "fastflowtransform.hooks.registry": ["fft_hook"],
    "fastflowtransform.hooks.types": ["HookContext", "ModelContext", "RunContext"],
    "fastflowtransform.testing.base": ["TestFailure", "_scalar"],
}


def test_the_public_names_are_these() -> None:
    assert fftcas.__all__ == ["engine_model", "env", "model", "var"]
    assert all(hasattr(fftcas, name) for name in fftcas.__all__)


@pytest.mark.parametrize("module", NAMES)
def test_the_stand_in_has_what_projects_import(module: str) -> None:
    assert all(hasattr(importlib.import_module(module), name) for name in NAMES[module])


def test_decorators_give_the_function_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "FF_ENGINE", "duckdb")

    def function() -> int:
        return 1

    from fastflowtransform import dq_test
    from fastflowtransform.hooks.registry import fft_hook

    for decorator in (
        fftcas.model("x", deps=[]),
        fftcas.engine_model(only="postgres"),
        fftcas.engine_model(only="DuckDB", env_match={"NOWHERE": "1"}),
        dq_test("x"),
        fft_hook(when="on_run_start"),
    ):
        assert decorator(function) is function


def test_importing_fftcas_is_light() -> None:
    heavy = "duckdb pyarrow pandas jinja2 yaml urllib3 click rich"
    code = f"import sys, fftcas; print([m for m in {heavy.split()!r} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
