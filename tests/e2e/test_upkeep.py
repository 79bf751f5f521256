"""The commands that look after the store: gc, doctor, stats, pin, clean, init."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from harness import Demo
from test_restored import flip_bits

from fftcas.store import Store
from fftcas.store.records import RecordTxn

MART = "//marts:mart_user_orders"


def test_init_makes_a_project_that_builds(demo: Demo, tmp_path: Path) -> None:
    done = demo.fftcas("init", str(tmp_path / "new one"))
    assert done.exit_code == 0, done.stderr
    assert "now run: fftcas build -C '" in done.stdout
    done = demo.fftcas("build", "-C", str(tmp_path / "new one"), "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["summary"]["built"] == 2
    again = demo.fftcas("init", str(tmp_path / "new one"))
    assert again.exit_code == 2
    assert "is not empty" in again.stderr


def test_gc_says_what_goes_and_what_it_costs(built: Demo) -> None:
    planned = built.fftcas("gc", "--dry-run", "--max-size", "1", "--grace", "0")
    assert planned.exit_code == 0, planned.stderr
    assert f"store: {built.home / 'store'}" in planned.stdout
    assert "would forget" in planned.stdout
    assert "to build them again takes" in planned.stdout
    assert MART in planned.stdout
    built.database.unlink()
    assert "built" not in built.build().statuses.values()
    done = built.fftcas("gc", "--max-size", "1", "--grace", "0")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines()[1].startswith("forgot ")
    assert "fresh" in built.build().statuses[MART]  # the database still tells what it holds
    built.database.unlink()
    assert built.build().statuses[MART] == "built"


def test_what_is_young_or_in_use_or_small_stays(built: Demo) -> None:
    for options in ([], ["--older-than", "1d"], ["--max-size", "1"]):
        done = built.fftcas("gc", *options)
        assert done.exit_code == 0, done.stderr
        assert "forgot 0 outputs and 0 blobs" in done.stdout


def test_pins_stay(built: Demo) -> None:
    assert built.build().exit_code == 0  # where this copy of the project lies
    assert built.fftcas("pin", MART, "-e", "dev_duckdb").exit_code == 0
    assert MART in built.fftcas("pin").stdout
    assert built.fftcas("gc", "--max-size", "1", "--grace", "0").exit_code == 0
    built.database.unlink()
    statuses = built.fftcas("build", MART, "-e", "dev_duckdb").statuses
    assert set(statuses.values()) == {"restored"}
    assert built.fftcas("unpin", MART, "-e", "dev_duckdb").exit_code == 0
    refused = built.fftcas("unpin", MART, "-e", "dev_duckdb")
    assert refused.exit_code == 2
    assert "is not pinned" in refused.stderr


def test_a_build_keeps_the_store_within_its_bound(built: Demo) -> None:
    done = built.fftcas("gc", "--max-size", "1", "--grace", "0")
    assert done.exit_code == 0
    done = built.build("--rebuild", FFTCAS_STORE_SIZE="1kb")
    assert done.exit_code == 0, done.stderr
    assert "had grown above" not in done.stdout  # all that is there is new
    done = built.build("--rebuild", FFTCAS_STORE_SIZE="much")
    assert (done.exit_code, done.run_results) == (2, {})
    assert done.stderr.startswith("error: FFTCAS_STORE_SIZE must be a size")


def test_stats(built: Demo) -> None:
    done = built.fftcas("stats", "--json")
    assert done.exit_code == 0, done.stderr
    stats = json.loads(done.stdout)
    assert stats["store"] == str(built.home / "store")
    assert stats["projects"]
    assert 0 < stats["stored"] <= stats["raw"]
    assert stats["logical"] > 0
    assert sum(day["nodes"]["built"] for day in stats["days"]) >= 5
    assert "times less" in built.fftcas("stats").stdout


def test_doctor(built: Demo) -> None:
    healthy = built.fftcas("doctor")
    assert healthy.exit_code == 0, healthy.stderr
    assert healthy.stdout.startswith(f"store: {built.home / 'store'}\n")
    assert "0 bad, 0 outputs lost" in healthy.stdout
    flip_bits(built.home / "store", 2)
    ill = built.fftcas("doctor")
    assert ill.exit_code == 1
    assert ill.stdout.count("bad blob, removed") == 2
    assert "to be built again: //" in ill.stdout
    assert built.fftcas("doctor").exit_code == 0


def test_a_run_that_cannot_be_read_is_in_nobodys_way(built: Demo) -> None:
    def spoil(txn: RecordTxn) -> None:
        for key, _ in list(txn.scan("run")):
            txn.put("run", key, b"{}")

    with Store.open(built.home / "store") as store:
        store.records.write(spoil)
    for command in (("log", MART), ("gc",), ("stats",), ("build", "--rebuild", MART)):
        done = built.fftcas(*command)
        assert (done.exit_code, "Traceback" in done.stderr) == (0, False), done.stderr
    assert "of kind 'run'" in built.fftcas("doctor").stdout
    assert built.fftcas("doctor").exit_code == 0


def test_clean_takes_the_projects_state_and_nothing_else(built: Demo) -> None:
    assert built.build().exit_code == 0
    state = built.project / ".fftcas"
    sqlite3.connect(state / "mine.db").close()
    assert f"would remove {state / 'runs'}" in built.fftcas("clean", "--dry-run").stdout
    assert (state / "runs").exists()
    done = built.fftcas("clean")
    assert done.exit_code == 0, done.stderr
    assert f"removed {state / 'runs'}" in done.stdout
    assert [path.name for path in state.iterdir()] == ["mine.db"]
    assert str(built.project) not in json.loads(built.fftcas("stats", "--json").stdout)["projects"]
    assert built.build().statuses[MART] == "fresh"
    built.database.unlink()
    assert built.build().statuses[MART] == "restored"


def test_clean_leaves_nothing_behind(built: Demo) -> None:
    assert built.build().exit_code == 0
    assert built.fftcas("clean").exit_code == 0
    assert not (built.project / ".fftcas").exists()


@pytest.mark.parametrize("command", ["gc", "stats", "doctor"])
def test_a_store_that_cannot_be_used_is_an_error_for_people(demo: Demo, command: str) -> None:
    (demo.home / "store").mkdir()
    (demo.home / "store" / "thesis.txt").touch()
    done = demo.fftcas(command)
    assert done.exit_code == 2
    assert "is not a fftcas store and not empty" in done.stderr
    assert "Traceback" not in done.stderr
