from __future__ import annotations

import pytest

from fftcas.errors import ProjectError
from fftcas.graph import Graph
from fftcas.label import Label

A, B, C, D = (Label("p", name) for name in "abcd")
DIAMOND = Graph({D: (B, C), C: (A,), B: (A,), A: ()})


def test_order_is_by_level_then_label() -> None:
    assert DIAMOND.order == (A, B, C, D)
    assert DIAMOND.level == {A: 0, B: 1, C: 1, D: 2}


def test_readers() -> None:
    assert DIAMOND.readers == {A: (B, C), B: (D,), C: (D,), D: ()}


def test_reach() -> None:
    assert DIAMOND.ancestors([D]) == {A, B, C, D}
    assert DIAMOND.ancestors([D], depth=1) == {B, C, D}
    assert DIAMOND.descendants([B]) == {B, D}


def test_a_cycle_is_shown_as_a_path() -> None:
    with pytest.raises(ProjectError, match=r"//p:b → //p:c → //p:b"):
        Graph({A: (B,), B: (C,), C: (B,)})


def test_a_long_chain_does_not_exhaust_the_stack() -> None:
    labels = [Label("p", f"n{i}") for i in range(5000)]
    chain = Graph({label: (labels[i - 1],) if i else () for i, label in enumerate(labels)})
    assert chain.level[labels[-1]] == 4999
