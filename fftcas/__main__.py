"""`python -m fftcas` is `fftcas`."""

import sys

from fftcas.cli.main import main

sys.exit(main())
