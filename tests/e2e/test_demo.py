"""The demo's experiments through the command line. What ran is told by the engine's own query log."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from harness import Demo

SEED_USERS, SEED_ORDERS = "//seeds:seed_users", "//seeds:seed_orders"
STG_USERS, STG_ORDERS = "//seeds_consumers:stg_users", "//seeds_consumers:stg_orders"
MART = "//marts:mart_user_orders"
PY_CONSTANTS = "//python:py_constants"

NODES = {SEED_USERS, SEED_ORDERS, STG_USERS, STG_ORDERS, MART, PY_CONSTANTS}
"""What needs no network."""

STG_USERS_SQL = "models/seeds_consumers/stg_users.ff.sql"
PY_FILE = "models/python/py_constants.ff.py"

GOLDEN = [
    (1, "alice@example.com", Decimal("15.000")),
    (2, "bob@example.com", Decimal("8.000")),
    (3, "carol@example.com", Decimal("0.000")),
]


def mart(demo: Demo) -> list[tuple[object, ...]]:
    return demo.sql("select * from cache_demo.mart_user_orders order by 1")


def test_the_first_run_builds_everything(demo: Demo) -> None:
    done = demo.build()
    assert (done.exit_code, done.built) == (0, NODES)
    assert demo.log.models() == [MART, STG_USERS]
    assert mart(demo) == GOLDEN
    assert demo.types("mart_user_orders") == [
        ("user_id", "INTEGER"),
        ("email", "VARCHAR"),
        ("total_amount", "DECIMAL(38,3)"),
    ]
    assert demo.types("stg_users") == [("user_id", "INTEGER"), ("email", "VARCHAR")]
    assert demo.types("stg_orders") == [("order_id", "INTEGER"), ("user_id", "INTEGER"), ("amount", "DECIMAL(18,3)")]
    assert demo.types("py_constants") == [("k", "VARCHAR"), ("v", "BIGINT")]
    assert demo.sql("select * from cache_demo.py_constants") == [("answer", 42)]
    assert demo.sql("select view_name from duckdb_views() where schema_name = 'cache_demo'") == [("stg_orders",)]


def test_one_target_needs_no_profile_and_builds_only_what_it_reads(demo: Demo) -> None:
    done = demo.fftcas("build", MART, "-C", str(demo.project))
    assert (done.exit_code, done.built) == (0, NODES - {PY_CONSTANTS})
    assert mart(demo) == GOLDEN


def test_nothing_to_do(built: Demo) -> None:
    done = built.build()
    assert done.exit_code == 0
    assert done.statuses == dict.fromkeys(done.statuses, "fresh")
    assert set(done.statuses) == NODES
    assert built.log.models() == []


def test_touching_files_runs_nothing(built: Demo) -> None:
    for path in built.project.rglob("*.*"):
        os.utime(path)
    done = built.build()
    assert (done.exit_code, set(done.statuses.values()), built.log.models()) == (0, {"fresh"}, [])


def test_formatting_and_comments_run_nothing(built: Demo) -> None:
    built.edit(STG_USERS_SQL, "    lower(trim(email)) as email", "    lower( trim(email) )   -- tidy\n  AS email")
    built.edit(PY_FILE, "ANSWER = 42", "# Of everything.\nANSWER = 42")
    done = built.build()
    assert (done.exit_code, done.built, built.log.models()) == (0, set(), [])


def test_changed_sql_rebuilds_the_model_and_its_mart(built: Demo) -> None:
    built.edit(STG_USERS_SQL, "lower(", "upper(")
    done = built.build()
    assert (done.exit_code, done.built) == (0, {STG_USERS, MART})
    assert built.log.models() == [MART, STG_USERS]
    assert mart(built)[0] == (1, "ALICE@EXAMPLE.COM", Decimal("15.000"))

    built.edit(STG_USERS_SQL, "upper(", "lower(")
    done = built.build()
    assert (done.exit_code, done.built, built.log.models()) == (0, set(), [])
    assert (done.statuses[STG_USERS], done.statuses[MART]) == ("restored", "restored")
    assert mart(built) == GOLDEN


def test_changed_sql_with_the_same_rows_stops_there(built: Demo) -> None:
    built.edit(STG_USERS_SQL, "lower(trim(email))", "lower((trim(email)) || '')")
    done = built.build()
    assert (done.built, built.log.models()) == ({STG_USERS}, [STG_USERS])
    assert done.result(STG_USERS)["output_changed"] is False


def test_a_new_seed_row_rebuilds_staging_and_mart(built: Demo) -> None:
    seeds = shutil.copytree(built.project / "seeds", built.project / ".local" / "seeds")
    patch = (built.project / "patches" / "seed_users_patch.csv").read_text().split("\n", 1)[1]
    with (seeds / "seed_users.csv").open("a") as file:
        file.write(patch)
    done = built.build(FFT_SEEDS_DIR=".local/seeds")
    assert (done.exit_code, done.built) == (0, {SEED_USERS, STG_USERS, MART})
    assert built.log.models() == [MART, STG_USERS]
    assert mart(built) == [*GOLDEN, (4, "dan@example.com", Decimal("0.000"))]

    done = built.build()
    assert (done.exit_code, done.built, built.log.models()) == (0, set(), [])
    assert mart(built) == GOLDEN


def test_a_seed_column_nobody_reads_stops_at_the_seed(built: Demo) -> None:
    built.edit("seeds/seed_users.csv", "2025-01-14", "2024-01-14")
    done = built.build()
    assert (done.built, built.log.models()) == ({SEED_USERS}, [])
    assert built.sql("select signed_up::varchar from cache_demo.seed_users where id = 1") == [("2024-01-14",)]


def test_an_ff_variable_rebuilds_everything_and_back_nothing(built: Demo) -> None:
    done = built.build(FF_DEMO_TOGGLE="1")
    assert (done.exit_code, done.built) == (0, NODES)
    assert built.log.models() == [MART, STG_USERS]

    done = built.build()
    assert (done.exit_code, done.built, built.log.models()) == (0, set(), [])
    assert mart(built) == GOLDEN


def test_variables_that_say_where_or_how_rebuild_nothing(built: Demo) -> None:
    done = built.build(FF_HTTP_TIMEOUT="7", FF_PG_PASSWORD="hush", FF_DUCKDB_PATH=str(built.database))
    assert (done.exit_code, done.built, built.log.models()) == (0, set(), [])


def test_an_edited_constant_rebuilds_that_python_model(demo: Demo, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    demo.edit(PY_FILE, "    return", f'    open("{ran}", "a").write("ran\\n")\n    return')
    demo.build()
    assert ran.read_text() == "ran\n"
    assert demo.build().built == set()
    assert ran.read_text() == "ran\n"

    demo.edit(PY_FILE, "ANSWER = 42", "ANSWER = 43")
    done = demo.build()
    assert (done.exit_code, done.built, demo.log.models()) == (0, {PY_CONSTANTS}, [])
    assert demo.sql("select * from cache_demo.py_constants") == [("answer", 43)]
    assert ran.read_text() == "ran\nran\n"


def test_a_parallel_run_gives_the_same(demo: Demo) -> None:
    done = demo.build("--jobs", "4")
    assert (done.exit_code, done.built) == (0, NODES)
    assert mart(demo) == GOLDEN
    stamped = demo.sql("select relation from cache_demo._ff_meta")
    assert len(stamped) == len(NODES)
    assert demo.build("--jobs", "4", "--rebuild").built == NODES


def test_a_dropped_table_is_restored(built: Demo) -> None:
    built.sql("drop table cache_demo.mart_user_orders")
    done = built.build()
    assert done.statuses == {**dict.fromkeys(NODES, "fresh"), MART: "restored"}
    assert (done.result(MART)["source"], done.result(MART)["rows"]) == ("local", 3)
    assert built.log.models() == []
    assert mart(built) == GOLDEN


def test_a_deleted_database_is_restored_without_model_sql(built: Demo) -> None:
    tables = ["seed_users", "seed_orders", "stg_users", "stg_orders", "mart_user_orders", "py_constants"]

    def everything() -> list[object]:
        return [(built.types(name), built.sql(f"select * from cache_demo.{name} order by 1")) for name in tables]

    before = everything()
    built.database.unlink()
    done = built.build()
    assert (done.exit_code, done.statuses) == (0, dict.fromkeys(NODES, "restored"))
    assert built.log.models() == []
    assert everything() == before


def test_another_checkout_takes_everything_from_the_store(built: Demo, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "cache_demo"
    shutil.copytree(built.project, other, ignore=shutil.ignore_patterns(".local", ".fftcas"))
    there = replace(built, project=other)
    done = there.build()
    assert (done.exit_code, done.statuses) == (0, dict.fromkeys(NODES, "restored"))
    assert (there.log.models(), mart(there)) == ([], GOLDEN)


def test_a_view_becomes_a_table_and_a_view_again(built: Demo) -> None:
    path = "models/seeds_consumers/stg_orders.ff.sql"
    kind = "select table_type from information_schema.tables where table_name = 'stg_orders'"
    built.edit(path, "'view'", "'table'")
    assert built.build().exit_code == 0
    assert built.sql(kind) == [("BASE TABLE",)]
    built.edit(path, "'table'", "'view'")
    assert built.build().exit_code == 0
    assert built.sql(kind) == [("VIEW",)]
    assert mart(built) == GOLDEN


def test_a_failure_stops_what_reads_it_and_keeps_the_rest(demo: Demo) -> None:
    demo.edit(STG_USERS_SQL, "lower(trim(email))", "error('as asked')")
    done = demo.build("--keep-going")
    assert done.exit_code == 1
    assert done.statuses == {**dict.fromkeys(NODES, "built"), STG_USERS: "failed", MART: "skipped"}
    assert "as asked" in done.result(STG_USERS)["error"]
    assert done.run_results["metadata"]["exit_code"] == 1

    demo.edit(STG_USERS_SQL, "error('as asked')", "lower(trim(email))")
    done = demo.build()
    assert (done.exit_code, done.built) == (0, {STG_USERS, MART})
    assert mart(demo) == GOLDEN


def test_the_cache_can_be_off(built: Demo) -> None:
    for flags in (["--cache", "off"], ["--no-cache"]):
        assert built.build(*flags).built == NODES
        assert built.log.models() == [MART, STG_USERS]
    assert built.build().built == set()


def test_read_only_uses_the_store_and_leaves_it_alone(built: Demo) -> None:
    assert built.build("--cache", "ro").built == set()
    built.edit(STG_USERS_SQL, "lower(", "upper(")
    assert built.build("--cache", "ro").built == {STG_USERS, MART}
    built.database.unlink()
    done = built.build()
    assert done.built == {STG_USERS, MART}, "the store must not have learnt of the read-only run"
    assert mart(built)[0][1] == "ALICE@EXAMPLE.COM"


def test_read_only_never_leaves_another_variants_table(built: Demo) -> None:
    built.edit(STG_USERS_SQL, "lower(", "upper(")
    built.build("--cache", "ro")
    built.edit(STG_USERS_SQL, "upper(", "lower(")
    assert built.build().exit_code == 0
    assert mart(built) == GOLDEN


def test_write_only_builds_and_stores(demo: Demo) -> None:
    assert demo.build("--cache", "wo").built == NODES
    assert demo.build("--cache", "wo").built == NODES
    assert demo.build().built == set()


def test_rebuild_only_builds_one_node(built: Demo) -> None:
    done = built.fftcas("build", "-e", "dev_duckdb", "--rebuild-only", "stg_users")
    assert (done.exit_code, done.built) == (0, {STG_USERS})
    assert built.log.models() == [STG_USERS]


def test_run_results_has_the_shape_that_others_rely_on(demo: Demo) -> None:
    results = demo.build().run_results
    assert set(results) == {"metadata", "summary", "results", "budgets", "saved"}
    metadata = {"schema", "run_id", "command", "project", "profile", "engine", "started_at", "finished_at", "exit_code"}
    assert set(results["metadata"]) >= metadata
    assert (results["metadata"]["project"], results["metadata"]["profile"]) == ("cache_demo", "dev_duckdb")
    assert results["summary"] == {"fresh": 0, "restored": 0, "built": 6, "failed": 0, "skipped": 0}
    found = next(result for result in results["results"] if result["label"] == MART)
    assert set(found) >= {
        *("label", "name", "kind", "relation", "status", "reason", "derivation", "output", "output_changed"),
        *("rows", "bytes", "bytes_scanned", "started_at", "duration_ms", "source", "http", "error"),
        *("message", "query_duration_ms"),
    }
    assert (found["name"], found["kind"], found["rows"], found["http"]) == ("mart_user_orders.ff", "sql", 3, None)
    assert (len(found["derivation"]), len(found["output"]), found["error"]) == (64, 64, None)


def test_a_database_named_like_its_schema_works(demo: Demo) -> None:
    file = demo.project / ".local" / "cache_demo.duckdb"
    assert demo.build(FF_DUCKDB_PATH=str(file)).exit_code == 0
    done = demo.build(FF_DUCKDB_PATH=str(file))
    assert (done.exit_code, set(done.statuses.values())) == (0, {"fresh"})


def test_a_table_that_was_changed_by_hand_is_put_back(built: Demo) -> None:
    built.sql("update cache_demo.stg_users set email = 'forged@example.com'")
    built.edit("models/marts/mart_user_orders.ff.sql", "0) as total_amount", "1) as total_amount")
    done = built.build()
    assert done.result("//seeds_consumers:stg_users")["status"] == "restored"
    assert done.built == {"//marts:mart_user_orders"}
    assert built.sql("select email from cache_demo.mart_user_orders order by 1")[0] == ("alice@example.com",)
