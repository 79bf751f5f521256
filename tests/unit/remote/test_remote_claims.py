"""Claims are believed only if everything about them is right: who may write to the remote can cause misses, no more."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st
from remote_cases import (
    claim_parts,
    derivation,
    expected,
    fetch,
    fill,
    objects,
    publish,
    realisation,
    rows,
    table,
    write_claim,
)

from fftcas.errors import UsageError
from fftcas.store import Realisation, Store
from fftcas.store.remote import Remote, RemoteMode, Responses, Signer, Trust
from fftcas.store.remote.believable import is_type
from fftcas.store.remote.claim import read_claim
from fftcas.store.remote.keys import PublicKey
from fftcas.store.remote.layout import ClaimName
from fftcas.table import Column, Table

CI = Signer.new("ci-main")
OTHER = Signer.new("other")


def hostile(body: dict[str, Any], how: str) -> None:
    """Change a claim's body as an attacker would."""
    real = body["realisation"]
    manifest = json.loads(body["manifest"])
    if how == "another derivation":
        real["derivation"] = "0" * 64
    elif how == "another output":
        real["output"] = "1" * 64
    elif how == "another namespace":
        body["namespace"] = "pr/1"
    elif how == "another document":
        body["document"] = body["document"].replace("select", "SELECT")
    elif how == "notes in other letters":
        assert '"notes":{}' in body["document"]
        body["document"] = body["document"].replace('"notes":{}', '"notes":{"sql":"é"}')
    elif how == "no document":
        body["document"] = None
    elif how == "another recipe":
        real["recipe"] = "2" * 64
    elif how == "rows as text":
        real["rows"] = "100"
    elif how == "negative rows":
        real["rows"] = -1
    elif how == "a label for a terminal":
        real["label"] = "//marts:\x1b[2J"
    elif how == "a host for a terminal":
        real["host"] = "\x1b]0;pwned\x07"
    elif how == "endless time":
        real["seconds"] = float("inf")
    elif how == "no packs":
        body["packs"] = []
    elif how == "a pack that is a path":
        body["packs"][0][0] = "../../../../etc/passwd"
    elif how == "a pack of another size":
        body["packs"][0][2] += 1
    elif how == "a pack of a terabyte":
        body["packs"][0][2] = 1 << 39
    elif how == "a column type with SQL in it":
        manifest["columns"][0][1] = "BIGINT DEFAULT (SELECT 1)"
    elif how == "two columns of one name":
        manifest["columns"][1][0] = manifest["columns"][0][0]
    elif how == "fewer bytes than the chunks have":
        manifest["columns"][0][4] -= 1
    elif how == "a list in place of an object":
        body["realisation"] = []
    if body["manifest"] != json.dumps(manifest, separators=(",", ":")):
        body["manifest"] = json.dumps(manifest, separators=(",", ":"))
        if how.startswith(("a column", "two columns", "fewer")):
            real["output"] = blake3(body["manifest"].encode()).hexdigest()


ATTACKS = [
    *("another derivation", "another output", "another namespace", "another document", "no document"),
    *("another recipe", "rows as text", "negative rows", "a label for a terminal", "a host for a terminal"),
    *("endless time", "no packs", "a pack that is a path", "a pack of another size", "a pack of a terabyte"),
    *("a column type with SQL in it", "two columns of one name", "fewer bytes than the chunks have"),
    *("a list in place of an object", "notes in other letters"),
]


@pytest.mark.parametrize("how", ATTACKS)
def test_a_hostile_claim_is_a_miss_and_is_said_once_and_is_healed(tmp_path: Path, place: Path, how: str) -> None:
    with Store.open(tmp_path / "a") as a, Store.open(tmp_path / "b") as b:
        keys = fill(a, 1)
        publish(place, a, keys)
        (path,) = objects(place, "claims")
        body: dict[str, Any] = claim_parts(path)[1]
        hostile(body, how)
        write_claim(path, body)
        said: list[str] = []
        assert fetch(place, b, keys, said.append) == set()
        assert len(said) == 1
        assert b.realisation(keys[0]) is None
    with Store.open(tmp_path / "b") as b, Store.open(tmp_path / "c") as c:
        remote = Remote.open(str(place), RemoteMode.RW, warn=said.append)
        assert remote.intake.fetch(keys[0], c) is None
        remote.publish(fill(c, 1)[0], c)
        remote.finish()
        assert fetch(place, b, keys) == set(keys)
        assert rows(b, keys[0]) == expected(0)


def test_what_stands_in_data_and_definitions_may_be_claimed(tmp_path: Path, place: Path) -> None:
    odd = "'\x1b[2J\x7f\x9b\x0b\x00\u2028"
    made = replace(derivation(0), recipe={**derivation(0).recipe, "sql": odd}, notes={"sql": odd, "var": {"a": odd}})
    data = pa.table({"Order\nDate\x1b\x7f\x9b": [1]})
    output = Table((Column(data.column_names[0], 'STRUCT("a\nb" INTEGER)'),), data.schema, iter(data.to_batches()))
    with Store.open(tmp_path / "a") as a, Store.open(tmp_path / "b") as b:
        key = realisation(a, made, output).derivation
        assert publish(place, a, [key]).problems == ()
        assert fetch(place, b, [key], pytest.fail) == {key}
        assert rows(b, key) == rows(a, key)


@pytest.mark.parametrize("content", [b"", b"\n", b"{}\n{}", b"[" * 100_000, b"\x00" * 100, b'{"fftcas-claim":1}\n'])
def test_garbage_for_a_claim_is_a_miss(tmp_path: Path, place: Path, content: bytes) -> None:
    with Store.open(tmp_path / "a") as a, Store.open(tmp_path / "b") as b:
        keys = fill(a, 1)
        publish(place, a, keys)
        objects(place, "claims")[0].write_bytes(content)
        assert fetch(place, b, keys, lambda text: None) == set()


@given(st.binary(max_size=300))
def test_no_bytes_can_be_more_than_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"^it "):
        read_claim(ClaimName("main", "0" * 64, "unsigned"), data, Trust(), "main")


def test_a_claim_under_another_key_is_a_miss(tmp_path: Path, place: Path) -> None:
    with Store.open(tmp_path / "a") as a, Store.open(tmp_path / "b") as b:
        one, two = fill(a, 2)
        publish(place, a, [one, two])
        first, second = (place / ClaimName("main", key, "unsigned").path for key in (one, two))
        second.write_bytes(first.read_bytes())
        assert fetch(place, b, [one, two], lambda text: None) == {one}


def test_with_trust_only_signed_claims_count(tmp_path: Path, place: Path) -> None:
    with Store.open(tmp_path / "a") as a, Store.open(tmp_path / "b") as b:
        signed, unsigned, other = fill(a, 3)
        publish(place, a, [unsigned])
        publish(place, a, [other], OTHER)
        publish(place, a, [signed], CI)
        assert fetch(place, b, [signed, unsigned, other], trust=[str(CI.public)]) == {signed}
        assert fetch(place, b, [signed, unsigned, other], trust=[str(CI.public), str(OTHER.public)]) == {signed, other}
        assert fetch(place, b, [signed, unsigned, other]) == {signed, unsigned, other}


@pytest.fixture
def no_conscience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Publishers of this test publish what nobody would believe."""
    monkeypatch.setattr("fftcas.store.remote.publish.read_claim", lambda *claim: None)


@pytest.mark.usefixtures("no_conscience")
def test_a_forged_signature_is_a_miss(tmp_path: Path, place: Path) -> None:
    with Store.open(tmp_path / "a") as a, Store.open(tmp_path / "b") as b:
        mine, forged = fill(a, 2)
        publish(place, a, [mine], CI)
        publish(place, a, [forged], replace(OTHER, public=CI.public))
        said: list[str] = []
        assert fetch(place, b, [mine, forged], said.append, trust=[str(CI.public)]) == {mine}
        assert "its signature is wrong" in said[0]


def test_nothing_is_published_that_nobody_would_believe(tmp_path: Path, place: Path) -> None:
    with Store.open(tmp_path / "a") as a:
        remote = Remote.open(str(place), RemoteMode.REQUIRED, signer=replace(OTHER, public=CI.public))
        remote.publish(fill(a, 1)[0], a)
        report = remote.finish()  # the remote is not to blame
        assert report.problems == ("//marts:t0 was not published: its signature is wrong",)
        assert objects(place, "claims") == []


def test_one_claim_signed_by_two_keys(tmp_path: Path, place: Path) -> None:
    with Store.open(tmp_path / "a") as a, Store.open(tmp_path / "b") as b:
        keys = fill(a, 1)
        publish(place, a, keys, CI)
        publish(place, a, keys, OTHER)
        assert len(objects(place, "claims")) == 2
        assert fetch(place, b, keys, trust=[str(OTHER.public)]) == set(keys)


@pytest.mark.usefixtures("no_conscience")
def test_a_pull_request_cannot_put_a_table_into_builds_of_main(tmp_path: Path, place: Path) -> None:
    """CVE-2025-36852: the request builds a poisoned table for a key that main will ask for, and is faster."""
    trust = [str(CI.public)]
    made = derivation(7)
    with Store.open(tmp_path / "pr") as attacker, Store.open(tmp_path / "main") as main:
        realisation(attacker, made, table(666))
        ways: list[dict[str, Any]] = [
            {"namespace": "pr/7", "trust": trust},  # as its recipe says
            {"namespace": "main", "trust": trust},  # with its configuration changed
            {"namespace": "main"},
            {"namespace": "main", "signer": OTHER},
            {"namespace": "main", "signer": replace(OTHER, public=CI.public)},  # forged
        ]
        for how in ways:
            remote = Remote.open(str(place), RemoteMode.RW, **how)
            remote.publish(made.key, attacker)
            remote.finish()
        forged = place / ClaimName("main", made.key, CI.public.id).path
        assert forged.exists()
        for data in [path.read_bytes() for path in objects(place, "claims")]:
            forged.write_bytes(data)  # and by hand: any claim under the name of one that CI has signed
            for namespace in ("main", "pr/8"):
                how = {"trust": trust, "namespace": namespace}
                assert fetch(place, main, [made.key], lambda text: None, **how) == set()
        assert main.realisation(made.key) is None
        # Main builds it itself, and replaces what was put in its place.
        remote = Remote.open(str(place), RemoteMode.RW, trust=trust, signer=CI, warn=lambda text: None)
        assert remote.intake.fetch(made.key, main) is None
        realisation(main, made, table(7))
        remote.publish(made.key, main)
        remote.finish()
        with Store.open(tmp_path / "next") as following:
            assert fetch(place, following, [made.key], lambda text: None, trust=trust) == {made.key}
            assert rows(following, made.key) == expected(7)


def test_a_pull_request_reads_main_and_its_own(tmp_path: Path, place: Path) -> None:
    trust = [str(CI.public)]
    with Store.open(tmp_path / "a") as a, Store.open(tmp_path / "b") as b:
        of_main, own, of_another = fill(a, 3)
        publish(place, a, [of_main], CI)
        publish(place, a, [own], namespace="pr/1")
        publish(place, a, [of_another], namespace="pr/2")
        assert fetch(place, b, [of_main, own, of_another], trust=trust, namespace="pr/1") == {of_main, own}


def test_with_a_key_of_its_own_a_request_finds_what_it_has_signed(tmp_path: Path, place: Path) -> None:
    trust = [str(CI.public)]
    with Store.open(tmp_path / "a") as a, Store.open(tmp_path / "b") as b, Store.open(tmp_path / "c") as c:
        keys = fill(a, 1)
        publish(place, a, keys, OTHER, "pr/1")
        assert fetch(place, b, keys, lambda text: None, trust=trust, namespace="pr/1") == set(), "who has another key"
        assert fetch(place, b, keys, trust=trust, namespace="pr/2", signer=OTHER) == set()
        assert fetch(place, b, keys, trust=trust, namespace="main", signer=OTHER) == set()
        assert fetch(place, c, keys, trust=trust, namespace="pr/1", signer=OTHER) == set(keys)


def test_a_key_is_changed_while_both_are_trusted_and_then_revoked(tmp_path: Path, place: Path) -> None:
    both = [str(CI.public), str(OTHER.public)]
    with Store.open(tmp_path / "a") as a, Store.open(tmp_path / "b") as b:
        first, second = fill(a, 2)
        publish(place, a, [first], CI)
        changed = Remote.open(str(place), RemoteMode.RW, trust=both, signer=OTHER)
        assert changed.intake.fetch(first, b) is not None
        changed.publish(second, a)
        assert changed.finish().published.claims == 1
        with Store.open(tmp_path / "c") as c:
            assert fetch(place, c, [first, second], trust=both) == {first, second}
        with Store.open(tmp_path / "d") as d:
            assert fetch(place, d, [first, second], trust=[str(OTHER.public)]) == {second}
        # What the revoked key had signed is published anew, beside the old claim, whose packs are used again.
        renewed = Remote.open(str(place), RemoteMode.RW, trust=[str(OTHER.public)], signer=OTHER)
        renewed.publish(first, a)
        published = renewed.finish().published
        assert (published.claims, published.objects) == (1, 1)
        with Store.open(tmp_path / "e") as e:
            assert fetch(place, e, [first], trust=[str(OTHER.public)]) == {first}
            assert rows(e, first) == expected(0)


class Aging(Responses):
    """Responses of which the realisation's time says how new they are."""

    def known_at(self, realisation: Realisation, notes: Iterable[str]) -> float:
        return realisation.seconds


@pytest.mark.parametrize("later", [CI, OTHER], ids=["the first key", "the second key"])
def test_of_two_claims_that_rest_on_responses_the_newer_counts(tmp_path: Path, place: Path, later: Signer) -> None:
    made, earlier = derivation(1), OTHER if later is CI else CI
    with Store.open(tmp_path / "a") as a, Store.open(tmp_path / "b") as b:
        for number, signer in ((1, earlier), (2, later)):
            fetched = replace(realisation(a, made, table(number)), seconds=float(number), http={"1" * 64: "2" * 64})
            a.commit(fetched, made.to_json(), a.manifest(fetched.output))
            publish(place, a, [made.key], signer)
        assert len(objects(place, "claims")) == 2
        both = [str(CI.public), str(OTHER.public)]
        assert fetch(place, b, [made.key], trust=both, responses=Aging()) == {made.key}
        assert rows(b, made.key) == expected(2)


def test_without_the_key_main_is_read_only(place: Path) -> None:
    Remote.open(str(place), RemoteMode.RW)
    remote = Remote.open(str(place), RemoteMode.RW, trust=[str(CI.public)])
    assert "read-only (there is no key to sign with)" in remote.summary
    remote = Remote.open(str(place), RemoteMode.RW, trust=[str(CI.public)], signer=OTHER)
    assert "read-only (its key is not one of those in 'trust')" in remote.summary
    remote = Remote.open(str(place), RemoteMode.RW, trust=[str(CI.public)], signer=CI)
    assert "read-write" in remote.summary
    assert remote.signs


def test_keys_are_written_and_read(tmp_path: Path) -> None:
    assert Signer.parse(CI.text()) == CI
    assert PublicKey.parse(str(CI.public)) == CI.public
    (tmp_path / "key").write_text(CI.text() + "\n")
    assert Signer.load(str(tmp_path / "key")) == CI
    assert Signer.load(CI.text()) == CI
    assert "fftcas-private-key" not in repr(CI)
    assert str(CI.raw) not in repr(CI)


@pytest.mark.parametrize("cut", ["fftcas-private-key:", "fftcas-private-key:ci-main:", ""])
def test_a_private_key_of_which_something_is_missing_is_not_repeated(cut: str) -> None:
    value = CI.text().removeprefix(cut)[: -10 if not cut else None]
    with pytest.raises(UsageError) as found:
        Signer.load(value)
    assert value not in str(found.value)
    assert CI.text()[-44:-20] not in str(found.value)


def test_the_file_of_a_key_is_named(tmp_path: Path) -> None:
    for path in ("ci.key", "~nobody-of-this-name/ci.key", str(tmp_path), "/no/such/file"):
        with pytest.raises(UsageError, match=f"the key file {path} cannot be read"):
            Signer.load(path)


@pytest.mark.parametrize(
    "spelled",
    [
        *("BIGINT", "VARCHAR", "DECIMAL(18,3)", "DECIMAL(18,3)[]", "INTEGER[3]", "TIMESTAMP WITH TIME ZONE"),
        *("DOUBLE PRECISION", "MAP(VARCHAR, INTEGER)", "STRUCT(a INTEGER, b STRUCT(c VARCHAR[]))[]"),
        *(
            'STRUCT("a b" INTEGER, "sel""ect" DATE)',
            'STRUCT("a\\nb" INTEGER)',
            "ENUM('a', 'it''s', ') DROP TABLE x')",
            "UNION(num INTEGER)",
        ),
    ],
)
def test_types_are_types(spelled: str) -> None:
    assert is_type(spelled)


@pytest.mark.parametrize(
    "spelled",
    [
        *("", " ", "BIGINT DEFAULT 1", "BIGINT); DROP TABLE x; --", "BIGINT, b BIGINT", "BIGINT CHECK (x > 1)"),
        *("BIGINT -- x", "BIGINT /* x */", "BIGINT;", "(SELECT 1)", "BIGINT AS (1)", "BIGINT\n", "VARCHAR COLLATE x"),
        *(
            "ENUM(E'\\', ' DROP TABLE x; ')",
            "ENUM($$a$$)",
            "ENUM('a''",
            "STRUCT(a INTEGER",
            "BIGINT)",
            "INTEGER NOT NULL",
        ),
        *("INTEGER DEFAULT getenv('HOME')", "INTEGER DEFAULT nextval('s')", "INT\x1b", "INTEGER USING SAMPLE 1"),
    ],
)
def test_what_is_more_than_a_type_is_none(spelled: str) -> None:
    assert not is_type(spelled)
