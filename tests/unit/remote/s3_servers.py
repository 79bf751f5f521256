"""Real S3 servers on loopback, where their packages are installed; a test that needs one which is not is skipped."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

KEYS = {"AWS_ACCESS_KEY_ID": "testkey", "AWS_SECRET_ACCESS_KEY": "testsecret", "AWS_REGION": "us-east-1"}


def free_port() -> int:
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses, all different."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def wait_for(port: int, server: subprocess.Popen[bytes], seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if server.poll() is not None:
            pytest.skip(f"the server ended with {server.returncode}")
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2)
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
        else:
            return
    pytest.skip("the server did not start in time")


def program(name: str) -> str:
    """A program beside this interpreter, or on the path."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"the program {name} is not installed")
    return found


def commands(name: str, folder: Path, port: int) -> list[str]:
    if name == "moto":
        return [program("moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    if name == "rclone":
        (folder / "bucket").mkdir()
        return [
            *(program("rclone"), "serve", "s3", str(folder), "--addr", f"127.0.0.1:{port}"),
            *("--auth-key", "testkey,testsecret"),
        ]
    identity = {
        "name": "test",
        "credentials": [{"accessKey": "testkey", "secretKey": "testsecret"}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    roles = [
        "master.port",
        "volume.port",
        "filer.port",
        *(f"{r}.port.grpc" for r in ("master", "volume", "filer", "s3")),
    ]
    ports = [f"-{role}={number}" for role, number in zip(roles, free_ports(len(roles)), strict=True)]
    return [
        *(program("weed"), "server", "-ip=127.0.0.1", f"-dir={folder}", "-volume.max=20", "-filer", "-s3"),
        *(f"-s3.port={port}", f"-s3.config={folder / 's3.json'}", *ports),
        *("-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"),
    ]


def serve(name: str, folder: Path) -> Iterator[str]:
    """A bucket on a real server; its URL."""
    port = free_port()
    before = dict(os.environ)
    with subprocess.Popen(
        commands(name, folder, port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder
    ) as running:
        try:
            wait_for(port, running)
            os.environ.update(KEYS, AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}", AWS_ALLOW_HTTP="true")
            if name != "rclone":
                make_bucket(port)
            yield "s3://bucket/some/folder"
        finally:
            os.environ.clear()
            os.environ.update(before)
            running.kill()


def make_bucket(port: int) -> None:
    """Create the bucket with a signed request; object stores make none by themselves."""
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/us-east-1/s3/aws4_request"
    empty = hashlib.sha256(b"").hexdigest()
    headers = f"host:127.0.0.1:{port}\nx-amz-content-sha256:{empty}\nx-amz-date:{stamp}\n"
    names = "host;x-amz-content-sha256;x-amz-date"
    canonical = hashlib.sha256(f"PUT\n/bucket\n\n{headers}\n{names}\n{empty}".encode()).hexdigest()
    key = b"AWS4testsecret"
    for part in [stamp[:8], "us-east-1", "s3", "aws4_request"]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{canonical}"
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    authorization = f"AWS4-HMAC-SHA256 Credential=testkey/{scope}, SignedHeaders={names}, Signature={signature}"
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/bucket",
        method="PUT",
        headers={"x-amz-date": stamp, "x-amz-content-sha256": empty, "Authorization": authorization},
    )
    for _ in range(50):
        try:
            urllib.request.urlopen(request, timeout=5).close()
            return
        except urllib.error.HTTPError as error:
            if error.code == 409:
                return
            time.sleep(0.2)
    pytest.skip("the bucket could not be made")
