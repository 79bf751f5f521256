"""What is put into the database: all, the targets and what running nodes read, or the latter only."""

from __future__ import annotations

from pathlib import Path

from harness import Demo, new_demo

MART = "//marts:mart_user_orders"


def machine(tmp_path: Path, name: str) -> Demo:
    (tmp_path / name).mkdir()
    return new_demo(tmp_path / name)


def relations(demo: Demo) -> set[str]:
    found = demo.sql("select table_name from information_schema.tables where table_schema = 'cache_demo'")
    return {name for (name,) in found if not name.startswith("_ff")}


def build(demo: Demo, *arguments: str, **environment: str) -> dict[str, str]:
    done = demo.fftcas("build", "-e", "dev_duckdb", *arguments, **environment)
    assert done.exit_code == 0, done.stderr
    return done.statuses


def shared(tmp_path: Path) -> tuple[Demo, dict[str, str]]:
    """A fresh machine, and a remote that another one has filled."""
    place = tmp_path / "remote"
    place.mkdir()
    remote = {"FFTCAS_REMOTE": str(place)}
    one, two = machine(tmp_path, "one"), machine(tmp_path, "two")
    build(one, MART, **remote)
    return two, remote


def test_only_targets_are_fetched_and_put_in_place(tmp_path: Path) -> None:
    demo, remote = shared(tmp_path)
    done = demo.fftcas("build", "-e", "dev_duckdb", MART, "--materialize", "targets", **remote)
    assert done.exit_code == 0, done.stderr
    assert done.statuses[MART] == "restored"
    assert set(done.statuses.values()) == {"fresh", "restored"}
    assert relations(demo) == {"mart_user_orders"}
    assert "; 1 fetched" in done.stdout


def test_what_a_running_node_reads_is_brought(tmp_path: Path) -> None:
    demo, remote = shared(tmp_path)
    build(demo, MART, "--materialize", "targets", **remote)
    demo.edit("models/marts/mart_user_orders.ff.sql", "sum(", "2 * sum(")
    statuses = build(demo, MART, "--materialize", "targets", **remote)
    assert {label for label, status in statuses.items() if status == "built"} == {MART}
    assert {"mart_user_orders", "stg_users", "stg_orders", "seed_orders"} <= relations(demo)
    reference = machine(tmp_path, "reference")
    reference.edit("models/marts/mart_user_orders.ff.sql", "sum(", "2 * sum(")
    build(reference, MART)
    query = "select * from cache_demo.mart_user_orders order by all"
    assert demo.sql(query) == reference.sql(query)


def test_a_view_that_is_a_target_has_its_tables(tmp_path: Path) -> None:
    demo, remote = shared(tmp_path)
    build(demo, "//seeds_consumers:stg_orders", "--materialize", "targets", **remote)
    assert relations(demo) == {"stg_orders", "seed_orders"}
    assert len(demo.sql("select * from cache_demo.stg_orders")) == 3


def test_none_puts_nothing_in_place_that_is_known(tmp_path: Path) -> None:
    demo, remote = shared(tmp_path)
    statuses = build(demo, MART, "--materialize", "none", **remote)
    assert set(statuses.values()) == {"fresh"}
    assert not demo.database.exists() or relations(demo) == set()


def test_from_the_local_store_too(tmp_path: Path) -> None:
    demo = machine(tmp_path, "one")
    build(demo, MART)
    demo.database.unlink()
    build(demo, MART, "--materialize", "targets")
    assert relations(demo) == {"mart_user_orders"}
    assert set(build(demo, MART).values()) == {"fresh", "restored"}
    assert len(relations(demo)) > 3


def test_what_is_gone_from_the_remote_is_built(tmp_path: Path) -> None:
    """The claims are there and the data is not: found out when a node needs it."""
    demo, remote = shared(tmp_path)
    for pack in (tmp_path / "remote" / "packs").rglob("*"):
        if pack.is_file():
            pack.unlink()
    statuses = build(demo, MART, "--materialize", "targets", **remote)
    assert statuses[MART] == "built"
    assert len(demo.sql("select * from cache_demo.mart_user_orders")) == 3
