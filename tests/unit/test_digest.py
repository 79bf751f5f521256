"""Golden vectors hold the canonical encoding still: a change here changes every key ever made."""

from __future__ import annotations

from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fftcas.digest import Value, digest_bytes, digest_value, encode

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (None, b"null"),
        (True, b"true"),
        (1, b"1"),
        (1.0, b"1.0"),
        (-0.0, b"-0.0"),
        ("é", b'"\xc3\xa9"'),
        ("1", b'"1"'),
        ('"\n\0', b'"\\"\\n\\u0000"'),
        (("a", [None]), b'["a",[null]]'),
        ({"b": 1, "a": None}, b'{"a":null,"b":1}'),
        (MappingProxyType({"a": {}}), b'{"a":{}}'),
    ],
)
def test_encoding(value: Value, encoded: bytes) -> None:
    assert encode(value) == encoded


def test_golden_digests() -> None:
    assert digest_bytes(b"fftcas") == "1fa6959c6b81fd6b9732ded7e7874025339ca349a927bf88b662da8a0d2f3a47"
    assert (
        digest_value("recipe 1", {"sql": ["select", 1], "epoch": 0})
        == "29e750b19872bee7c3d5f1222208b9b534ddcb328d254166bf74fedfeedfb61c"
    )


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
