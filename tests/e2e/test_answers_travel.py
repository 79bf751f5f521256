"""A machine that finds a project in the remote need not ask its engine about each text, and believes no one about them
whom it would not believe about tables."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from blake3 import blake3
from harness import Demo, new_demo
from small import new_small

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "remote"))

from remote_cases import objects

from fftcas.build.options import BuildOptions
from fftcas.build.run import build
from fftcas.store.remote import Remote, RemoteMode

MANY = 40


def machine(tmp_path: Path, name: str) -> Demo:
    """A new checkout on a new machine, of a project with many models, two of which read or tell more than others."""
    (tmp_path / name).mkdir()
    demo = new_demo(tmp_path / name)
    for number in range(MANY):
        text = f"select id, {number} as n from {{{{ ref('seed_users') }}}}"
        demo.write(f"models/many/m{number}.ff.sql", text)
    demo.write("models/many/early.ff.sql", "select id, random() < 2 as now_and_then from {{ ref('seed_users') }}")
    demo.write("data.csv", "x\n1\n")
    demo.write("models/many/file.ff.sql", "select * from 'data.csv'")
    return demo


def bound(demo: Demo) -> int:
    """How often the engine was asked which columns texts read, which it is of many at once."""
    asked = [statement for statement in demo.log.statements() if "json_serialize_plan" in statement]
    demo.log.clear()
    return len(asked)


def parsed(demo: Demo) -> bool:
    """Whether the engine was asked what any text says."""
    return any("json_serialize_sql" in statement for statement in demo.log.statements())


def unsigned(document: dict[str, Any]) -> bytes:
    """Answers as whoever may write there can put them."""
    body = json.dumps(document).encode()
    seal = {"fftcas-answers": 1, "digest": blake3(body).hexdigest(), "key": None, "signature": None}
    return json.dumps(seal).encode() + b"\n" + body


def test_a_fresh_machine_asks_its_engine_about_few_texts(tmp_path: Path, place: Path) -> None:
    one, two, three = (machine(tmp_path, name) for name in ("one", "two", "three"))
    first = one.build("--remote", str(place))
    assert first.exit_code == 0, first.stderr
    assert bound(one) > MANY
    (answers,) = objects(place, "answers")
    assert "data.csv" not in answers.read_text()
    second = two.build("--remote", str(place))
    assert set(second.statuses.values()) == {"restored"}, second.stdout
    assert not bound(two)
    assert "random(): " in second.stdout, "what else is to be told of a text is found out as ever"
    # What was taken over is known from then on: an edit needs no remote to be understood.
    two.edit("models/many/m1.ff.sql", "1 as n", "100 as n")
    assert two.build().built == {"//many:m1"}
    assert bound(two) <= 2
    # The next machine has the edited text's answer from the one that built it.
    two.edit("models/many/m2.ff.sql", "2 as n", "200 as n")
    assert two.build("--remote", str(place)).built == {"//many:m2"}
    three.edit("models/many/m2.ff.sql", "2 as n", "200 as n")
    assert set(three.build("--remote", str(place)).statuses.values()) == {"restored"}
    assert not bound(three)


def test_a_fresh_machine_does_not_ask_its_engine_about_a_single_text(tmp_path: Path, place: Path) -> None:
    one, two = (machine(tmp_path, name) for name in ("one", "two"))
    arguments = ("build", "//many:m1", "--remote", str(place))
    assert one.fftcas(*arguments).exit_code == 0
    assert parsed(one)
    done = two.fftcas(*arguments)
    assert "2 restored" in done.stdout
    assert not parsed(two)


def test_forged_answers_are_not_believed_where_keys_are_trusted(tmp_path: Path, place: Path) -> None:
    main, victim = machine(tmp_path, "main"), machine(tmp_path, "victim")
    key = tmp_path / "ci.key"
    public = main.fftcas("key", "new", "ci-main", "--out", str(key)).stdout.strip()
    shared = {"FFTCAS_REMOTE": str(place), "FFTCAS_REMOTE_TRUST": public}
    assert main.build(**shared, FFTCAS_REMOTE_KEY=str(key)).exit_code == 0
    (path,) = objects(place, "answers")
    document = json.loads(path.read_bytes().partition(b"\n")[2])
    columns = document["answers"]["columns read"]
    document["answers"]["columns read"] = dict.fromkeys(columns, "[[]]")  # as if no text read any column
    forged = unsigned(document)
    path.write_bytes(forged)
    path.with_name(path.name.partition(".")[0] + ".unsigned").write_bytes(forged)
    done = victim.build(**shared)
    assert set(done.statuses.values()) == {"restored"}, done.stdout
    assert f"answers/main/{path.name} was not used: it is not signed" in done.stderr
    assert bound(victim), "so it asked its own engine"
    victim.edit("seeds/seed_users.csv", "1,", "1001,")
    assert {f"//many:m{number}" for number in range(MANY)} <= victim.build(**shared).built


def test_answers_about_other_tables_are_none(tmp_path: Path, place: Path) -> None:
    def built(name: str, mode: RemoteMode) -> set[str]:
        small = new_small(tmp_path / name)
        small.models(
            **{f"m{number}": f"select id, {number} as n from {{{{ ref('numbers') }}}}" for number in range(MANY)}
        )
        project = small.load()
        with small.store() as store:
            targets = tuple(project.graph)
            run = build(project, targets, store, BuildOptions(), remote=lambda: Remote.open(str(place), mode))
        assert run.exit_code == 0
        return {outcome.status.value for outcome in run.outcomes}

    assert built("one", RemoteMode.RW) == {"built"}
    (path,) = objects(place, "answers")
    document = json.loads(path.read_bytes().partition(b"\n")[2])
    columns = document["answers"]["columns read"]
    assert set(columns.values()) == {'[["id"]]'}
    document["answers"]["columns read"] = dict.fromkeys(columns, "[]")
    path.write_bytes(unsigned(document))
    assert built("two", RemoteMode.RO) == {"restored"}
