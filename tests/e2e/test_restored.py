"""Restored and built relations cannot be told apart, whatever their types; and damaged ones heal."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import duckdb
import pytest
from harness import Demo

from fftcas.store import Store

TYPES = {
    "whole": "(i % 100)::tinyint as a, i::usmallint as b, i::bigint as c, (i * 1e30)::hugeint as d, i::uhugeint as e",
    "real": "(i / 3)::float as f, if(i % 7 = 0, 'nan'::double, -0.0) as g, (i / 7)::decimal(38, 10) as h",
    "text": "'user ' || i as t, '' as empty, repeat('é😀', i % 9) as u, encode('x' || i) as raw, '0101'::bit as bits",
    "time": (
        "date '1999-12-31' + i::int as day, time '23:59:59' as clock, timestamp '2024-02-29 12:00:00.123456' as ts, "
        "ts::timestamp_ns as ns, ts::timestamp_s as s, ts::timestamptz as tz, '12:34:56+02:30'::timetz as ctz, "
        "interval '13 months -40 days 100 hours' as span"
    ),
    "other": (
        "md5(i::varchar)::uuid as id, (['b', 'a'][i % 2 + 1])::enum('b', 'a') as mood, ('{\"n\": ' || i || '}')::json "
        "as doc, true as yes, null as nothing, null::integer as never"
    ),
    "nested": (
        "[i, null] as list, [[i]] as lists, [i, i]::int[2] as pair, {'a': i, 'B c': 'x'} as st, map([i], ['v']) as m, "
        "union_value(num := i)::union(num bigint, str varchar) as un, [{'u': md5(i::varchar)::uuid}] as deep"
    ),
    "names": 'i as "select", i as "a b", i as "x""y", i as "É,.", i as "it\'s"',
}
"""Models by what their columns are."""

CATALOGUE = {
    "columns": "column_name, column_index, data_type, is_nullable, column_default, comment, numeric_precision, "
    "numeric_scale, character_maximum_length",
    "tables": "estimated_size, column_count, index_count, has_primary_key, check_constraint_count, comment, temporary, "
    "sql",
    "views": "sql, comment, column_count, temporary",
}


@pytest.fixture
def project(demo: Demo) -> Demo:
    """The demo, and models of many types: with rows in an order of their own, without any, and read by views."""
    for name, columns in TYPES.items():
        demo.write(f"models/types/{name}.sql", f"select {columns} from range(3000) r(i) order by hash(i)\n")
        demo.write(f"models/types/{name}_empty.sql", f"select * from {{{{ ref('{name}') }}}} where false\n")
        view = f"{{{{ config(materialized='view') }}}}\n-- a view\nselect * from {{{{ ref('{name}') }}}} limit 7\n"
        demo.write(f"models/types/{name}_view.sql", view)
    demo.write(
        "models/types/frame.py",
        "import pandas as pd\nfrom fftcas import model\n\n\n@model()\ndef frame():\n"
        "    at = pd.to_datetime(['2024-01-01', None])\n"
        "    return pd.DataFrame({'n': [1, 2], 'x': [0.5, None], 's': ['a', None], 'at': at, 'k': ['p', 'q']})\n",
    )
    return demo


def seen(demo: Demo) -> dict[str, Any]:
    """Everything that the database tells of its relations: what the catalogue says, and the rows in their order."""
    with duckdb.connect(str(demo.database), read_only=True) as connection:
        known: dict[str, Any] = {
            f"{what} of {schema}.{name}": connection.execute(
                f"select {fields} from duckdb_{what}() where schema_name = ? and {what[:-1].replace('column', 'table')}"
                "_name = ? order by all",
                [schema, name],
            ).fetchall()
            for what, fields in CATALOGUE.items()
            for schema, name in connection.execute(
                "select table_schema, table_name from information_schema.tables where table_name <> '_ff_meta'"
            ).fetchall()
        }
        for schema, name in {tuple(key.split(" of ")[1].split(".", 1)) for key in known}:
            known[f"{schema}.{name}"] = (
                connection.execute(f'describe {schema}."{name}"').fetchall(),
                connection.execute(f'select columns(*)::varchar from {schema}."{name}"').fetchall(),
            )
        stamps = "node_name, relation, fingerprint, engine, schema_name, kind, output, manifest, definition"
        known["stamps"] = connection.execute(f"select {stamps} from cache_demo._ff_meta order by all").fetchall()
    return known


def test_restored_relations_cannot_be_told_from_built_ones(project: Demo) -> None:
    done = project.build()
    assert done.exit_code == 0, done.stderr
    before = seen(project)
    assert len(before) > 60
    project.database.unlink()
    done = project.build()
    assert done.exit_code == 0, done.stderr
    assert set(done.statuses.values()) == {"restored"}
    after = seen(project)
    assert after.keys() == before.keys()
    assert {what: (was, after[what]) for what, was in before.items() if after[what] != was} == {}


def flip_bits(store: Path, count: int) -> None:
    """Flip the bits of a byte in each of the `count` largest blobs."""
    chance = random.Random(count)
    with Store.open(store) as opened:
        environment = opened.blobs.environment
        sizes = environment.read(lambda txn: {bytes(k): len(v) for k, v in txn.cursor() if bytes(k)[:1] == b"b"})
        for key in sorted(sizes, key=lambda key: -sizes[key])[:count]:

            def flip(txn: Any, key: bytes = key) -> None:
                value = bytearray(txn.get(key))
                value[chance.randrange(8, len(value))] ^= 0xFF
                txn.put(key, bytes(value))

            environment.write(flip)


BIG = "models/marts/big.sql"


def test_flipped_bits_are_said_once_and_heal(demo: Demo) -> None:
    demo.write(BIG, "select i as id, hash(i) as h, md5(i::varchar) as t from range(100000) r(i)\n")
    assert demo.build().exit_code == 0
    before = demo.sql("from cache_demo.big")
    for flips in (1, 3):
        demo.database.unlink()
        flip_bits(demo.home / "store", flips)
        done = demo.build()
        assert done.exit_code == 0, done.stderr
        assert done.built == {"//marts:big"}
        assert "no longer whole" in done.result("//marts:big")["reason"]
        warnings = done.stderr.splitlines()
        assert len(warnings) == flips
        assert all(line.startswith("warning: blob ") and "was removed" in line for line in warnings)
        assert demo.sql("from cache_demo.big") == before
        demo.database.unlink()
        done = demo.build()
        assert set(done.statuses.values()) == {"restored"}
        assert done.stderr == ""
        assert demo.sql("from cache_demo.big") == before


def test_flipped_bits_heal_from_the_remote(demo: Demo, tmp_path: Path) -> None:
    demo.write(BIG, "select i as id, hash(i) as h, md5(i::varchar) as t from range(100000) r(i)\n")
    remote = str(tmp_path / "remote")
    Path(remote).mkdir()
    assert demo.build("--remote", remote).exit_code == 0
    before = demo.sql("from cache_demo.big")
    demo.database.unlink()
    flip_bits(demo.home / "store", 3)
    done = demo.build("--remote", remote)
    assert done.exit_code == 0, done.stderr
    assert done.result("//marts:big")["status"] == "restored"
    assert done.result("//marts:big")["source"] == "remote"
    assert demo.sql("from cache_demo.big") == before
    doctor = demo.fftcas("doctor")
    assert (doctor.exit_code, doctor.stderr) == (0, "")
