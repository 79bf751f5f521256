"""Early cutoff where only the order of rows differs: equality of tables is proven at the moment of a miss."""

from __future__ import annotations

from fftcas.derivation import Derivation, Input
from fftcas.digest import Digest
from fftcas.engines import same_rows
from fftcas.label import Label
from fftcas.store import MissingBlob, Store

CANDIDATES = 3
"""How many earlier realisations of the recipe are compared with, the newest first."""


def prove_equal(store: Store, label: Label, derivation: Derivation, held: Digest | None) -> bool:
    """True if each input that is new holds the same rows, in another order, as that of an earlier build of `label`.

    `held` is the derivation of what the relation holds: another node with the same recipe may have built it. What was
    proven is recorded, so that the derivation, derived again, has the earlier one's key.
    """
    built = store.realisations_of(derivation.recipe_digest, label.text, CANDIDATES)
    keys = dict.fromkeys([*filter(None, [held]), *(earlier.derivation for earlier in built)])
    for past, earlier in ((store.derivation(key), store.realisation(key)) for key in keys):
        if past is None or earlier is None or store.manifest(earlier.output) is None:
            continue
        old = past.inputs
        if past.recipe_digest != derivation.recipe_digest or len(old) != len(derivation.inputs):
            continue
        differing = [(a, b) for a, b in zip(derivation.inputs, old, strict=True) if a.content != b.content]
        if differing and all(same(store, new, known) for new, known in differing):
            for new, known in differing:
                store.record_same(new.content, known.content)
            return True
    return False


def same(store: Store, new: Input, known: Input) -> bool:
    """Whether two inputs show their reader the same rows, in whatever order."""
    left, right = store.manifest(new.output), store.manifest(known.output)
    if left is None or right is None or new.columns != known.columns or left.rows != right.rows:
        return False
    names = [name for name, _ in new.columns]
    try:
        return same_rows(store.read_table(left, names), store.read_table(right, names))
    except MissingBlob:
        return False
