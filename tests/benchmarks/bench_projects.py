"""Projects of any size for the benchmark, each also as a plain Python script that runs the same statements in order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

PROFILES = "dev:\n  engine: duckdb\n  duckdb: {path: bench.duckdb}\n"
PLAIN = """import duckdb
connection = duckdb.connect("plain.duckdb")
for statement in open("plain.sql").read().split(";\\n"):
    connection.execute(statement)
connection.close()
"""


@dataclass(frozen=True)
class Model:
    """A table; `{0}`, `{1}` in its SQL stand for its inputs. Without SQL it is a seed."""

    name: str
    sql: str = ""
    inputs: Sequence[Model] = field(default=())
    csv: str = ""


def tiny(count: int) -> list[Model]:
    """`count` models over a hundred rows: one in twenty a seed, 30 % read a seed, 45 % join two, 20 % aggregate."""
    draw = random.Random(count)
    seeds = [Model(f"seed_{i}", csv=_rows(draw)) for i in range(max(1, count // 20))]
    staged = [Model(f"stg_{i}", _staged(draw), [seeds[i % len(seeds)]]) for i in range(max(2, count * 3 // 10))]
    joined: list[Model] = []
    for i in range(count - len(seeds) - len(staged) - count // 5):
        recent = [*staged, *joined][-max(2, count // 10) :]
        joined.append(Model(f"int_{i}", _joined(draw), draw.sample(recent, 2)))
    pool = joined if len(joined) > 1 else staged
    marts = [Model(f"mart_{i}", MART, draw.sample(pool, 2)) for i in range(count // 5)]
    return [*seeds, *staged, *joined, *marts]


def heavy(rows: int) -> list[Model]:
    """Twelve models over `rows` sales, in which the engine's own time is nearly all."""
    made: dict[str, Model] = {}
    for name, sql, inputs in HEAVY:
        made[name] = Model(name, sql.replace("ROWS", str(rows)), [made[each] for each in inputs.split()])
    return list(made.values())


def write_project(folder: Path, models: Sequence[Model]) -> None:
    """The models as a project, and as `plain.py`."""
    write(folder / "profiles.yml", PROFILES)
    write(folder / "project.yml", "name: bench\n")
    write(folder / "plain.py", PLAIN)
    statements = []
    for model in models:
        if model.csv:
            write(folder / f"seeds/{model.name}.csv", model.csv)
            sql = f"SELECT * FROM read_csv('seeds/{model.name}.csv')"
        else:
            refs = [f"{{{{ ref('{each.name}') }}}}" for each in model.inputs]
            write(folder / f"models/{model.name.split('_')[0]}/{model.name}.ff.sql", model.sql.format(*refs) + "\n")
            sql = model.sql.format(*(each.name for each in model.inputs))
        statements.append(f"CREATE OR REPLACE TABLE {model.name} AS\n{sql}")
    write(folder / "plain.sql", ";\n".join(statements))
    (folder / "models").mkdir(exist_ok=True)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _rows(draw: random.Random) -> str:
    days = [f"2024-{draw.randrange(1, 13):02}-{draw.randrange(1, 29):02}" for _ in range(100)]
    lines = [f"{i},g{draw.randrange(10)},{draw.uniform(0, 1000):.2f},{day}" for i, day in enumerate(days)]
    return "\n".join(["id,grp,val,dt", *lines, ""])


def _staged(draw: random.Random) -> str:
    return (
        f"SELECT id::INTEGER AS id, upper(grp) AS grp, val::DOUBLE * {draw.randrange(1, 9)} AS v, dt::DATE AS dt,\n"
        "    'label ' || id AS label\nFROM {0}"
    )


def _joined(draw: random.Random) -> str:
    return (
        f"SELECT a.id, a.grp, round((a.v + b.v) / 2, 4) + {draw.randrange(1, 99)} AS v, greatest(a.dt, b.dt) AS dt,\n"
        f"    a.label\nFROM {{0}} AS a JOIN {{1}} AS b ON a.id = b.id\nWHERE a.id % {draw.randrange(20, 40)} <> 1"
    )


MART = (
    "SELECT a.grp, count(*) AS n, sum(a.v) AS total, avg(b.v) AS mean, max(b.dt) AS last\n"
    "FROM {0} AS a JOIN {1} AS b ON a.id = b.id GROUP BY a.grp ORDER BY a.grp"
)

HEAVY = [
    ("customer", "SELECT range AS cid, 'r' || (range % 12) AS region FROM range(100000)", ""),
    ("product", "SELECT range AS pid, 'c' || (range % 40) AS category, range % 997 / 7 AS price FROM range(5000)", ""),
    ("store", "SELECT range AS sid, 'k' || (range % 25) AS country FROM range(500)", ""),
    (
        "sales",
        "SELECT range AS oid, (range * 7919 + 13) % 100000 AS cid, (range * 104729 + 7) % 5000 AS pid,\n"
        "    (range * 31337) % 500 AS sid, 1 + range % 9 AS qty,\n"
        "    DATE '2023-01-01' + (range * 13 % 730)::INTEGER AS dt\n"
        "FROM range(ROWS)",
        "",
    ),
    (
        "priced",
        "SELECT s.*, p.category, s.qty * p.price AS amount FROM {0} AS s JOIN {1} AS p USING (pid)",
        "sales product",
    ),
    (
        "joined",
        "SELECT s.oid, s.cid, s.dt, s.category, s.amount, c.region, t.country\n"
        "FROM {0} AS s JOIN {1} AS c USING (cid) JOIN {2} AS t USING (sid)",
        "priced customer store",
    ),
    ("daily", "SELECT cid, dt, sum(amount) AS amount, count(*) AS n FROM {0} GROUP BY cid, dt", "priced"),
    (
        "running",
        "SELECT cid, dt, amount, sum(amount) OVER (PARTITION BY cid ORDER BY dt) AS running FROM {0}",
        "daily",
    ),
    (
        "monthly",
        "SELECT region, country, date_trunc('month', dt) AS month, sum(amount) AS amount FROM {0}\n"
        "GROUP BY ALL ORDER BY ALL",
        "joined",
    ),
    (
        "categories",
        "SELECT category, sum(amount) AS amount, count(*) AS n FROM {0} GROUP BY ALL ORDER BY ALL",
        "joined",
    ),
    ("lifetime", "SELECT cid, max(running) AS lifetime FROM {0} GROUP BY cid", "running"),
    (
        "best",
        "SELECT c.region, max(l.lifetime) AS best FROM {0} AS l JOIN {1} AS c USING (cid) GROUP BY ALL ORDER BY ALL",
        "lifetime customer",
    ),
]
