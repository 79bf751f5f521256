"""The commands, so that they can be listed without being imported."""

from __future__ import annotations

COMMANDS = {
    "build": ("fftcas.cli.build", "Bring PATTERNS (all nodes by default) and what they read up to date."),
    "seed": ("fftcas.cli.build", "Load the seeds among PATTERNS (all nodes by default)."),
    "run": ("fftcas.cli.build", "FFT's word for build."),
    "lock": ("fftcas.cli.lock", "Bring all nodes up to date, and write the responses they rest on to fftcas.lock."),
    "ls": ("fftcas.cli.ls", "Print the nodes that PATTERNS (all by default) mean, in build order."),
    "query": ("fftcas.cli.ls", "Print the nodes that EXPRESSION means."),
    "dag": ("fftcas.cli.dag", "Draw the graph of PATTERNS (all nodes by default): as Mermaid on stdout, or as a page."),
    "report": ("fftcas.cli.dag", "Write a page about the last run: its timeline, what took long, and what was saved."),
    "why-rebuild": (
        "fftcas.cli.why",
        "Tell what a build of PATTERNS (all nodes by default) would run, and which change did it.",
    ),
    "why-hit": (
        "fftcas.cli.why_hit",
        "Prove that LABEL does not have to run: what its output was made of, when, by which run; its bytes verified.",
    ),
    "log": ("fftcas.cli.past", "Print each output that LABEL was built into: run, time, commit, rows, and why."),
    "show": ("fftcas.cli.past", "Print the rows of an output, straight from the store."),
    "diff": ("fftcas.cli.past", "Print what differs between two outputs: columns, and rows by key."),
    "restore": ("fftcas.cli.past", "Put the whole database back as a run left it, from the store."),
    "gc": ("fftcas.cli.upkeep", "Delete outputs that were not used for long, and what nothing needs."),
    "doctor": ("fftcas.cli.upkeep", "Verify every object, and delete what is bad."),
    "pin": (
        "fftcas.cli.pin",
        "Keep what the last build made of LABEL, and of all that it reads, whatever gc has to do.",
    ),
    "unpin": ("fftcas.cli.pin", "Let gc take again what was pinned for LABEL."),
    "stats": ("fftcas.cli.stats", "Print what the store holds, how small that is, and what hits have saved over time."),
    "clean": (
        "fftcas.cli.clean",
        "Remove what runs left in the project (.fftcas/), and the store's records of its runs.",
    ),
    "init": ("fftcas.cli.init", "Write a small project into DIR (here by default), which has to be new or empty."),
    "key": ("fftcas.cli.key", "Make keys that sign what is published to a remote."),
}
"""Every command with the module that holds it (there, `_` stands for `-`) and the first sentence of its help."""

TELLING = ("ls", "query", "dag", "why-rebuild")
"""Commands that may be answered from what was kept of the project."""

REMEMBERED = ("build", "run", "seed", *TELLING)
"""Commands of which it may be known what they would say."""

PATTERNS = ("build", "run", "seed", "ls", "dag", "report", "why-rebuild")
"""Commands whose arguments are patterns, any number of them."""

LABELS = ("log", "show", "diff", "why-hit")
"""Commands whose first argument is a label."""

HELP = frozenset({"-h", "--help", "--version"})
"""Options that ask for a text and for nothing else: no project is read."""
