"""The remote's settings: what is wrong with them is told before anything runs, though no connection is opened yet."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from fftcas.cli.remote_options import merged, remote_opener
from fftcas.errors import RemoteError, UsageError
from fftcas.project.settings import RemoteSettings, read_settings

WRONG = {
    "FFTCAS_REMOTE": ("file://host/x", "names another machine"),
    "FFTCAS_REMOTE_MODE": ("rwx", "FFTCAS_REMOTE_MODE is 'rwx'"),
    "FFTCAS_REMOTE_NAMESPACE": ("Foo", "'Foo' is not a namespace"),
    "FFTCAS_REMOTE_TRUST": ("nokey", "this is not a public key"),
    "FFTCAS_REMOTE_KEY": ("/nowhere/ci.key", "the key file /nowhere/ci.key cannot be read"),
    "FFTCAS_REMOTE_TIMEOUT": ("abc", "FFTCAS_REMOTE_TIMEOUT is 'abc'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_settings_are_told_at_once(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FFTCAS_REMOTE", str(tmp_path))
    monkeypatch.setenv(name, WRONG[name][0])
    with pytest.raises(UsageError, match=WRONG[name][1]):
        remote_opener(merged(None, None, None, os.environ), pytest.fail, offline=False)


def test_a_remote_whose_package_is_missing_is_off_unless_it_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    said: list[str] = []
    assert remote_opener(RemoteSettings("s3://bucket/x"), said.append, offline=False)() is None
    assert said == ["remote: off (a remote at s3:// needs the package obstore: pip install 'fftcas[cloud]')"]
    with pytest.raises(RemoteError, match="needs the package obstore"):
        remote_opener(RemoteSettings("s3://bucket/x", "required"), said.append, offline=False)


def test_who_only_reads_needs_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FFTCAS_REMOTE_KEY", "/nowhere/ci.key")
    assert remote_opener(RemoteSettings(str(tmp_path), "ro"), lambda line: None, offline=False)() is not None


def test_a_project_may_say_whom_to_trust_and_leave_open_where(tmp_path: Path) -> None:
    (tmp_path / "project.yml").write_text("remote: {trust: [k], mode: ro}")
    settings = read_settings(tmp_path).remote
    assert merged(None, None, settings, {}) is None
    assert merged(None, None, settings, {"FFTCAS_REMOTE": "/x"}) == RemoteSettings("/x", "ro", ("k",))


@pytest.mark.parametrize("url", ["", "host:9000", "/x", "http://me:SECRET@h ost", "http://[::1", "http://h:99999"])
def test_an_endpoint_is_a_url(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("obstore")
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    with pytest.raises(UsageError, match="AWS_ENDPOINT_URL is no URL") as found:
        remote_opener(merged("s3://bucket/x", None, None, os.environ), pytest.fail, offline=False)
    assert "SECRET" not in str(found.value)
