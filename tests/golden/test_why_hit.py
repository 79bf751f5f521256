"""What `why-hit` says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from shop import Shop


@pytest.mark.parametrize("label", ["//marts:spend", "//python:names", "//staging:stg_orders", "//seeds:users"])
def test_proof(label: str, shop: Shop, golden: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]) -> None:
    assert shop.run("why-hit", label) == 0
    golden(f"why_hit/{label.rpartition(':')[2]}", capsys.readouterr().out)


def test_with_keys(shop: Shop, golden: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]) -> None:
    assert shop.run("why-hit", "-v", "spend") == 0
    golden("why_hit/verbose", capsys.readouterr().out)


def test_no_hit(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.edit("models/marts/spend.sql", "order by", "order by cents,")
    assert shop.run("why-hit", "spend") == 0
    assert capsys.readouterr().out == "//marts:spend is no hit: `fftcas why-rebuild //marts:spend` says why\n"


def test_a_source_is_not_built(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert shop.run("why-hit", "@erp//:stock") == 2
    assert "it is read, not built" in capsys.readouterr().err
