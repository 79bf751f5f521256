"""Seeds: the CSV and Parquet files that a project brings along."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from fftcas.digest import Digest, digest_file
from fftcas.errors import Location, ProjectError, UsageError
from fftcas.label import Label
from fftcas.project import seed_schema
from fftcas.project.nodes import Seed
from fftcas.project.seed_data import READER
from fftcas.project.yamlfile import Section, read_yaml
from fftcas.relation import RelationName

FORMATS = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}


def read_seeds(root: Path, environ: Mapping[str, str], engine: str) -> tuple[Seed, ...]:
    """The seeds below `FFT_SEEDS_DIR`, else below `seeds/`, by path; their files are hashed. Raises ProjectError."""
    root = root.resolve()
    folder, chosen = _folder(root, environ)
    files = _files(folder, root, (root, folder) if chosen else (root,))
    schema_path = _shown(folder / "schema.yml", root)
    schema = read_yaml(folder / "schema.yml", schema_path) or Section(schema_path)
    schema.known({"targets", "dtypes", "columns"})
    places = seed_schema.targets(schema, tuple(files), engine)
    types = seed_schema.types(schema, {seed: table for seed, (_, table) in places.items()}, engine)
    seeds = tuple(_seed(seed, file, root, places[seed], types.get(seed, {})) for seed, file in sorted(files.items()))
    _refuse_shared_tables(seeds)
    return seeds


def _folder(root: Path, environ: Mapping[str, str]) -> tuple[Path, bool]:
    """The folder of seeds, and whether the user chose it."""
    chosen = environ.get("FFT_SEEDS_DIR")
    if not chosen:
        return root / "seeds", False
    folder = (root / chosen).resolve()
    if not folder.is_dir():
        raise UsageError(f"FFT_SEEDS_DIR names no directory: {folder}")
    return folder, True


def _files(folder: Path, root: Path, allowed: tuple[Path, ...]) -> dict[str, Path]:
    """The files of seeds by seed id, which is the path below the folder without suffix."""
    if not folder.exists() and not folder.is_symlink():
        return {}
    files: dict[str, Path] = {}
    _refuse_foreign(folder, root, allowed)
    for file in _walk(folder, root, allowed, frozenset()):
        seed = file.relative_to(folder).with_suffix("").as_posix()
        if seed in files:
            raise ProjectError(
                f"two files are the seed '{seed}'",
                where=Location(_shown(file, root)),
                why=f"the other one is {_shown(files[seed], root)}",
                hint="rename one of them",
            )
        files[seed] = file
    return files


def _walk(folder: Path, root: Path, allowed: tuple[Path, ...], above: frozenset[Path]) -> Iterator[Path]:
    above |= {folder.resolve()}
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        path = _shown(folder, root)
        raise ProjectError(f"cannot read {path}", where=Location(path), why=error.strerror) from None
    for entry in entries:
        if entry.name.startswith(".") or entry.name == "__pycache__":  # editors' locks and backups; Python's files
            continue
        if entry.is_dir():
            _refuse_foreign(entry, root, allowed)
            if entry.resolve() not in above:
                yield from _walk(entry, root, allowed, above)
        elif entry.suffix in FORMATS:
            _refuse_foreign(entry, root, allowed)
            if not entry.is_file():
                path = _shown(entry, root)
                raise ProjectError(f"{path} is not a file", where=Location(path), why="a broken link, or a device")
            yield entry


def _refuse_foreign(entry: Path, root: Path, allowed: tuple[Path, ...]) -> None:
    """Raise for a link that leads out of the project: what it brings would not be in the repository."""
    if not entry.is_symlink():
        return
    try:
        target = entry.resolve()
    except (OSError, RuntimeError):  # a link to itself
        target = entry
    if not any(target.is_relative_to(place) for place in allowed):
        path = _shown(entry, root)
        raise ProjectError(
            f"{path} is a link that leads out of the project",
            where=Location(path),
            hint="copy the file, or say with FFT_SEEDS_DIR where the seeds are",
        )


def _seed(seed: str, file: Path, root: Path, place: tuple[str | None, str], types: Mapping[str, str]) -> Seed:
    path = _shown(file, root)
    try:
        parts = PurePosixPath("seeds") / seed
        label = Label.of(parts.parent.as_posix(), parts.name)
    except UsageError as error:
        raise ProjectError(error.what, where=Location(path), why=error.why, hint=error.hint) from None
    return Seed(
        label=label,
        name=seed,
        path=path,
        relation=RelationName(place[1], place[0]),
        recipe={
            "file": _digest(file, path),
            "format": FORMATS[file.suffix],
            "types": dict(types),
            "reader": READER,
        },
        types=types,
    )


def _digest(file: Path, path: str) -> Digest:
    try:
        return digest_file(file)
    except OSError as error:
        raise ProjectError(f"cannot read {path}", where=Location(path), why=error.strerror) from None


def _refuse_shared_tables(seeds: tuple[Seed, ...]) -> None:
    first: dict[str, Seed] = {}
    for seed in seeds:
        other = first.setdefault(str(seed.relation).casefold(), seed)
        if other is not seed:
            raise ProjectError(
                f"two seeds would fill the table '{seed.relation}'",
                where=Location(seed.path),
                why=f"the other one is {other.path}",
                hint="give one of them another table under 'targets' in schema.yml",
            )


def _shown(file: Path, root: Path) -> str:
    """A path for people: relative to the project if it is inside; bytes that are not UTF-8 are escaped."""
    path = (file.relative_to(root) if file.is_relative_to(root) else file).as_posix()
    return os.fsencode(path).decode("utf-8", "backslashreplace")
