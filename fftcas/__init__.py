"""fftcas builds SQL and Python data models the way Nix and Bazel build software."""

from fftcas.declare import engine_model, env, model, var

__all__ = ["engine_model", "env", "model", "var"]
