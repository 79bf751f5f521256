"""`fftcas why-hit`: the proof that a node does not have to run."""

from __future__ import annotations

import click

from fftcas.cli.common import complete_label, load, project_options


@click.command("why-hit")
@click.argument("label", shell_complete=complete_label)
@click.option("-v", "--verbose", count=True, help="With keys and all columns.")
@project_options
def why_hit(label: str, verbose: int, directory: str | None, profile: str | None, variables: tuple[str, ...]) -> None:
    """Prove that LABEL does not have to run: what its output was made of, when, by which run; its bytes verified."""
    from fftcas.build.why_hit import prove_hit
    from fftcas.errors import UsageError
    from fftcas.project.nodes import Source
    from fftcas.report import why_hit as report
    from fftcas.report.paint import visible
    from fftcas.store import Store

    project = load(directory, profile, variables)
    node = project.nodes[project.find(label).label]
    if isinstance(node, Source):
        raise UsageError(f"{node.label} is a source: it is read, not built")
    with Store.open() as store:
        proof = prove_hit(project, store, node.label)
    if proof is None:
        print(f"{node.label} is no hit: `fftcas why-rebuild {node.label}` says why")
        return
    for line in report.text(proof, verbose):
        print(visible(line))
