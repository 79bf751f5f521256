"""`python -m fftcas` is `fftcas`."""

import sys

from fftcas.cli.entry import main

if __name__ == "__main__":  # processes that a model spawns import this as well
    sys.exit(main())
