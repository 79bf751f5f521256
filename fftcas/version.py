"""The version, which needs no look at what is installed."""

__version__ = "0.1.0"
