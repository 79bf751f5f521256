"""The local store."""

from fftcas.store.blobs import MissingBlob
from fftcas.store.realisation import Realisation
from fftcas.store.runs import Relation, RunRecord
from fftcas.store.store import Store, measure_table
from fftcas.store.together import Together

__all__ = ["MissingBlob", "Realisation", "Relation", "RunRecord", "Store", "Together", "measure_table"]
