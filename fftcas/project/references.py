"""What names mean: `ref('stg_users')`, `source('crm', 'users')`, a Python model's `deps`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fftcas.errors import Location, ProjectError, UsageError, closest
from fftcas.label import Label
from fftcas.project.nodes import Seed, Source
from fftcas.project.profiles import Profile, duckdb_name
from fftcas.project.sources import SourceTable
from fftcas.relation import META, RelationName


@dataclass(frozen=True)
class Draft:
    """A model that is known by name while its references are not resolved yet."""

    label: Label
    name: str
    path: str
    relation: RelationName


@dataclass(frozen=True)
class References:
    """Finds labels by the names that models use. `absent` says why a file's model is not part of the project."""

    models: Mapping[str, Label]
    seeds: Mapping[str, tuple[Label, ...]]
    sources: Mapping[str, Label]
    absent: Mapping[str, str] = field(default_factory=dict)

    def ref(self, name: str, where: Location) -> Label:
        """The model or seed called `name`; models win. Raises ProjectError."""
        bare = name.removesuffix(".ff")
        if bare in self.models:
            return self.models[bare]
        found = self.seeds.get(bare, ())
        if len(found) > 1:
            why = "it could be " + ", ".join(label.text for label in found)
            raise ProjectError(f"ref('{name}') is ambiguous", where=where, why=why, hint="write the label")
        if found:
            return found[0]
        raise ProjectError(
            f"there is no model or seed '{name}'",
            where=where,
            why=self.absent.get(bare),
            hint=closest(bare, [key for key in {**self.models, **self.seeds} if not key.startswith("//")]),
        )

    def source(self, group: str, table: str, where: Location) -> Label:
        """The source table, or what this project builds in its place. Raises ProjectError."""
        name = f"{group}.{table}"
        if name in self.sources:
            return self.sources[name]
        hint = closest(name, self.sources) or "declare it in sources.yml"
        raise ProjectError(f"there is no source '{name}'", where=where, hint=hint)


@dataclass(frozen=True)
class Home:
    """Where the profile puts relations that do not say where they live.

    A name in SQL that does not say it either may mean one in the schema `fallback`, if there is none in `schema`.
    """

    schema: str
    database: str
    fallback: str = "main"

    def locate(self, relation: RelationName) -> RelationName:
        """The relation's full name."""
        return RelationName(relation.name, relation.schema or self.schema, relation.database or self.database)


def home(profile: Profile) -> Home:
    """A database of DuckDB's is called like its file, whatever else it is given; a schema that is not set is `main`."""
    options = profile.options
    schema = str(options.get("schema") or options.get("dataset") or "main")
    if profile.engine == "duckdb":
        return Home(schema, duckdb_name(options))
    return Home(schema, str(options.get("catalog") or options.get("database") or options.get("project") or ""))


def resolve_names(
    drafts: Sequence[Draft], seeds: Sequence[Seed], tables: Sequence[SourceTable], home: Home, absent: Mapping[str, str]
) -> tuple[References, tuple[Source, ...]]:
    """The names of a project, and nodes for the source tables that it does not build itself.

    Raises ProjectError if two nodes share a name, a label or a relation, or one has the relation of the stamps.
    """
    models = {draft.label.name: draft for draft in drafts}
    _refuse_twins("two models are called '{}'", [(draft.label.name, draft.path) for draft in drafts])
    things: list[Seed | Draft] = [*seeds, *drafts]
    nodes = [(thing.label, thing.path, home.locate(thing.relation)) for thing in things]
    _refuse_twins("two nodes have the label {}", [(label.text, path) for label, path, _ in nodes])
    _refuse_twins("two nodes make the same relation: {}", [(str(at).lower(), path) for _, path, at in nodes])
    _refuse_meta(home, nodes)
    built = {str(relation).lower(): label for label, _, relation in nodes}
    sources = {}
    external = []
    for table in tables:
        label = built.get(str(home.locate(table.relation)).lower())
        if label is None:
            external.append(_source(table))
            label = external[-1].label
        sources[f"{table.group}.{table.table}"] = label
    return References(_models(models), _seeds(seeds), sources, absent), tuple(external)


def _models(drafts: Mapping[str, Draft]) -> dict[str, Label]:
    return {key: draft.label for name, draft in drafts.items() for key in (name, draft.label.text)}


def _seeds(seeds: Iterable[Seed]) -> dict[str, tuple[Label, ...]]:
    found: dict[str, tuple[Label, ...]] = {}
    for seed in seeds:
        for key in {seed.label.name, seed.relation.name}:
            found[key] = (*found.get(key, ()), seed.label)
        found[seed.label.text] = (seed.label,)
    return found


def _source(table: SourceTable) -> Source:
    where = Location(table.path, table.line)
    label = label_at(where, "", table.table, table.group)
    return Source(label, table.table, table.path, table.relation, fingerprint=table.fingerprint, where=where)


def label_at(where: Location, package: str, name: str, repo: str = "") -> Label:
    """A label from its parts. Raises ProjectError, with the place, if a part breaks the grammar."""
    try:
        return Label.of(package, name, repo)
    except UsageError as error:
        raise ProjectError(error.what, where=where, why=error.why, hint=error.hint) from None


def _refuse_meta(home: Home, nodes: Iterable[tuple[Label, str, RelationName]]) -> None:
    meta = str(home.locate(META)).lower()
    for label, path, relation in nodes:
        if str(relation).lower() == meta:
            what = f"{label} would be made in the place of {META}"
            why = "that table says what each of the database's other tables and views holds"
            raise ProjectError(what, where=Location(path), why=why, hint="rename it")


def _refuse_twins(what: str, named: Iterable[tuple[str, str]]) -> None:
    first: dict[str, str] = {}
    for name, path in named:
        if name in first:
            why = f"one is made by {first[name]}" if path != first[name] else "both are in this file"
            raise ProjectError(what.format(name), where=Location(path), why=why, hint="rename one of them")
        first[name] = path
