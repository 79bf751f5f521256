"""The local store."""

from fftcas.store.blobs import MissingBlob
from fftcas.store.realisation import Realisation
from fftcas.store.runs import RunRecord
from fftcas.store.store import Store, measure_table

__all__ = ["MissingBlob", "Realisation", "RunRecord", "Store", "measure_table"]
