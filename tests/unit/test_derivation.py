"""Golden vectors of derivation keys, and the law that names are not ingredients."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fftcas.derivation import FORMAT, Derivation, Input, recipe

READ = Input((("id", "INTEGER"),), "c" * 64, "//seeds:users", "d" * 64)
RECIPE = recipe("sql", {"sql": ["SELECT", "id"], "materialized": "table"}, {"engine": "duckdb 2.0", "env": {}})


def test_golden_keys() -> None:
    assert (
        Derivation(RECIPE, (READ,)).recipe_digest == "74bb0ee595eb933ba0178496fa009d258b1c28b376538b5c07f09ab2d31fb4c8"
    )
    assert Derivation(RECIPE, (READ,)).key == "59ab7e10889f09bf0986171ea986075cb0ef38634a208e31df90c18f9fce496d"


def test_labels_and_outputs_are_not_hashed() -> None:
    renamed = replace(READ, label="//other:name", output="e" * 64)
    assert Derivation(RECIPE, (renamed,)).key == Derivation(RECIPE, (READ,)).key


@pytest.mark.parametrize(
    "other",
    [replace(READ, content="0" * 64), replace(READ, columns=(("id", "BIGINT"),)), replace(READ, columns=())],
)
def test_what_is_read_is_hashed(other: Input) -> None:
    assert Derivation(RECIPE, (other,)).key != Derivation(RECIPE, (READ,)).key


def test_json_comes_back() -> None:
    derivation = Derivation(RECIPE, (READ,))
    assert Derivation.from_json(derivation.to_json()) == derivation
    assert Derivation.from_json(derivation.to_json()).key == derivation.key


def test_json_of_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="not a derivation"):
        Derivation.from_json(b'{"inputs": 3}')


def test_no_ingredient_hides_the_format() -> None:
    assert recipe("seed", {"recipe format": 0, "format": "csv"}, {})["recipe format"] == FORMAT
