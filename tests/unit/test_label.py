from __future__ import annotations

import pytest

from fftcas.errors import UsageError
from fftcas.label import Label


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("//marts:orders", Label("marts", "orders")),
        ("//marts", Label("marts", "marts")),
        ("//a/b:c.d-e", Label("a/b", "c.d-e")),
        ("//:top", Label("", "top")),
        ("@crm//:users", Label("", "users", "crm")),
    ],
)
def test_parse(text: str, label: Label) -> None:
    assert Label.parse(text) == label


def test_equal_labels_are_one_key() -> None:
    assert len({Label("a/b", "c"), Label.parse("//a/b:c"), Label("a/b", "c", "r"), Label("a", "b/c")}) == 3


def test_text_comes_back() -> None:
    assert str(Label("", "users", "crm")) == "@crm//:users"
    assert str(Label("a/b", "c")) == "//a/b:c"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("//../x:y", r"not allowed: '\.'"),
        ("//marts:or ders", "not allowed: ' '"),
        ("//marts:<script>", "not allowed: '<'"),
        ("//marts:", "empty part"),
        ("//a//b:c", "empty part"),
        ("marts:x", "not a label"),
        ("//marts:x\n", r"not allowed: '\\n'"),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Label.parse(text)
