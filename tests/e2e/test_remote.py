"""One machine's work is everybody's: machines have their own homes, stores, users' folders and databases."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest
from harness import Demo, new_demo

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "remote"))

from remote_cases import claim_parts, objects, write_claim
from s3_servers import KEYS

TABLES = ["seed_users", "seed_orders", "stg_users", "py_constants", "mart_user_orders"]


def machine(tmp_path: Path, name: str) -> Demo:
    """A new checkout on a new machine."""
    (tmp_path / name).mkdir()
    return new_demo(tmp_path / name)


def statuses(demo: Demo, *arguments: str, **environment: str) -> set[str]:
    done = demo.build(*arguments, **environment)
    assert done.exit_code == 0, done.stderr
    return set(done.statuses.values())


def tables(demo: Demo) -> dict[str, list[tuple[object, ...]]]:
    return {name: sorted(demo.sql(f"select * from cache_demo.{name}"), key=repr) for name in TABLES}


def test_a_fresh_machine_runs_no_model(tmp_path: Path, place: Path) -> None:
    one, two = machine(tmp_path, "one"), machine(tmp_path, "two")
    first = one.build("--remote", str(place))
    assert first.stdout.splitlines()[0] == f"remote: {place}, read-write, 0 outputs"
    assert "6 published" in first.stdout
    second = two.build("--remote", str(place), FF_DUCKDB_PATH=str(tmp_path / "elsewhere.duckdb"))
    assert set(second.statuses.values()) == {"restored"}, second.stdout
    assert {result["source"] for result in second.run_results["results"]} == {"remote"}
    assert two.log.models() == []
    assert "6 of 6 outputs found (100 %); 6 fetched" in second.stdout
    moved = tmp_path / "two" / "moved.duckdb"
    shutil.move(tmp_path / "elsewhere.duckdb", moved)
    two.database.parent.mkdir(exist_ok=True)
    shutil.move(moved, two.database)
    assert tables(one) == tables(two)
    assert [one.types(name) for name in TABLES] == [two.types(name) for name in TABLES]


def test_nothing_to_do_needs_no_remote(tmp_path: Path, place: Path) -> None:
    one = machine(tmp_path, "one")
    one.build("--remote", str(place))
    again = one.build("--remote", str(place))
    assert set(again.statuses.values()) == {"fresh"}
    assert "remote" not in again.stdout


def test_settings_and_environment_name_the_remote(tmp_path: Path, place: Path) -> None:
    one, two, three = (machine(tmp_path, name) for name in ("one", "two", "three"))
    assert statuses(one, FFTCAS_REMOTE=str(place)) == {"built"}
    two.write("project.yml", (two.project / "project.yml").read_text() + f"\nremote: {{url: {place}, mode: ro}}\n")
    assert statuses(two) == {"restored"}
    assert statuses(three, FFTCAS_REMOTE=str(place), FFTCAS_REMOTE_MODE="off") == {"built"}


def test_only_what_changed_is_built_elsewhere(tmp_path: Path, place: Path) -> None:
    one, two = machine(tmp_path, "one"), machine(tmp_path, "two")
    one.build("--remote", str(place))
    two.edit("models/marts/mart_user_orders.ff.sql", "sum(", "2 * sum(")
    done = two.build("--remote", str(place))
    assert done.built == {"//marts:mart_user_orders"}


def test_a_remote_that_is_not_there(tmp_path: Path) -> None:
    one = machine(tmp_path, "one")
    done = one.build("--remote", str(tmp_path / "nowhere"))
    assert done.exit_code == 0
    assert f"remote: {tmp_path / 'nowhere'}, off (No such file or directory)" in done.stdout
    done = one.build("--remote", str(tmp_path / "nowhere"), "--remote-mode", "required")
    assert done.exit_code == 6
    assert "is required and cannot be used" in done.stderr


def test_a_table_that_this_engine_cannot_make_is_built(tmp_path: Path, place: Path) -> None:
    """Verified, valid Arrow under a type that does not fit: the engine refuses it, and the build goes on."""
    one, two, three = (machine(tmp_path, name) for name in ("one", "two", "three"))
    one.build("--remote", str(place))
    retype(place, "//marts:mart_user_orders")
    done = two.build("--remote", str(place))
    assert (done.exit_code, done.built) == (0, {"//marts:mart_user_orders"}), done.stdout + done.stderr
    assert done.stderr.count("was not used") == 1
    assert statuses(three, "--remote", str(place)) == {"restored"}
    assert tables(one) == tables(two) == tables(three)


LARGE = "select i as id, hash(i) as number, 'text ' || i as text from range(200000) as rows(i)\n"


def large(tmp_path: Path, *names: str) -> list[Demo]:
    """Machines whose demo has a table that is not taken over together with others, and one that reads it."""
    made = [machine(tmp_path, name) for name in names]
    for demo in made:
        demo.write("models/marts/big.ff.sql", LARGE)
        demo.write("models/marts/small.ff.sql", "select sum(id) as ids, sum(number) as sum from {{ ref('big') }}\n")
    return made


def test_a_large_table_is_put_in_place_and_kept(tmp_path: Path, place: Path) -> None:
    one, two = large(tmp_path, "one", "two")
    one.build("--remote", str(place))
    done = two.build("--remote", str(place))
    assert set(done.statuses.values()) == {"restored"}, done.stdout + done.stderr
    assert (done.result("//marts:big")["source"], done.result("//marts:big")["reason"]) == ("remote", "from the remote")
    assert "8 of 8 outputs found (100 %); 8 fetched" in done.stdout
    rows = [demo.sql("from cache_demo.big") for demo in (one, two)]
    assert rows[0] == rows[1]
    assert one.types("big") == two.types("big")
    assert set(two.build().statuses.values()) == {"fresh"}
    two.database.unlink()
    assert statuses(two) == {"restored"}
    assert two.sql("from cache_demo.big") == rows[0]


@pytest.mark.parametrize("how", ["damaged", "gone", "another type"])
def test_a_large_table_that_cannot_be_had_is_built(tmp_path: Path, place: Path, how: str) -> None:
    one, two, three = large(tmp_path, "one", "two", "three")
    one.build("--remote", str(place))
    pack = max(objects(place, "packs"), key=lambda path: path.stat().st_size)
    if how == "damaged":
        pack.write_bytes(pack.read_bytes()[:-8] + bytes(8))
    elif how == "gone":
        pack.unlink()
    else:
        retype(place, "//marts:big")
    done = two.build("--remote", str(place), "//marts:big")
    assert done.built == {"//marts:big"}, done.stdout + done.stderr
    assert done.stderr.count("was not used") == (how != "gone")
    assert two.sql("from cache_demo.big") == one.sql("from cache_demo.big")
    assert statuses(three, "--remote", str(place)) == {"restored"}


def test_what_reads_a_table_that_this_engine_cannot_make_is_never_left_wrong(tmp_path: Path, place: Path) -> None:
    """It was decided upon what the claim told: that build says so and fails, and the next one is right."""
    one, two = (machine(tmp_path, name) for name in ("one", "two"))
    one.build("--remote", str(place))
    retype(place, "//seeds_consumers:stg_users")
    done = two.build("--remote", str(place))
    assert done.exit_code == 1, done.stdout + done.stderr
    assert done.stderr.count("was not used") == 1
    assert "the output of //seeds_consumers:stg_users is gone" in done.stdout + done.stderr
    assert two.build("--remote", str(place)).exit_code == 0
    assert tables(one) == tables(two)


def retype(place: Path, label: str) -> None:
    """Let the claim on a label's output say that its first text column holds dates."""
    from blake3 import blake3

    claims = [(path, claim_parts(path)[1]) for path in objects(place, "claims")]
    ((path, body),) = [(path, body) for path, body in claims if body["realisation"]["label"] == label]
    manifest = json.loads(body["manifest"])
    text = next(column for column in manifest["columns"] if column[1] == "VARCHAR")
    text[1] = "DATE"
    body["manifest"] = json.dumps(manifest, separators=(",", ":"))
    body["realisation"]["output"] = blake3(body["manifest"].encode()).hexdigest()
    write_claim(path, body)


def test_main_signs_and_requests_read(tmp_path: Path, place: Path) -> None:
    main, request, again, merged = (machine(tmp_path, name) for name in ("main", "request", "again", "merged"))
    key = tmp_path / "ci.key"
    made = main.fftcas("key", "new", "ci-main", "--out", str(key))
    assert oct(key.stat().st_mode & 0o777) == "0o600"
    shared = {"FFTCAS_REMOTE": str(place), "FFTCAS_REMOTE_TRUST": made.stdout.strip()}
    of_main, of_request = {**shared, "FFTCAS_REMOTE_KEY": str(key)}, {**shared, "FFTCAS_REMOTE_NAMESPACE": "pr/7"}
    assert statuses(main, **of_main) == {"built"}
    assert statuses(request, **of_request) == {"restored"}
    for demo in (request, again, merged):
        demo.edit("models/marts/mart_user_orders.ff.sql", "sum(", "10 * sum(")
    assert request.build(**of_request).built == {"//marts:mart_user_orders"}
    assert statuses(again, **of_request) == {"restored"}, "a request finds what it has built before"
    # Merged, the very same derivation is built by main itself: it believes nothing that a request has published.
    done = merged.build(**{**of_main, "FFTCAS_REMOTE_KEY": key.read_text()})
    assert done.built == {"//marts:mart_user_orders"}
    assert "read-only (there is no key to sign with)" in merged.build("--rebuild", **shared).stdout


def test_http_responses_travel(tmp_path: Path, place: Path, api: str) -> None:
    one, two = machine(tmp_path, "one"), machine(tmp_path, "two")
    how = {"FF_DEMO_API_URL": api, "FFTCAS_REMOTE": str(place)}
    first = one.fftcas("build", "-e", "dev_duckdb", "//http:http_users", **how)
    assert first.statuses == {"//http:http_users": "built"}, first.stderr
    second = two.fftcas("build", "-e", "dev_duckdb", "--offline", "//http:http_users", **how)
    assert second.statuses == {"//http:http_users": "restored"}, second.stdout + second.stderr
    # The response came along: the model itself can run again without a network.
    third = two.fftcas("build", "-e", "dev_duckdb", "--offline", "--rebuild", "//http:http_users", **how)
    assert third.statuses == {"//http:http_users": "built"}, third.stdout + third.stderr


def test_why_rebuild_tells_what_the_remote_has_and_how_its_nearest_differs(tmp_path: Path, place: Path) -> None:
    one, two = machine(tmp_path, "one"), machine(tmp_path, "two")
    shared = {"FFTCAS_REMOTE": str(place)}
    one.build(**shared)
    two.edit("models/marts/mart_user_orders.ff.sql", "sum(", "2 * sum(")
    done = two.fftcas("why-rebuild", "-e", "dev_duckdb", "//marts:mart_user_orders", **shared)
    lines = [line for line in done.stdout.splitlines() if line.startswith("remote: ")]
    assert [line for line in lines if "//seeds:seed_users: will be taken from the remote instead" in line], done.stdout
    (mart,) = [line for line in lines if "mart_user_orders" in line]
    assert "not in the remote; the nearest there" in mart
    assert "differs: " in mart
    assert "sql changed" in mart.lower()


def test_outputs_that_rest_on_files_travel_and_a_relative_remote_starts_here(tmp_path: Path) -> None:
    machines = [machine(tmp_path, "one"), machine(tmp_path, "two")]
    for demo in machines:
        demo.write("data/new rates.csv", "id,rate\n1,2.5\n")
        demo.write("models/marts/rates.ff.sql", "select id, rate from read_csv('data/new*.csv')")
    one, two = machines
    (one.home / "shared").mkdir()
    assert one.build("--remote", "shared").exit_code == 0
    second = two.build("--remote", str(one.home / "shared"))
    assert set(second.statuses.values()) == {"restored"}, second.stdout
    assert two.sql("select * from cache_demo.rates") == [(1, 2.5)]


def test_a_relative_remote_of_a_project_starts_at_its_root(tmp_path: Path) -> None:
    one, two = machine(tmp_path, "one"), machine(tmp_path, "two")
    (one.project / "shared").mkdir()
    for demo in (one, two):
        demo.write("project.yml", (demo.project / "project.yml").read_text() + "\nremote: {url: shared}\n")
    assert statuses(one) == {"built"}
    shutil.copytree(one.project / "shared", two.project / "shared")
    assert statuses(two) == {"restored"}


def test_main_changes_its_key(tmp_path: Path, place: Path) -> None:
    one, two, three, four = (machine(tmp_path, name) for name in ("one", "two", "three", "four"))
    old, new = tmp_path / "old.key", tmp_path / "new.key"
    publics = [one.fftcas("key", "new", "ci", "--out", str(key)).stdout.strip() for key in (old, new)]
    both, only_new = " ".join(publics), publics[1]
    shared = {"FFTCAS_REMOTE": str(place), "FFTCAS_REMOTE_TRUST": both}
    assert statuses(one, FFTCAS_REMOTE_KEY=str(old), **shared) == {"built"}
    two.edit("models/marts/mart_user_orders.ff.sql", "sum(", "10 * sum(")
    assert two.build(FFTCAS_REMOTE_KEY=str(new), **shared).built == {"//marts:mart_user_orders"}
    three.edit("models/marts/mart_user_orders.ff.sql", "sum(", "10 * sum(")
    assert statuses(three, **shared) == {"restored"}, "claims of both keys count"
    # Without the old key, what it has signed is a miss, and main publishes it anew.
    shared["FFTCAS_REMOTE_TRUST"] = only_new
    assert statuses(four, FFTCAS_REMOTE_KEY=str(new), **shared) == {"built"}
    three.database.unlink()
    shutil.rmtree(three.home / "store")
    assert statuses(three, **shared) == {"restored"}


@pytest.mark.parametrize("doing", ["fetches", "publishes"])
def test_a_keyboard_interrupt_does_not_wait_for_the_remote(tmp_path: Path, place: Path, doing: str) -> None:
    if importlib.util.find_spec("obstore") is None:
        pytest.skip("the package obstore is not installed")
    one, two = machine(tmp_path, "one"), machine(tmp_path, "two")
    if doing == "fetches":
        one.build("--remote", str(place))
    script = Path(__file__).parents[1] / "unit" / "remote" / "slow_bucket.py"
    with subprocess.Popen([sys.executable, str(script), str(place)], stdout=subprocess.PIPE, text=True) as bucket:
        assert bucket.stdout is not None
        url = f"http://127.0.0.1:{bucket.stdout.readline().strip()}"
        how = {"AWS_ENDPOINT_URL": url, "AWS_ALLOW_HTTP": "true", "FFTCAS_REMOTE_TIMEOUT": "500", **KEYS}
        with subprocess.Popen(
            [sys.executable, "-m", "fftcas", "build", "-e", "dev_duckdb", "--remote", "s3://bucket", "//marts/..."],
            env=two.environment(FFTCAS_PROJECT=str(two.project), **how),
            cwd=two.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as build:
            try:
                assert bucket.stdout.readline().startswith("asked for a pack")
                if doing == "publishes":
                    wait_until_built(two)
                build.send_signal(signal.SIGINT)
                output, errors = build.communicate(timeout=60)  # the bucket would answer in ten minutes
            finally:
                build.kill()
                bucket.kill()
    assert (build.returncode, errors) == (130, ""), output
    assert "interrupted" in output
    assert doing == "fetches" or "5 built in" in output


def wait_until_built(demo: Demo) -> None:
    """Until the build has let go of the database: then it only waits for its remote."""
    until = time.monotonic() + 60
    while True:
        with contextlib.suppress(duckdb.Error), duckdb.connect(str(demo.database), read_only=True):
            return
        assert time.monotonic() < until
        time.sleep(0.02)
