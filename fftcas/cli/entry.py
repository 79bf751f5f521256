"""Where `fftcas` begins: what needs no finding out is said at once, before anything large is imported."""

from __future__ import annotations

import gc
import os
import sys
import time
from contextlib import suppress

from fftcas.cli.commands import HELP, REMEMBERED, TELLING
from fftcas.streams import flush, is_unwritable, reopen_closed, write_anything
from fftcas.version import __version__

INTERRUPTED = 130
UNWRITABLE = 2
PATIENCE = 2.0
"""Seconds that threads have to end which models have left."""


def main() -> int:
    """Run the command line of this process; returns the exit code."""
    reopen_closed()
    write_anything()
    code = 0
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of a pipe went away (`fftcas ls | head`): not an error; keep the interpreter from reporting it.
        sys.stdout = None
    except KeyboardInterrupt:  # while things were imported
        code = INTERRUPTED
    except OSError as error:
        if not is_unwritable(error):
            raise
        code = code or UNWRITABLE
        flush()
        if sys.stderr:
            with suppress(OSError):
                print(f"error: what there is to say cannot be written\n  {error.strerror}", file=sys.stderr)
    flush()
    if code == INTERRUPTED:
        # A model's own Python code cannot be stopped, and would keep the process until it is done.
        os._exit(code)
    if "threading" in sys.modules:
        end_despite_threads(code)
    gc.freeze()  # the process ends: what lives is not gone through once more
    return code


def end_despite_threads(code: int) -> None:
    """End the process with this code if threads of models keep it for too long."""
    import threading

    left = [each for each in threading.enumerate() if not each.daemon and each is not threading.main_thread()]

    def end() -> None:
        time.sleep(PATIENCE)
        names = [each.name for each in left if each.is_alive()]
        if names:
            if sys.stderr:
                with suppress(OSError):
                    print(f"warning: a thread that a model has started was still running: {names[0]}", file=sys.stderr)
            flush()
            os._exit(code)

    if left:
        threading.Thread(target=end, daemon=True).start()


def run(arguments: list[str]) -> int:
    """Say what is known; run in full what is not. Returns the exit code."""
    if "_FFTCAS_COMPLETE" in os.environ:
        from fftcas.cli.completing import complete

        return complete(os.environ["_FFTCAS_COMPLETE"])
    if arguments == ["--version"]:
        print(f"fftcas {__version__}")
        return 0
    gc.set_threshold(300_000)  # next to nothing here lies in cycles; what lives is gone through again and again
    look = None
    if arguments and arguments[0] in REMEMBERED and HELP.isdisjoint(arguments):
        from fftcas.cli.look import look_at
        from fftcas.cli.unchanged import replay

        look = look_at(arguments, arguments)
        code = replay(look) if look else None
        if look and code is None and arguments[0] in TELLING:
            from fftcas.cli.quick import answer

            code = answer(look)
        if code is not None:
            return code
    from fftcas.cli.main import main as run_in_full

    return run_in_full(arguments, look)
