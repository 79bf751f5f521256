"""YAML with line numbers, and errors that point at them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fftcas.errors import ProjectError
from fftcas.project.yamlfile import parse_yaml, read_yaml


def test_keys_remember_their_lines() -> None:
    file = parse_yaml("a: 1\n\nb:\n  c: x\n  d:\n  - e: 2\n", "p.yml")
    assert str(file.where("b")) == "p.yml:3"
    assert str(file.section("b").where("d")) == "p.yml:5"
    assert [str(item.where("e")) for item in file.section("b").sections("d")] == ["p.yml:6"]


def test_values_are_plain_and_the_last_duplicate_wins() -> None:
    file = parse_yaml("a: 1\na: 2\nbase: &b {x: [1, 2]}\nc:\n  <<: *b\n  y: 2024-01-31\n", "p.yml")
    assert file.values == {"a": 2, "base": {"x": [1, 2]}, "c": {"x": [1, 2], "y": "2024-01-31"}}


def test_missing_and_empty_files(tmp_path: Path) -> None:
    (tmp_path / "empty.yml").write_text("# nothing\n")
    empty = read_yaml(tmp_path / "empty.yml", "empty.yml")
    assert read_yaml(tmp_path / "none.yml", "none.yml") is None
    assert empty is not None
    assert list(empty) == []


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        (b"a: [1\nb: 2\n", "p.yml:2", "not valid YAML"),
        (b"a: 1\n\tb: 2\n", "p.yml:2", "not valid YAML"),
        (b"a: 1\nb: !!python/object/apply:os.getcwd []\n", "p.yml:2", "not valid YAML"),
        (b"a: 1\non: 2\n", "p.yml:2", "write it in quotes"),
        (b"a: 1\n---\nb: 2\n", "p.yml:2", "not valid YAML"),
        (b"a: 1\nb: \x07\n", "p.yml:2", "not valid YAML"),
        (b"a: 1\nb: \xff\n", "p.yml:2", "not UTF-8"),
        (b"- 1\n", "p.yml:1", "must be a mapping"),
        (b"a: &a [*a]\n", "p.yml:1", "recursive"),
        (b"a: " + b"[" * 5000, "p.yml", "nested too deeply"),
        (b"a: !!set {x}\n", "p.yml", "type set"),
        (b'a: ["\\ud800"]\n', "p.yml", "half a character"),
        (b"a: 2024-13-45\nb: 0b\nc: !!int x\n", "p.yml", "not valid YAML"),
        (
            b"a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n"
            + b"".join(b"a%d: &a%d [%s]\n" % (i, i, b",".join([b"*a%d" % (i - 1)] * 10)) for i in range(1, 8)),
            "p.yml",
            "more than 1000000 values",
        ),
    ],
)
def test_broken_files(tmp_path: Path, text: bytes, where: str, words: str) -> None:
    (tmp_path / "p.yml").write_bytes(text)
    with pytest.raises(ProjectError) as error:
        read_yaml(tmp_path / "p.yml", "p.yml")
    assert str(error.value.where) == where
    assert words in str(error.value)


def test_a_directory_is_not_a_file(tmp_path: Path) -> None:
    (tmp_path / "p.yml").mkdir()
    with pytest.raises(ProjectError, match=r"cannot read p\.yml"):
        read_yaml(tmp_path / "p.yml", "p.yml")


def test_unknown_keys_name_the_closest() -> None:
    with pytest.raises(ProjectError, match=r"unknown key 'epok' in cache\n  at p.yml:2\n  hint: did you mean 'epoch'"):
        parse_yaml("cache:\n  epok: 1\n", "p.yml").section("cache").known({"epoch", "profile"})


def test_wrong_types_are_told_without_the_value() -> None:
    file = parse_yaml("n: 12345\nt: x\nl: [1]\nb: true\ne:\n", "p.yml")
    for check, message in [
        (lambda: file.text("n"), "'n' must be text, not a number\n  at p.yml:1"),
        (lambda: file.flag("t", True), "'t' must be true or false, not text\n  at p.yml:2"),
        (lambda: file.integer("b", 0), "'b' must be a whole number, not true or false\n  at p.yml:4"),
        (lambda: file.texts("l"), "'l' must be a list of texts, not a list\n  at p.yml:3"),
        (lambda: file.section("l"), "'l' must be a mapping, not a list\n  at p.yml:3"),
        (lambda: file.sections("l"), "'l' must be a list of mappings, not a list\n  at p.yml:3"),
        (lambda: file.required("e"), "p.yml has no 'e'\n  at p.yml"),
    ]:
        with pytest.raises(ProjectError) as error:
            check()  # type: ignore[no-untyped-call]
        assert str(error.value) == message


def test_empty_values_count_as_absent() -> None:
    file = parse_yaml("a:\nb: ''\n", "p.yml")
    assert ("a" in file, file.text("a"), file.flag("a", True), file.integer("a", 3)) == (False, None, True, 3)
    assert (list(file.section("a")), file.sections("a"), file.texts("a"), file.texts("b")) == ([], (), (), ("",))
