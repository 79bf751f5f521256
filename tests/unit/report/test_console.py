"""Lines of a run: in build order, and none waits for a node that is done in the end."""

from __future__ import annotations

import io

import pytest

from fftcas.build.outcome import Outcome, Status
from fftcas.build.run import Run
from fftcas.label import Label
from fftcas.report.console import Console, summary

ORDER = [Label.parse(f"//m:{name}") for name in "abcd"]


def console() -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(ORDER, out=out), out


def names(out: io.StringIO) -> str:
    """The nodes in the order of their lines."""
    return "".join(line.split("//m:")[1][0] for line in out.getvalue().splitlines())


def test_what_a_terminal_would_act_on_is_spelled() -> None:
    shown, out = console()
    shown.done(Outcome(ORDER[0], Status.BUILT, "a \x1b[2J\r\x9b \x1b[8m \u202e \x1b[32mb\n\tä"))
    assert out.getvalue().endswith(r"a \u001b[2J\u000d\u009b \u001b[8m \u202e " + "\x1b[32mb\n\tä\n")
    assert shown.said == [out.getvalue()[:-1]]


def test_a_line_waits_for_those_before_it() -> None:
    shown, out = console()
    for label, lines in ((ORDER[1], ""), (ORDER[0], "ab"), (ORDER[3], "ab"), (ORDER[2], "abcd")):
        shown.done(Outcome(label, Status.BUILT, ""))
        assert names(out) == lines


def test_no_line_waits_for_one_that_is_postponed() -> None:
    shown, out = console()
    shown.done(Outcome(ORDER[1], Status.BUILT, ""))
    shown.postponed(ORDER[0])
    assert names(out) == "b"
    shown.postponed(ORDER[3])
    shown.done(Outcome(ORDER[2], Status.BUILT, ""))
    assert names(out) == "bc"
    shown.done(Outcome(ORDER[0], Status.RESTORED, ""))
    shown.done(Outcome(ORDER[3], Status.RESTORED, ""))
    assert names(out) == "bcad"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("no_color", ["", "1"])
def test_only_a_terminal_has_colours_and_cuts_reasons(monkeypatch: pytest.MonkeyPatch, no_color: str) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    reason = "@crm//:users has other rows, //marts/deep:spend as well"
    log, terminal = io.StringIO(), Terminal()
    for out in (log, terminal):
        Console(ORDER, out=out).done(Outcome(ORDER[0], Status.BUILT, reason))
    assert log.getvalue().endswith(f"{reason}\n")
    assert ("\033[32mbuilt   \033[0m" in terminal.getvalue()) == (not no_color)
    assert "@crm//:users has other rows, spend as w…" in terminal.getvalue()


def test_a_run_that_was_broken_off_does_not_say_that_all_is_done() -> None:
    assert summary(Run("r", "", "", 5.7, ())) == "nothing to do in 5.7 s"
    assert summary(Run("r", "", "", 5.7, (), interrupted=True)) == "nothing done in 5.7 s (interrupted)"
