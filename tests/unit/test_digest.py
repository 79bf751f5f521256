"""Golden vectors hold the canonical encoding still: a change here changes every key ever made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fftcas.digest import Value, digest_bytes, digest_value, encode

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (None, b"n"),
        (True, b"t"),
        (1, b"i\0\0\0\0\0\0\0\x011"),
        (-12, b"i\0\0\0\0\0\0\0\x03-12"),
        (1.0, b"d?\xf0\0\0\0\0\0\0"),
        ("é", b"s\0\0\0\0\0\0\0\x02\xc3\xa9"),
        (b"1", b"b\0\0\0\0\0\0\0\x011"),
        (["a"], b"l\0\0\0\0\0\0\0\x01s\0\0\0\0\0\0\0\x01a"),
        ({"a": None}, b"m\0\0\0\0\0\0\0\x01s\0\0\0\0\0\0\0\x01an"),
    ],
)
def test_encoding(value: Value, encoded: bytes) -> None:
    assert encode(value) == encoded


def test_golden_digests() -> None:
    assert digest_bytes(b"fftcas") == "1fa6959c6b81fd6b9732ded7e7874025339ca349a927bf88b662da8a0d2f3a47"
    assert digest_value("recipe 1", {"sql": ["select", 1], "epoch": 0}) == "00de335ae29c384f669a9fd0d7f41a30376ca3b4867499e4267de33c9cd5678b"


def test_contexts_are_apart() -> None:
    assert digest_value("recipe 1", {}) != digest_value("derivation 1", {})


def test_order_of_keys_does_not_count() -> None:
    assert encode({"a": 1, "b": 2}) == encode({"b": 2, "a": 1})


def test_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match="set"):
        encode({1, 2})  # type: ignore[arg-type]


@given(VALUES, VALUES)
def test_different_values_never_encode_alike(left: Value, right: Value) -> None:
    assert (encode(left) == encode(right)) == (typed(left) == typed(right))


def typed(value: object) -> object:
    """The value with its types spelled out, since Python says 1 == True == 1.0 and -0.0 == 0.0."""
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    return (type(value).__name__, repr(value))
