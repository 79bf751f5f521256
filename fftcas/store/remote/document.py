"""A derivation's document as others have written it: its key is proven by hashing, its notes have the shape of notes.

No digest covers the notes, and many commands read them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fftcas.derivation import Derivation
from fftcas.store.realisation import Realisation
from fftcas.store.remote.believable import digest_of, label, mapping, name, number, printable, text

_LONGEST = 16 << 20


def check_document(value: object, realisation: Realisation) -> bytes:
    """The derivation's document, if it has the key of the realisation. Raises ValueError."""
    document = text(value, _LONGEST)
    if not document.isascii():
        raise ValueError("its derivation is not spelled in ASCII")
    data = document.encode()
    try:
        derivation = Derivation.from_json(data)
        right = derivation.key == realisation.derivation and derivation.recipe_digest == realisation.recipe
    except (TypeError, AttributeError, RecursionError) as error:
        raise ValueError("its derivation is not one") from error
    if not right:
        raise ValueError("its derivation does not have the key that it claims")
    for source in derivation.inputs:
        name(source.label, 4096)  # a file's name, where it is no node's
        digest_of(source.output)
        if source.bytes is not None:
            number(source.bytes, 1 << 60)
    _check_notes(derivation.notes)
    return data


def _check_notes(value: object) -> None:
    """Raises ValueError unless notes are what `Provenance` writes: no digest covers them, and many read them."""
    notes = mapping(value)
    for field, check in _NOTES.items():
        if field in notes:
            check(notes[field])


def _path(value: object) -> None:
    name(value, 4096)


def _text(value: object) -> None:
    text(value, _LONGEST)


def _each(check: Callable[[object], object]) -> Callable[[object], None]:
    """A check of a mapping from names to values that pass `check`."""

    def checked(value: object) -> None:
        for key, each in mapping(value).items():
            name(key, 4096)
            check(each)

    return checked


def _value(value: object) -> None:
    """A variable's value; None where it is not set."""
    if value is not None:
        _text(value)


def _macro(value: object) -> None:
    fields = mapping(value)
    _path(fields.get("path"))
    number(fields.get("line"), 1 << 32)
    _text(fields.get("lines"))


def _defined(value: object) -> None:
    """Where something is defined in a module, and a short digest of it."""
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("a definition is not one")
    number(value[0], 1 << 32)
    printable(value[1], 100)


def _labels(value: object) -> None:
    if not isinstance(value, list):
        raise ValueError("a list is missing")
    for each in value:
        label(each)


_NOTES: Mapping[str, Callable[[object], object]] = {
    "path": _path,
    "sql": _text,
    "files": _each(_text),
    "macros": _each(_macro),
    "var": _each(_value),
    "env": _each(_value),
    "code": _each(_each(_defined)),
    "views": _labels,
}
