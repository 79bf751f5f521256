"""A run as JUnit XML, which CI systems show: a test case for each node."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from fftcas.build.outcome import Status
from fftcas.build.run import Run
from fftcas.project.project import Project

NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(project: Project, run: Run) -> str:
    """The document as text."""
    suite = ET.Element(
        "testsuite",
        name=_text(project.settings.name),
        tests=str(len(run.outcomes)),
        failures=str(run.count(Status.FAILED)),
        skipped=str(run.count(Status.SKIPPED)),
        errors=str(sum(spent.status == "error" for spent in run.budgets)),
        time=f"{run.seconds:.3f}",
        timestamp=run.started_at,
    )
    for outcome in run.outcomes:
        label = outcome.label
        package = f"{'@' + label.repo if label.repo else ''}//{label.package}"
        case = ET.SubElement(
            suite, "testcase", classname=_text(package), name=_text(label.name), time=f"{outcome.seconds:.3f}"
        )
        if outcome.error is not None:
            failure = ET.SubElement(case, "failure", message=_text(outcome.error.what))
            failure.text = _text(str(outcome.error))
        elif outcome.status is Status.SKIPPED:
            ET.SubElement(case, "skipped", message=_text(outcome.reason))
        else:
            ET.SubElement(case, "system-out").text = _text(f"{outcome.status}: {outcome.reason}")
    for spent in run.budgets:
        if spent.status == "error":
            case = ET.SubElement(suite, "testcase", classname="budgets", name=_text(spent.budget.scope))
            ET.SubElement(case, "error", message=_text(f"over budget: {spent}"))
    suite.set("tests", str(len(suite)))
    ET.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suite, encoding="unicode") + "\n"


def _text(text: str) -> str:
    """The text without what XML cannot hold, not even escaped."""
    return NOT_XML.sub("�", text)
