"""`python -m fftcas` is `fftcas`."""

import sys

from fftcas.cli.entry import main

sys.exit(main())
