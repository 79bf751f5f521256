"""The remote: a directory or a bucket where outputs are shared."""

from fftcas.store.remote.fetch import Responses
from fftcas.store.remote.keys import PublicKey, Signer, Trust
from fftcas.store.remote.probe import RemoteMode, reach_for
from fftcas.store.remote.reach import Reach
from fftcas.store.remote.remote import Remote, RemoteReport

__all__ = [
    "PublicKey",
    "Reach",
    "Remote",
    "RemoteMode",
    "RemoteReport",
    "Responses",
    "Signer",
    "Trust",
    "reach_for",
]
