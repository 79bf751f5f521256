"""The recipes in examples/ci, run as they stand: main on one machine, a request on another."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness import Demo, new_demo

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "remote"))

from s3_servers import KEYS, serve

RECIPES = Path(__file__).parents[2] / "examples" / "ci"


def machine(tmp_path: Path, name: str) -> Demo:
    (tmp_path / name).mkdir()
    return new_demo(tmp_path / name)


def scripts(recipe: str, who: str) -> tuple[str, dict[str, str]]:
    """The shell text that a recipe runs for `main` or `request`, and the variables that it sets."""
    document: dict[Any, Any] = yaml.safe_load((RECIPES / recipe).read_text())
    wanted = {"main": "Build main", "request": "Build the pull request"}[who]
    if recipe.startswith("github"):
        steps = [step for job in document["jobs"].values() for step in job["steps"] if step.get("name") == wanted]
        (step,) = steps
        return step["run"], {**document["env"], **step.get("env", {})}
    job, base = document[f"build {who}"], document[".tables"]
    return "\n".join(job["script"]), dict(base["variables"])


def run(demo: Demo, recipe: str, who: str, given: Mapping[str, str], folder: Path) -> str:
    """Run a recipe's steps in the project's directory, as CI would; returns what they print."""
    text, variables = scripts(recipe, who)
    tools = folder / "bin"
    tools.mkdir(exist_ok=True)
    (tools / "fftcas").write_text(f'#!/bin/sh\nexec {sys.executable} -m fftcas "$@"\n')
    (tools / "fftcas").chmod(0o755)
    environment = demo.environment(**{name: value for name, value in given.items() if name.isupper()})
    environment["PATH"] = f"{tools}{os.pathsep}{environment['PATH']}"
    for name, value in variables.items():
        value = re.sub(r"\$\{\{\s*(.*?)\s*\}\}", lambda match: given.get(match[1], ""), value)
        environment[name] = re.sub(r"\$(\w+)", lambda match: given.get(match[1], ""), value)
    # Without the one model that needs a network.
    (demo.project / "models" / "http" / "http_users.ff.py").unlink(missing_ok=True)
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", text],
        cwd=demo.project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("recipe", ["github-directory.yml", "gitlab-directory.yml"])
def test_main_signs_and_requests_take_over(tmp_path: Path, recipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    main, request, poor = (machine(tmp_path, name) for name in ("main", "request", "poor"))
    key = tmp_path / "ci.key"
    public = main.fftcas("key", "new", "ci-main", "--out", str(key)).stdout.strip()
    place = tmp_path / "share"
    place.mkdir()
    shared = {"FFTCAS_REMOTE_TRUST": public, "vars.FFTCAS_REMOTE_TRUST": public, "github.workspace": str(place)}
    secret = {"FFTCAS_REMOTE_KEY": str(key), "secrets.FFTCAS_REMOTE_KEY": key.read_text()}
    # The mount of the recipe lies elsewhere here.
    recipes = tmp_path / "recipes"
    recipes.mkdir()
    (recipes / recipe).write_text((RECIPES / recipe).read_text().replace("/mnt/fftcas", str(place)))
    monkeypatch.setitem(globals(), "RECIPES", recipes)

    first = run(main, recipe, "main", {**shared, **secret, "CI_BUILDS_DIR": str(main.home)}, tmp_path)
    assert "read-write" in first
    assert re.search(r"[1-9]\d* built", first)
    second = run(request, recipe, "request", {**shared, "CI_BUILDS_DIR": str(request.home)}, tmp_path)
    assert "read-only" in second
    assert re.search(r"^[1-9]\d* restored in ", second, re.MULTILINE), second
    again = run(poor, recipe, "main", {**shared, **secret, "CI_BUILDS_DIR": str(poor.home)}, tmp_path)
    assert re.search(r"^[1-9]\d* restored in ", again, re.MULTILINE), again


@pytest.fixture(scope="module", params=["moto", "weed"])
def bucket(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What the environment of a job says about a bucket on a real server."""
    if importlib.util.find_spec("obstore") is None:
        pytest.skip("the package obstore is not installed")
    for url in serve(request.param, tmp_path_factory.mktemp(request.param)):
        assert url.startswith("s3://bucket/")
        given = {name: os.environ[name] for name in (*KEYS, "AWS_ENDPOINT_URL", "AWS_ALLOW_HTTP")}
        yield {**given, "FFTCAS_BUCKET": f"bucket/{request.param}"}


@pytest.mark.parametrize("recipe", ["github-bucket.yml", "gitlab-bucket.yml"])
def test_a_bucket_serves_main_and_requests(tmp_path: Path, recipe: str, bucket: dict[str, str]) -> None:
    main, request, poor, rogue = (machine(tmp_path, name) for name in ("main", "request", "poor", "rogue"))
    key = tmp_path / "ci.key"
    public = main.fftcas("key", "new", "ci-main", "--out", str(key)).stdout.strip()
    name = f"{bucket['FFTCAS_BUCKET']}/{recipe.removesuffix('.yml')}"
    shared = {"FFTCAS_REMOTE_TRUST": public, "vars.FFTCAS_REMOTE_TRUST": public, "vars.FFTCAS_BUCKET": name}
    shared = {**bucket, **shared, "FFTCAS_BUCKET": name}
    secret = {"FFTCAS_REMOTE_KEY": str(key), "secrets.FFTCAS_REMOTE_KEY": key.read_text()}

    def job(demo: Demo, who: str, **more: str) -> str:
        return run(demo, recipe, who, {**shared, **more, "CI_BUILDS_DIR": str(demo.home)}, tmp_path)

    first = job(main, "main", **secret)
    assert f"remote: s3://{name}/tables, read-write, 0 outputs" in first
    assert re.search(r"[1-9]\d* built", first)
    second = job(request, "request")
    assert re.search(rf"remote: s3://{name}/tables, read-only, [1-9]\d* outputs", second), second
    assert re.search(r"^[1-9]\d* restored in ", second, re.MULTILINE), second
    # A request that publishes to main all the same, with the credentials of main's role, changes nothing for main.
    rogue.edit("models/marts/mart_user_orders.ff.sql", "sum(", "10 * sum(")
    poor.edit("models/marts/mart_user_orders.ff.sql", "sum(", "10 * sum(")
    wrong = job(rogue, "main", **{"FFTCAS_REMOTE_TRUST": "", "vars.FFTCAS_REMOTE_TRUST": ""})
    assert re.search(r"^[1-9]\d* restored, 1 built in ", wrong, re.MULTILINE), wrong
    assert "read-write" in wrong
    again = job(poor, "main", **secret)
    assert re.search(r"^[1-9]\d* restored, 1 built in ", again, re.MULTILINE), again
    assert re.search(r"^built +//marts:mart_user_orders", again, re.MULTILINE), again


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yml")), ids=lambda path: path.name)
def test_requests_never_see_the_key(path: Path) -> None:
    text, variables = scripts(path.name, "request")
    assert "FFTCAS_REMOTE_KEY" not in variables
    assert "--remote-mode ro" in text
    main_text, main_variables = scripts(path.name, "main")
    assert "--remote-mode required" in main_text
    assert path.name.startswith("gitlab") or "FFTCAS_REMOTE_KEY" in main_variables
    assert not re.search(r"^\s*pull_request_target", path.read_text(), re.MULTILINE)
