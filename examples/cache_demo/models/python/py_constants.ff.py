"""A table without inputs: only an edit of this file can change it."""

import pandas as pd

from fftcas import model

ANSWER = 42


@model(name="py_constants", tags=["constants"])
def py_constants() -> pd.DataFrame:
    return pd.DataFrame({"k": ["answer"], "v": [ANSWER]})
